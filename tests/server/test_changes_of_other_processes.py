"""What a serving process shows of the changes that another process made."""

import http.client
import json
from typing import Any

from tests.server.test_serve import key_of, until
from tests.support.commands import Earshot, Serving

READS = ("/posts", "/posts/all", "/posts/search?query=dark", "/posts?limit=1&order_by=title")


def send(serving: Serving, method: str, path: str, body: str | None = None, **headers: str) -> Any:
    """Send a request to ProductLift's API on a connection of its own; return the JSON of its successful response."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=30)
    headers = {"authorization": f"Bearer {key_of(serving, 'ProductLift')}", **headers}
    try:
        connection.request(method, f"/api/v1{path}", body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        assert response.status == 200, content
        return json.loads(content)
    finally:
        connection.close()


def send_json(serving: Serving, method: str, path: str, params: dict[str, Any]) -> Any:
    return send(serving, method, path, json.dumps(params), **{"content-type": "application/json"})


def test_every_worker_shows_a_tag_at_once_that_one_of_them_added(on_postgres: Earshot) -> None:
    with on_postgres.serving("--workers", "2", EARSHOT_RATE_LIMITS="off") as serving:
        until(lambda: len(serving.workers()) == 2)
        code = send_json(serving, "POST", "/posts", {"title": "Dark mode"})["data"]["id"]
        tag = send_json(serving, "POST", "/tags", {"name": "Urgent"})["data"]["id"]

        def names() -> set[tuple[str, ...]]:
            """What the reads show, each on several connections, which the system deals to either process."""
            pages = [send(serving, "GET", path)["data"] for path in READS for _ in range(6)]
            posts = [post for page in pages for post in page if post["id"] == code]
            assert len(posts) == len(pages)
            posts += [send(serving, "GET", f"/posts/{code}")["data"] for _ in range(6)]
            return {tuple(tag["name"] for tag in post["tags"]) for post in posts}

        shown = [names()]
        for tag_ids in ([tag], [], [tag]):
            send_json(serving, "PATCH", f"/posts/{code}", {"tag_ids": tag_ids})
            shown.append(names())
        send(serving, "DELETE", f"/tags/{tag}")
        shown.append(names())

    assert shown == [{()}, {("Urgent",)}, {()}, {("Urgent",)}, {()}]


IMAGE = (
    '--x\r\ncontent-disposition: form-data; name="title"\r\n\r\nDark mode\r\n'
    '--x\r\ncontent-disposition: form-data; name="image"; filename="a.svg"\r\ncontent-type: image/svg+xml\r\n\r\n'
    '<svg xmlns="http://www.w3.org/2000/svg"></svg>\r\n--x--\r\n'
)


def test_the_images_of_a_portal_that_becomes_private_get_a_signed_url_within_a_second(
    earshot: Earshot, engine: str
) -> None:
    with earshot.serving(EARSHOT_RATE_LIMITS="off") as serving:
        created = send(serving, "POST", "/posts", IMAGE, **{"content-type": "multipart/form-data; boundary=x"})

        def is_signed() -> bool:
            urls = {post["image_main"] for path in READS for post in send(serving, "GET", path)["data"]}
            assert {url.partition("?")[0] for url in urls} == {created["data"]["image_main"]}
            return all("?expires=" in url for url in urls)

        before = is_signed()
        assert earshot.run("portals", "set", "private", "on").code == 0
        if engine == "sqlite":
            # The file says that another process wrote to it.
            assert is_signed()
        until(is_signed)
        assert earshot.run("portals", "set", "private", "off").code == 0
        until(lambda: not is_signed())

    assert not before

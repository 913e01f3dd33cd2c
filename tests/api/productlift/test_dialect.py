"""How the documented samples and known clients of ProductLift ask. docs/contracts/productlift.md, sections 1 and 5."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, invalid, user

JSON = {"content-type": "application/json", "accept": "application/json"}
PLAIN_PAGE = {"hasMore": False, "total": 3, "skip": 0, "limit": 10}


async def three(make: Factory) -> None:
    for title in ("One", "Two", "Three"):
        await make.post(title=title)


@pytest.mark.parametrize("body", ['{"limit":62,"skip":1}', '{"limit":0}', '{"status":[1,2],"order_by":"title"}', "[1]"])
async def test_json_text_in_the_query_is_ignored(body: str, make: Factory, productlift: Client) -> None:
    """`curl --get --data '{"limit":62}'` puts the text into the query, with and without a content type of JSON."""
    await three(make)

    for query in (body, quote(body), quote(body, safe='{}":,[]')):
        for headers in (JSON, {"content-type": "application/x-www-form-urlencoded"}, {}):
            response = await productlift.get(f"/posts?{query}", headers=headers)
            page = response.json()
            assert response.status_code == 200
            assert [post["title"] for post in page.pop("data")] == ["Three", "Two", "One"]
            assert page == PLAIN_PAGE


@pytest.mark.parametrize("path", ["/posts", "/users", "/posts/search_duplicates", "/tabs/roadmap/fetch"])
async def test_json_text_in_the_query_of_other_lists_is_ignored(path: str, productlift: Client) -> None:
    response = await productlift.get(f"{path}?{quote(json.dumps({'title': 'a', 'limit': 0, 'email': 'x'}))}")

    assert response.status_code == 200


async def test_json_text_in_the_query_sets_no_required_field(productlift: Client) -> None:
    response = await productlift.get(f"/users/find_by_email?{quote(json.dumps({'email': 'owner@example.com'}))}")

    assert status_and_json(response) == invalid(email="The email field is required.")


async def test_a_json_body_of_a_get_request_overrides_the_query(make: Factory, productlift: Client) -> None:
    await three(make)

    page = (await productlift.send_json("GET", "/posts?limit=1&order_by=title", {"limit": 2, "skip": "1"})).json()

    assert [post["title"] for post in page["data"]] == ["Three", "Two"]
    assert (page["skip"], page["limit"], page["hasMore"]) == (1, 2, False)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"]
)
async def test_a_body_with_a_json_content_type_is_parsed_as_json(
    content_type: str, make: Factory, productlift: Client
) -> None:
    await three(make)

    response = await productlift.request(
        "GET", "/posts", content=b'{"limit": 1}', headers={"content-type": content_type}
    )

    assert response.json()["limit"] == 1


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_get_request_ignores_other_bodies(content_type: str, productlift: Client) -> None:
    response = await productlift.request(
        "GET", "/posts?skip=3", content=b'limit=1&{"limit":1}', headers={"content-type": content_type}
    )

    assert (response.json()["limit"], response.json()["skip"]) == (10, 3)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"7", b'"title"', b"[]", b'{"title": "\\ud800"}', b"\xff", b'{"title": NaN}', b"[" * 99],
)
async def test_a_body_that_is_not_a_json_object_has_no_parameters(
    content: bytes, make: Factory, productlift: Client
) -> None:
    response = await productlift.post("/posts", content=content, headers=JSON)

    assert status_and_json(response) == invalid(title="The title field is required.")
    assert (await productlift.request("GET", "/posts", content=content, headers=JSON)).json()["limit"] == 10


@pytest.mark.parametrize("verb", ["GET", "DELETE", "POST"])
async def test_an_empty_body_may_have_a_json_content_type(verb: str, make: Factory, productlift: Client) -> None:
    post, uuid = await make.post(), await make.uuid(await make.user())
    path = f"/posts/{post}/votes" if verb == "GET" else f"/posts/{post}/votes/{uuid}"
    if verb == "DELETE":
        await productlift.post(path, headers=JSON)

    assert (await productlift.request(verb, path, headers=JSON)).status_code == 200


async def test_a_form_may_send_empty_values_for_omitted_fields(make: Factory, productlift: Client) -> None:
    """What a form's plugin sends for an idea and for a user of whom only the address is known."""
    blank = dict.fromkeys(("description", "category_id", "status_id", "section_id", "user_id"), "")
    idea = await productlift.post("/posts", json={"title": "Idea", **blank}, headers=JSON)
    person = {"name": "", "password": "", "invitation_message": "", "skip_email": ""}
    jane = await productlift.post("/users", json={"email": "jane@example.com", "role": "member", **person})

    assert idea.status_code == 200
    assert idea.json()["data"]["status"]["name"] == "New"
    uuid = jane.json()["data"]["id"]
    assert status_and_json(jane) == (200, {"data": user(uuid, "Jane", "jane@example.com")})
    kept = await productlift.put(f"/users/{uuid}", json={"email": "", "role": "", **person})
    assert status_and_json(kept) == (200, {"data": user(uuid, "Jane", "jane@example.com")})


@pytest.mark.parametrize("how", ["field", "query", "header", "multipart"])
@pytest.mark.parametrize("verb", ["PATCH", "put", "Patch"])
async def test_a_post_request_may_override_its_method_with_an_update(
    how: str, verb: str, make: Factory, productlift: Client
) -> None:
    post = await make.post(title="Old")
    sent: dict[str, Any] = {"title": "New"}
    path, headers = f"/posts/{post}", {}
    if how == "query":
        path += f"?_method={verb}"
    elif how == "header":
        headers["x-http-method-override"] = verb
    else:
        sent["_method"] = verb
    if how == "multipart":
        response = await productlift.post(path, files={name: (None, value) for name, value in sent.items()})
    else:
        response = await productlift.post(path, json=sent, headers=headers)

    assert (response.status_code, response.json()["data"]["title"]) == (200, "New")


async def test_a_post_request_may_override_its_method_with_delete(make: Factory, productlift: Client) -> None:
    post = await make.post()

    assert status_and_json(await productlift.post(f"/posts/{post}", data={"_method": "delete"})) == DELETED
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_only_a_post_request_can_override_its_method(method: str, make: Factory, productlift: Client) -> None:
    path, headers = f"/posts/{await make.post()}?_method=DELETE", {"x-http-method-override": "DELETE"}

    assert (await productlift.request(method, path, headers=headers)).json()["data"]["title"]
    assert len(await make.rows("SELECT id FROM posts")) == 1


async def test_multipart_without_a_boundary_in_its_header_is_parsed(make: Factory, productlift: Client) -> None:
    """Several samples set the bare type by hand."""
    body = b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nDark mode\r\n--xyz--\r\n'
    headers = {"content-type": "multipart/form-data"}

    read = await productlift.post("/posts", content=body, headers=headers)
    unreadable = await productlift.post("/posts", content=b"title=Dark mode", headers=headers)

    assert (read.status_code, read.json()["data"]["title"]) == (200, "Dark mode")
    assert status_and_json(unreadable) == invalid(title="The title field is required.")


@pytest.mark.parametrize("sent", ["title=a%00b", "title=%FF%FE", "title=" + "%F0%9F%8C%92" * 90])
async def test_invalid_bytes_in_a_form_never_cause_a_5xx(sent: str, productlift: Client) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}

    assert (await productlift.post("/posts", content=sent.encode(), headers=headers)).status_code in (200, 422)


async def test_concurrently_read_pages_neither_skip_nor_repeat_posts(make: Factory, productlift: Client) -> None:
    made = {await make.code(await make.post(title="Same")) for _ in range(23)}
    total = (await productlift.get("/posts?limit=1")).json()["total"]

    seen = []
    for offset in range(0, total, 10):
        page = (await productlift.get(f"/posts?limit=10&skip={offset}")).json()
        assert page["hasMore"] is (offset < 20)
        seen += [post["id"] for post in page["data"]]

    assert len(seen) == 23
    assert set(seen) == made

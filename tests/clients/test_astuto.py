"""The samples of Astuto's reference and of its clients, run as they are written: only address and key are filled in."""

from tests.clients.conftest import Clients

LIST_WITH_CURL = r"""
curl --silent -X 'GET' \
  '{PORTAL-URL}/api/v1/posts?limit=3&offset=1' \
  -H 'accept: application/json' \
  -H 'Authorization: Bearer {AUTH_KEY}'
"""
LIST_IN_ONE_LINE = (
    """curl --silent --get --data '{"limit":62}' -H 'Authorization: Bearer {AUTH_KEY}' {PORTAL-URL}/api/v1/posts"""
)
CREATE_WITH_CURL = r"""
curl --silent -X 'POST' \
  '{PORTAL-URL}/api/v1/posts' \
  -H 'accept: application/json' \
  -H 'Authorization: Bearer {AUTH_KEY}' \
  -H 'Content-Type: application/json' \
  -d '{
  "title": "My title",
  "description": "string",
  "board_id": {board}
}'
"""
CREATE_AS_A_FORM = """
curl --silent {PORTAL-URL}/api/v1/posts -H 'Authorization: Token token="{AUTH_KEY}"' \
    -F 'title=My title in a form' -F board_id={board}
"""
LIST_IN_PYTHON = """
import json
import requests

headers = {"Authorization": "Bearer {AUTH_KEY}"}
posts = requests.get("{PORTAL-URL}/api/v1/posts", headers=headers, json={"limit": 2})
user = requests.get("{PORTAL-URL}/api/v1/users/get_by_email", headers=headers, json={"email": "owner@example.com"})
print(json.dumps([posts.json(), user.json()]))
"""
WRITE_IN_PYTHON = """
import json
import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer {AUTH_KEY}"
base = "{PORTAL-URL}/api/v1"
board = session.post(f"{base}/boards", json={"name": "Ideas of clients"}).json()["id"]
post = session.post(f"{base}/posts", json={"title": "My title in Python", "board_id": board}).json()["id"]
user = session.post(f"{base}/users", json={"email": "Jane.Roe@example.com", "full_name": "Jane Roe"}).json()["id"]
vote = session.post(f"{base}/votes", json={"post_id": post, "impersonated_user_id": user}).json()["id"]
comment = session.post(f"{base}/comments", json={"post_id": post, "body": "Well said"}).json()["id"]
marked = session.put(f"{base}/comments/{comment}/mark_as_post_update")
gone = session.delete(f"{base}/votes/{vote}")
shown = session.get(f"{base}/posts/{post}").json()
print(json.dumps([shown, marked.json() == {"id": comment}, gone.json() == {"id": vote}]))
"""
LIST_IN_NODE = """
const answer = await fetch("{PORTAL-URL}/api/v1/boards?" + new URLSearchParams({ limit: "1" }), {
  headers: { Authorization: "Bearer {AUTH_KEY}" },
});
console.log(JSON.stringify(await answer.json()));
"""
WRITE_IN_NODE = """
const headers = { Authorization: "Bearer {AUTH_KEY}", "Content-Type": "application/json" };
const made = await fetch("{PORTAL-URL}/api/v1/posts", {
  method: "POST",
  headers,
  body: JSON.stringify({ title: "My title in Node", description: null, board_id: {board} }),
});
const { id } = await made.json();
const statuses = await (await fetch("{PORTAL-URL}/api/v1/post_statuses", { headers })).json();
const moved = await fetch(`{PORTAL-URL}/api/v1/posts/${id}/update_status`, {
  method: "PUT",
  headers,
  body: JSON.stringify({ post_status_id: statuses[1].id }),
});
const post = await (await fetch(`{PORTAL-URL}/api/v1/posts/${id}`, { headers })).json();
console.log(JSON.stringify([made.status, moved.status, post.title, post.post_status.name, statuses[1].name]));
"""


def boards(astuto: Clients) -> list[int]:
    return [board["id"] for board in astuto.node(LIST_IN_NODE)]


def test_curl_lists_with_a_query(astuto: Clients) -> None:
    first, second = astuto.curl(LIST_WITH_CURL), astuto.curl(LIST_IN_ONE_LINE)

    assert len(first) == 3
    assert all(post["user"]["email"] for post in first)
    # What curl makes of JSON in a query names nothing, so the default limit holds.
    assert len(second) == 20
    assert [post["id"] for post in first] == [post["id"] for post in second][1:4]


def test_curl_writes_json_and_forms(astuto: Clients) -> None:
    board = str(boards(astuto)[0])
    for sample, title, description in (
        (CREATE_WITH_CURL, "My title", "string"),
        (CREATE_AS_A_FORM, "My title in a form", None),
    ):
        made = astuto.curl(sample, board=board)
        assert list(made) == ["id"]

        shown = astuto.curl(
            f"curl --silent {{PORTAL-URL}}/api/v1/posts/{made['id']} -H 'Authorization: Bearer {{AUTH_KEY}}'"
        )

        assert (shown["title"], shown["description"], shown["board"]["id"]) == (title, description, int(board))
        assert shown["approval_status"] == "approved"
        assert "post_status" not in shown


def test_requests_lists_with_a_json_body_on_get(astuto: Clients) -> None:
    posts, user = astuto.python(LIST_IN_PYTHON)

    assert len(posts) == 2
    assert user["email"] == "owner@example.com"


def test_requests_creates_updates_and_deletes_resources(astuto: Clients) -> None:
    post, marked, gone = astuto.python(WRITE_IN_PYTHON)

    assert (post["title"], post["board"]["name"]) == ("My title in Python", "Ideas of clients")
    assert marked
    assert gone


def test_fetch_lists_all_boards_with_any_limit(astuto: Clients) -> None:
    assert len(boards(astuto)) >= 3


def test_fetch_writes_and_moves_a_post(astuto: Clients) -> None:
    made, moved, title, status, wanted = astuto.node(WRITE_IN_NODE, board=str(boards(astuto)[0]))

    assert (made, moved, title, status) == (201, 200, "My title in Node", wanted)

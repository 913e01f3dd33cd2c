"""The differences from Astuto, one test a row of docs/compatibility.md, section 4.1, where no other test has it."""

import json
import re
from datetime import UTC, datetime

from app.application import Application
from app.domain.users import users
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.servers import Postgres

NO_ROUTE = (404, {"status": 404, "error": "Not Found"})
WRONG = (400, {"errors": ["Some parameters are wrong in the request. Please check the documentation."]})
DENIED = (401, {"errors": ["Access denied."]})
NOT_PENDING = (422, {"errors": ["Post is not pending approval"]})
NOON = datetime(2026, 1, 12, 12, 0, 30, tzinfo=UTC)


async def test_an_unknown_path_or_method_always_returns_the_same_404(make: Factory, astuto: Client) -> None:
    post = await make.post()
    accepts = ("text/html", "application/json", "*/*")

    responses = [
        await client.request(method, path, headers={"accept": accept})
        for client in (astuto, astuto.of(None, base="/astuto/api/v1"))
        for method, path in (("GET", "/nothing"), ("DELETE", "/boards"), ("PATCH", f"/posts/{post}/approve"))
        for accept in accepts
    ]

    assert [status_and_json(response) for response in responses] == [NO_ROUTE] * 18
    assert {response.headers["content-type"] for response in responses} == {"application/json; charset=utf-8"}


async def test_an_array_of_several_values_identifies_no_user(make: Factory, astuto: Client) -> None:
    jane, john = await make.user(email="jane@example.com"), await make.user(email="john@example.com")
    post = await make.post()

    response = await astuto.get("/users/get_by_email?email[]=jane@example.com&email[]=john@example.com")
    rejected = [
        await astuto.post("/votes", json={"post_id": post, "impersonated_user_id": named})
        for named in ([jane, john], {"id": jane})
    ]

    assert status_and_json(response) == (404, {"errors": ["User with email  not found"]})
    no_user = (401, {"errors": ["Impersonation error: Could not find the user to impersonate."]})
    assert [status_and_json(one) for one in rejected] == [no_user] * 2
    assert await make.value("SELECT count(*) FROM votes") == 0


async def test_malformed_input_returns_400_after_the_key_is_checked(make: Factory, astuto: Client) -> None:
    post = await make.post()
    past = 2**63
    as_json = {"content-type": "application/json"}
    requests: list[tuple[str, str, bytes]] = [
        ("POST", "/posts", b'{"title": "Dark mode"'),
        ("POST", "/posts", b'{"title": "Dark\\u0000mode", "board_id": 1}'),
        ("GET", "/posts?board_id=%00", b""),
        ("POST", "/comments", json.dumps({"post_id": post, "body": "Hi", "parent_id": past}).encode()),
        ("PUT", f"/posts/{post}/update_status", json.dumps({"post_status_id": past}).encode()),
        ("PUT", f"/posts/{post}/update_board", json.dumps({"board_id": past}).encode()),
        ("GET", f"/posts?limit={past}", b""),
        ("GET", "/users?limit=abc", b""),
        ("GET", "/votes?limit=-1", b""),
        ("GET", "/comments?limit=2.7", b""),
        ("GET", "/posts?offset=-1", b""),
        ("GET", f"/posts?offset={past}", b""),
    ]

    with_key = [
        await astuto.request(method, path, content=content, headers=as_json) for method, path, content in requests
    ]
    stranger = astuto.of("tkn_mod_unknown")
    without = [
        await stranger.request(method, path, content=content, headers=as_json) for method, path, content in requests
    ]

    assert [status_and_json(response) for response in with_key] == [WRONG] * len(requests)
    assert [status_and_json(response) for response in without] == [DENIED] * len(requests)
    assert await make.value("SELECT count(*) FROM comments") == 0


async def test_a_limit_has_no_maximum(make: Factory, astuto: Client) -> None:
    post = await make.post()
    await make.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)"
        " INSERT INTO comments (portal_id, post_id, user_id, body, created_at, updated_at)"
        " SELECT portal_id, id, user_id, 'Comment ' || i, created_at, updated_at FROM posts, n"
    )

    response = await astuto.get("/comments", params={"limit": 1000000, "post_id": post})

    assert response.status_code == 200
    assert [comment["body"] for comment in response.json()] == [f"Comment {number}" for number in range(2500, 0, -1)]
    assert response.json()[-1] == (await astuto.get(f"/comments/{response.json()[-1]['id']}")).json()
    assert "etag" not in response.headers


async def test_an_empty_or_null_limit_means_the_default(make: Factory, astuto: Client) -> None:
    for _ in range(22):
        await make.post()

    in_query = [await astuto.get(f"/posts?{query}") for query in ("limit=", "limit", "limit=null", "limit=%20")]
    in_body = [await astuto.send_json("GET", "/posts", {"limit": value}) for value in (None, "")]

    assert [len(response.json()) for response in (*in_query, *in_body)] == [20] * 6


async def test_an_invalid_offset_means_its_leading_integer_or_0(make: Factory, astuto: Client) -> None:
    newest_last = [await make.post() for _ in range(4)]

    async def first(offset: str) -> int:
        return int((await astuto.get(f"/posts?offset={offset}")).json()[0]["id"])

    assert [await first(offset) for offset in ("abc", "", "x2", "2abc", "2.9")] == [
        newest_last[3],
        newest_last[3],
        newest_last[3],
        newest_last[1],
        newest_last[1],
    ]


async def test_users_without_a_limit_are_limited_to_100(make: Factory, astuto: Client) -> None:
    await make.run(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120)"
        " INSERT INTO users (portal_id, uuid, name, created_at, updated_at)"
        " SELECT portal_id, CAST(i AS VARCHAR(36)), 'User', created_at, updated_at FROM users, n WHERE id = :owner",
        owner=make.owner,
    )

    assert len((await astuto.get("/users")).json()) == 100


async def test_a_comment_update_without_a_body_changes_nothing(make: Factory, astuto: Client, clock: TestClock) -> None:
    comment = await make.comment(await make.post())
    before = await make.rows("SELECT * FROM comments")
    clock.advance(hours=1)

    response = await astuto.put(f"/comments/{comment}", json={"is_post_update": True})

    assert status_and_json(response) == (200, {"id": comment})
    assert await make.rows("SELECT * FROM comments") == before


async def test_approving_a_post_that_is_not_pending_returns_422(make: Factory, astuto: Client) -> None:
    approved, rejected = await make.post(), await make.post(moderation="rejected")
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))

    for post in (approved, rejected):
        for verb in ("approve", "reject"):
            assert status_and_json(await moderator.put(f"/posts/{post}/{verb}")) == NOT_PENDING
    assert status_and_json(await moderator.put("/posts/4711/approve")) == (
        404,
        {"errors": ["Post with id 4711 not found"]},
    )
    states = await make.rows("SELECT moderation FROM posts ORDER BY id")
    assert [row["moderation"] for row in states] == ["approved", "rejected"]


async def test_a_move_to_an_unknown_board_returns_400(make: Factory, astuto: Client) -> None:
    post = await make.post()

    responses = [await astuto.put(f"/posts/{post}/update_board", json={"board_id": board}) for board in (4711, "abc")]
    status = await astuto.put(f"/posts/{post}/update_status", json={"post_status_id": 4711})

    assert [status_and_json(response) for response in (*responses, status)] == [WRONG] * 3


async def test_a_null_or_blank_is_post_update_is_false(make: Factory, astuto: Client) -> None:
    post = await make.post()

    for mark in (None, ""):
        response = await astuto.post("/comments", json={"post_id": post, "body": "Hi", "is_post_update": mark})
        assert response.status_code == 201
        assert (await astuto.get(f"/comments/{response.json()['id']}")).json()["is_post_update"] is False


async def test_an_invalid_slug_of_a_board_is_replaced_by_the_slug_of_its_name(make: Factory, astuto: Client) -> None:
    async def slug(name: str, requested: object) -> str:
        response = await astuto.post("/boards", json={"name": name, "slug": requested})
        assert response.status_code == 201
        return str((await astuto.get(f"/boards/{response.json()['id']}")).json()["slug"])

    assert await slug("One", "My own/Slug") == "my-own-slug"
    assert await slug("Two", None) == "two"
    assert await slug("Three", "") == "three"
    assert await slug("Four", "日本語") == "four"
    assert await slug("Five", "my-own-slug") == "five"
    assert re.fullmatch("one-[0-9a-f-]{36}", await slug("One!", "One")) is None
    assert re.fullmatch("my-own-slug-[0-9a-f-]{36}", await slug("My own slug", "my own slug"))


async def test_a_board_name_over_512_characters_is_rejected(make: Factory, astuto: Client) -> None:
    at_most = await astuto.post("/boards", json={"name": "😀" * 512})
    more = await astuto.post("/boards", json={"name": "😀" * 513})

    assert at_most.status_code == 201
    assert status_and_json(more) == (422, {"errors": ["Name is too long (maximum 512 characters)"]})


async def test_an_email_over_255_characters_is_invalid(make: Factory, astuto: Client) -> None:
    domain = ".".join(["b" * 60] * 3)

    at_most = await astuto.post("/users", json={"email": "a" * (254 - len(domain)) + "@" + domain, "full_name": "Jane"})
    more = await astuto.post("/users", json={"email": "a" * (255 - len(domain)) + "@" + domain, "full_name": "Jane"})

    assert at_most.status_code == 201
    assert status_and_json(more) == (422, {"errors": ["Email is invalid"]})


async def test_the_key_of_a_blocked_user_is_rejected(make: Factory, astuto: Client) -> None:
    user = await make.user(role="admin")
    theirs = astuto.of(await make.key(user, "astuto"))
    assert (await theirs.get("/boards")).status_code == 200

    await astuto.put(f"/users/{user}/block")
    blocked = await theirs.get("/boards")
    await make.act(lambda work: users.unblock(work, user))
    unblocked = await theirs.get("/boards")

    assert [status_and_json(response) for response in (blocked, unblocked)] == [DENIED] * 2
    assert blocked.headers["www-authenticate"] == 'Bearer realm="Application"'


async def test_emails_are_compared_without_case_and_padding(make: Factory, astuto: Client) -> None:
    created = await astuto.post("/users", json={"email": "Jane@Example.com"})
    user = created.json()["id"]

    again = await astuto.post("/users", json={"email": "  JANE@example.COM "})
    found = await astuto.get("/users/get_by_email", params={"email": " JANE@EXAMPLE.com"})

    assert (created.status_code, status_and_json(again)) == (201, (200, {"id": user}))
    assert (found.status_code, found.json()["id"], found.json()["email"]) == (200, user, "jane@example.com")


async def test_members_without_a_value_are_absent(make: Factory, astuto: Client) -> None:
    post = await make.post()
    await make.run("UPDATE posts SET user_id = NULL, status_id = NULL")

    single = (await astuto.get(f"/posts/{post}")).json()
    (listed,) = (await astuto.get("/posts")).json()

    assert single == listed
    assert {"post_status", "user"} & set(single) == set()
    assert single["description"] is None


async def test_boards_and_statuses_are_listed_by_id(make: Factory, astuto: Client) -> None:
    await make.run("UPDATE boards SET position = 10 - id, name = name || '!' WHERE id = :id", id=1)
    await make.run("UPDATE statuses SET position = 10 - id, name = name || '!'")

    for path in ("/boards", "/post_statuses"):
        ids = [row["id"] for row in (await astuto.get(path)).json()]
        assert ids == sorted(ids)
        assert len(ids) == {"/boards": 2, "/post_statuses": 5}[path]


async def test_the_key_of_a_user_below_moderator_is_revoked_for_good(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    user = await make.user(role="admin")
    theirs = astuto.of(await make.key(user, "astuto"))
    uuid = await make.uuid(user)
    before = await theirs.get("/boards")

    await productlift.patch(f"/users/{uuid}", json={"role": "member"})
    demoted = await theirs.get("/boards")
    await productlift.patch(f"/users/{uuid}", json={"role": "admin"})
    promoted = await theirs.get("/boards")

    assert before.status_code == 200
    assert [status_and_json(response) for response in (demoted, promoted)] == [DENIED] * 2


async def test_a_second_key_does_not_revoke_the_first(make: Factory, astuto: Client) -> None:
    user = await make.user(role="moderator")
    keys = [await make.key(user, "astuto") for _ in range(2)]

    assert [(await astuto.of(key).get("/boards")).status_code for key in keys] == [200, 200]


async def test_a_blocked_deleted_user_stays_deleted(make: Factory, astuto: Client, productlift: Client) -> None:
    user = await make.user()
    uuid = await make.uuid(user)
    await productlift.delete(f"/users/{uuid}")
    shell = {"email": f"deleted-{user}@deleted.invalid", "full_name": "[User Deleted]"}

    response = await astuto.put(f"/users/{user}/block")

    shown = (await astuto.get(f"/users/{user}")).json()
    assert status_and_json(response) == (200, {"id": user})
    assert {name: shown[name] for name in shell} == shell
    assert (await productlift.get(f"/users/{uuid}")).status_code == 404


async def test_json_is_not_escaped_and_x_runtime_is_not_sent(make: Factory, astuto: Client) -> None:
    post = await make.post(title="<a> & b > c", description="\u2028 é 😀")

    response = await astuto.get(f"/posts/{post}")

    assert '"title":"<a> & b > c","description":"\u2028 é 😀"' in response.text
    assert "x-runtime" not in response.headers


async def test_an_unavailable_database_causes_503_until_it_is_available(
    server_without_database: Application, postgres: Postgres
) -> None:
    async with Client(server_without_database, token="tkn_admin_whoever") as client:
        with_prefix = client.of(client.token, base="/astuto/api/v1")
        responses = [await client.get("/boards"), await with_prefix.get("/boards")]
        postgres.start()
        again = await client.get("/boards")

    unavailable = (503, {"errors": ["Service temporarily unavailable."]})
    assert [status_and_json(response) for response in responses] == [unavailable] * 2
    assert {response.headers["retry-after"] for response in responses} == {"2"}
    assert status_and_json(again) == DENIED


async def test_a_post_request_may_override_its_method(make: Factory, astuto: Client) -> None:
    one, two = await make.post(), await make.post()

    by_field = await astuto.post(f"/posts/{one}", data={"_method": "delete"})
    by_header = await astuto.post(f"/posts/{two}", headers={"x-http-method-override": "DELETE"})

    assert (status_and_json(by_field), status_and_json(by_header)) == ((200, {"id": one}), (200, {"id": two}))
    assert (await astuto.get("/posts")).json() == []

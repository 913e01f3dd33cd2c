"""Posts one at a time in ProductLift's dialect. docs/contracts/productlift.md, sections 7.9 to 7.12."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, deleted, invalid, owner, post, unknown, user

MONDAY = datetime(2023, 5, 6, 9, 30, 0, 987654, tzinfo=UTC)
ON_MONDAY = {"at": "2023-05-06T09:30:00Z", "day": "6 May 2023"}
NEW = {"name": "New", "color": "#8B95A1", "tab_name": "Feedback"}


async def test_a_new_post_is_returned_with_all_members(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    category, section = await make.category("Speed"), await make.section()
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid = await make.uuid(jane)
    sent = {
        "title": "  Dark mode 🌒  ",
        "description": "<p>Please &amp; <b>thank</b>\n you</p>" + "x" * 200,
        "category_id": category,
        "status_id": make.statuses["Planned"],
        "section_id": str(section),
        "user_id": uuid.upper(),
        "image": None,
        "attachment": "",
        "votes_count": 50,
    }

    created = await productlift.post("/posts", json=sent)

    code = created.json()["data"]["id"]
    expected = post(
        code,
        "dark-mode",
        "Dark mode 🌒",
        **ON_MONDAY,
        description="<p>Please &amp; <b>thank</b>\n you</p>" + "x" * 200,
        description_short="Please & thank you " + "x" * 141,
        author=user(uuid, "Jane Roe", "jane@example.com", posts=1),
        categories=[{"id": category, "name": "Speed", "color": "#ABDEE6"}],
        status={"id": make.statuses["Planned"], "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"},
        section_id=section,
        category={"id": category, "name": "Speed", "color": "#ABDEE6"},
    )
    assert status_and_json(created) == (200, {"data": expected})
    assert list(created.json()["data"]) == list(expected)
    assert len(code) == 6
    assert code.isascii() and code.isalnum() and not code.isdigit()
    assert status_and_json(await productlift.get(f"/posts/{code}")) == (200, {"data": expected})
    assert (await productlift.get("/posts")).json()["data"] == [expected]
    assert await make.rows("SELECT board_id, moderation FROM posts") == [
        {"board_id": make.boards["Feature Requests"], "moderation": "approved"}
    ]
    assert await make.rows("SELECT post_id, user_id FROM follows") == [{"post_id": 1, "user_id": jane}]
    (event,) = await make.facts("post.submitted")
    assert (event["post_id"], event["user_id"], event["actor_id"]) == (1, jane, make.owner)
    assert event["base_url"] == "http://feedback.example.com"
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"description": "", "category_id": "", "status_id": "", "section_id": "", "user_id": "", "image": ""},
        {"description": None, "category_id": None, "status_id": None, "section_id": None, "user_id": None},
        {"category_id": 99, "status_id": 99, "section_id": 99},
        {"category_id": 99999999999999999999, "status_id": "99999999999999999999", "section_id": -1},
    ],
)
async def test_missing_blank_and_unknown_values_get_defaults(
    rest: dict[str, Any], make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)

    created = await productlift.post("/posts", json={"title": "ab", **rest})

    assert status_and_json(created) == (
        200,
        {
            "data": post(
                created.json()["data"]["id"],
                "ab",
                "ab",
                **ON_MONDAY,
                author=owner(await make.uuid(make.owner), posts=1),
                status={"id": make.statuses["New"], **NEW},
            )
        },
    )
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("sent", [{}, {"description": None}, {"description": ""}])
async def test_a_description_is_never_null_in_either_dialect(
    sent: dict[str, Any], make: Factory, productlift: Client, astuto: Client
) -> None:
    code = (await productlift.post("/posts", json={"title": "Dark mode", **sent})).json()["data"]["id"]
    assert (await astuto.get("/posts")).json()[0]["description"] == ""
    assert (await productlift.get(f"/posts/{code}")).json()["data"]["description"] == ""

    await productlift.patch(f"/posts/{code}", json={"description": "Text"})
    await productlift.patch(f"/posts/{code}", json={"description": None, **sent, "title": "Other"})
    assert (await astuto.get("/posts")).json()[0]["description"] == ""


async def test_a_post_created_by_astuto_without_description_has_null(make: Factory, astuto: Client) -> None:
    board = make.boards["Bug Reports"]
    post = (await astuto.post("/posts", json={"title": "Dark mode", "board_id": board})).json()["id"]

    assert (await astuto.get(f"/posts/{post}")).json()["description"] is None


async def test_a_post_in_a_portal_without_a_default_status_has_none(make: Factory, productlift: Client) -> None:
    await make.run("UPDATE statuses SET is_default = false")

    assert (await productlift.post("/posts", json={"title": "ab"})).json()["data"]["status"] is None


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"title": "The title field is required."}),
        ({"title": " \t\n"}, {"title": "The title field is required."}),
        ({"title": "🌒"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "🌒" * 181}, {"title": "The title must not be greater than 180 characters."}),
        ({"title": "a\0b"}, {"title": "The title must be a string."}),
        ({"title": "a", "user_id": UNKNOWN_UUID}, {"title": "The title must be at least 2 characters."}),
        (
            {
                "user_id": "{" + UNKNOWN_UUID + "}",
                "attachment": "text",
                "image": "text",
                "title": 12,
                "description": 12,
                "category_id": "abc",
                "status_id": 1.5,
                "section_id": "017",
            },
            {
                "title": "The title must be a string.",
                "description": "The description must be a string.",
                "category_id": "The category id must be an integer.",
                "status_id": "The status id must be an integer.",
                "section_id": "The section id must be an integer.",
                "user_id": "The user id must be a valid UUID.",
                "image": "The image must be an image.",
                "attachment": "The attachment must be a file.",
            },
        ),
    ],
)
async def test_an_invalid_post_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    response = await productlift.post("/posts", json=sent)

    assert status_and_json(response) == invalid(**errors)
    assert list(response.json()["errors"]) == list(errors)
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("length", [2, 180])
async def test_the_length_of_a_title_is_counted_in_code_points(length: int, productlift: Client) -> None:
    assert (await productlift.post("/posts", json={"title": "🌒" * length})).status_code == 200


async def test_an_unknown_or_deleted_user_can_not_be_the_author(make: Factory, productlift: Client) -> None:
    deleted_uuid = await make.uuid(await make.user())
    await productlift.delete(f"/users/{deleted_uuid}")
    upper = UNKNOWN_UUID.replace("4", "A").upper()

    for uuid in (UNKNOWN_UUID, upper, deleted_uuid):
        response = await productlift.post("/posts", json={"title": "ab", "user_id": uuid})
        assert status_and_json(response) == unknown("User", uuid)
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_blocked_user_may_be_the_author(make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(await make.user())
    await make.run("UPDATE users SET blocked_at = created_at WHERE uuid = :uuid", uuid=uuid)

    created = await productlift.post("/posts", json={"title": "ab", "user_id": uuid})

    assert created.json()["data"]["author"]["counter_posts"] == 1


@pytest.mark.parametrize("content", ["form", "multipart", "other form"])
async def test_a_post_can_be_created_with_a_form(content: str, make: Factory, productlift: Client) -> None:
    fields = {"title": "1234", "description": "A & b", "category_id": "", "status_id": str(make.statuses["Planned"])}
    sent: dict[str, Any] = {"data": fields}
    if content == "multipart":
        sent = {"files": {name: (None, value) for name, value in fields.items()}}

    created = await productlift.post("/posts", **sent)

    payload = created.json()["data"]
    assert (created.status_code, payload["title"], payload["description"]) == (200, "1234", "A & b")
    assert (payload["status"]["name"], payload["categories"]) == ("Planned", [])


async def test_a_post_is_found_by_its_exact_code_and_by_its_id(make: Factory, productlift: Client) -> None:
    number = await make.post()
    await make.run("UPDATE posts SET code = 'abCd12' WHERE id = :id", id=number)

    by_code = await productlift.get("/posts/abCd12")

    assert (by_code.status_code, by_code.json()["data"]["id"]) == (200, "abCd12")
    assert status_and_json(await productlift.get(f"/posts/{number}")) == status_and_json(by_code)
    assert status_and_json(await productlift.get("/posts/ABCD12")) == unknown("Post", "ABCD12")
    assert by_code.json()["data"]["views_count"] == 0


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("15", "15"),
        ("00000015", "00000015"),
        ("99999999999999999999", "99999999999999999999"),
        ("abcdef", "abcdef"),
        ("every", "every"),
        ("%00", "\0"),
        ("a%20b", "a b"),
        ("%C3%A9", "é"),
        ("%FF", "\ufffd"),
        ("'%3Bdrop", "';drop"),
    ],
)
async def test_the_404_contains_an_unknown_post_as_sent(key: str, shown: str, productlift: Client) -> None:
    for verb, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"title": 1, "user_id": "x"}),
        ("PUT", "", {"title": 1}),
        ("DELETE", "", None),
        ("GET", "/votes", None),
        ("GET", "/comments", None),
        ("POST", "/comments", {}),
    ):
        assert status_and_json(await productlift.send_json(verb, f"/posts/{key}{path}", body)) == unknown("Post", shown)


async def test_another_portals_posts_are_unknown(make: Factory, productlift: Client) -> None:
    elsewhere, their_owner = await make.new_portal("Elsewhere", host="other.example.com", email="o@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    theirs = await make.post(author=their_owner, portal=elsewhere)
    code = await make.code(theirs)

    for key in (code, theirs):
        assert status_and_json(await productlift.get(f"/posts/{key}")) == unknown("Post", key)
        assert status_and_json(await productlift.patch(f"/posts/{key}", json={"title": "Mine"})) == unknown("Post", key)
        assert status_and_json(await productlift.delete(f"/posts/{key}")) == unknown("Post", key)
    assert (await productlift.get("/posts")).json()["total"] == 0
    assert await make.value("SELECT count(*) FROM posts") == 1


async def test_a_post_is_deleted_with_its_votes_and_comments(make: Factory, productlift: Client) -> None:
    voter, writer = await make.user(), await make.user()
    number = await make.post(title="Bad idea", author=writer, status="Planned", votes_by=[voter, writer])
    await make.comment(number, author=writer)
    kept = await make.post(votes_by=[voter])
    code = await make.code(number)

    assert status_and_json(await productlift.delete(f"/posts/{code}")) == DELETED

    assert status_and_json(await productlift.delete(f"/posts/{code}")) == unknown("Post", code)
    assert await make.rows("SELECT id FROM posts") == [{"id": kept}]
    assert await make.rows("SELECT id FROM comments") == []
    counters = "SELECT posts_count, votes_count, comments_count FROM users WHERE id = :id"
    assert tuple((await make.row(counters, id=voter)).values()) == (0, 1, 0)
    assert tuple((await make.row(counters, id=writer)).values()) == (0, 0, 0)
    assert await make.wrong_counters() == []
    (event,) = await make.facts("post.deleted")
    assert (event["post_id"], event["user_id"], event["actor_id"]) == (number, writer, make.owner)


async def test_a_deleted_author_has_the_name_of_deleted_users(make: Factory, productlift: Client) -> None:
    jane = await make.user(email="jane@example.com")
    uuid = await make.uuid(jane)
    number = await make.post(author=jane)

    await productlift.delete(f"/users/{uuid}")

    assert (await productlift.get(f"/posts/{number}")).json()["data"]["author"] == deleted(uuid)


async def test_the_changelog_is_returned_with_and_without_markup(make: Factory, productlift: Client) -> None:
    number = await make.post()
    await make.run("UPDATE posts SET changelog = '<p>Now &amp;<br>then</p>', impact = 3, ease = 0, conversion = 0.75")

    payload = (await productlift.get(f"/posts/{number}")).json()["data"]

    assert payload["description_changelog"] == "<p>Now &amp;<br>then</p>"
    assert payload["clean_description_changelog"] == "Now & then"
    assert payload["conversion"] == 0.75
    scores = [payload[f"prioritization_{name}"] for name in ("impact", "confidence", "ease", "reach")]
    assert scores == [3, None, 0, None]

"""Posts one at a time in ProductLift's dialect. docs/contracts/productlift.md, sections 7.9 to 7.12."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, deleted, invalid, owner, post, unknown, user

MONDAY = datetime(2023, 5, 6, 9, 30, 0, 987654, tzinfo=UTC)
TUESDAY = datetime(2023, 5, 16, 9, 30, 1, tzinfo=UTC)
ON_MONDAY = {"at": "2023-05-06T09:30:00Z", "day": "6 May 2023"}
NEW = {"name": "New", "color": "#8B95A1", "tab_name": "Feedback"}


async def test_a_new_post_is_shown_whole(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    category, section = await make.category("Speed"), await make.section()
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid = await make.uuid(jane)
    wish = {
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

    created = await productlift.post("/posts", json=wish)

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
    )
    assert status_and_json(created) == (200, {"data": expected})
    assert list(created.json()["data"]) == list(expected)
    assert len(code) == 6
    assert code.isascii()
    assert code.isalnum()
    assert not code.isdigit()
    assert status_and_json(await productlift.get(f"/posts/{code}")) == (200, {"data": expected})
    assert (await productlift.get("/posts")).json()["data"] == [expected]
    assert await make.rows("SELECT board_id, moderation FROM posts") == [
        {"board_id": make.boards["Feature Requests"], "moderation": "approved"}
    ]
    assert await make.rows("SELECT post_id, user_id FROM follows") == [{"post_id": 1, "user_id": jane}]
    (fact,) = await make.facts("post.submitted")
    assert (fact["post_id"], fact["user_id"], fact["actor_id"]) == (1, jane, make.owner)
    assert fact["base_url"] == "http://feedback.example.com"
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
async def test_what_is_missing_blank_or_unknown_takes_its_default(
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
async def test_a_post_without_description_has_an_empty_one_in_both_dialects(
    sent: dict[str, Any], make: Factory, productlift: Client, astuto: Client
) -> None:
    code = (await productlift.post("/posts", json={"title": "Dark mode", **sent})).json()["data"]["id"]

    (payload,) = (await astuto.get("/posts")).json()
    assert payload["description"] == ""
    assert (await productlift.get(f"/posts/{code}")).json()["data"]["description"] == ""


@pytest.mark.parametrize("nothing", [None, ""])
async def test_an_emptied_description_is_empty_in_both_dialects(
    nothing: str | None, make: Factory, productlift: Client, astuto: Client
) -> None:
    post = await make.post(description="Text")

    assert (await productlift.patch(f"/posts/{post}", json={"description": nothing})).status_code == 200

    assert (await astuto.get(f"/posts/{post}")).json()["description"] == ""
    assert (await productlift.patch(f"/posts/{post}", json={"title": "Other"})).status_code == 200
    assert (await astuto.get(f"/posts/{post}")).json()["description"] == ""


async def test_only_astuto_s_own_creates_without_description_have_null(make: Factory, astuto: Client) -> None:
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
        ({"title": []}, {"title": "The title field is required."}),
        ({"title": "a"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "🌒"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "x" * 181}, {"title": "The title must not be greater than 180 characters."}),
        ({"title": "a\0b"}, {"title": "The title must be a string."}),
        ({"title": 12}, {"title": "The title must be a string."}),
        ({"title": "ab", "description": 12}, {"description": "The description must be a string."}),
        ({"title": "ab", "category_id": "abc"}, {"category_id": "The category id must be an integer."}),
        ({"title": "ab", "status_id": 1.5}, {"status_id": "The status id must be an integer."}),
        ({"title": "ab", "section_id": "017"}, {"section_id": "The section id must be an integer."}),
        ({"title": "ab", "user_id": "1"}, {"user_id": "The user id must be a valid UUID."}),
        ({"title": "ab", "user_id": "{" + UNKNOWN_UUID + "}"}, {"user_id": "The user id must be a valid UUID."}),
        ({"title": "ab", "user_id": 7}, {"user_id": "The user id must be a valid UUID."}),
        ({"title": "ab", "attachment": "text"}, {"attachment": "The attachment must be a file."}),
        ({"title": "ab", "image": "text"}, {"image": "The image must be an image."}),
        (
            {"description": 1, "user_id": "x"},
            {
                "title": "The title field is required.",
                "description": "The description must be a string.",
                "user_id": "The user id must be a valid UUID.",
            },
        ),
    ],
)
async def test_what_a_new_post_may_not_be(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    assert status_and_json(await productlift.post("/posts", json=sent)) == invalid(**errors)
    assert await make.rows("SELECT id FROM posts") == []


@pytest.mark.parametrize("length", [2, 180])
async def test_a_title_is_measured_in_code_points(length: int, productlift: Client) -> None:
    assert (await productlift.post("/posts", json={"title": "🌒" * length})).status_code == 200


async def test_nobody_posts_for_an_unknown_or_deleted_user(make: Factory, productlift: Client) -> None:
    gone = await make.uuid(await make.user())
    await productlift.delete(f"/users/{gone}")
    shouted = UNKNOWN_UUID.replace("4", "A").upper()

    for uuid in (UNKNOWN_UUID, shouted, gone):
        assert status_and_json(await productlift.post("/posts", json={"title": "ab", "user_id": uuid})) == unknown(
            "User", uuid
        )
    assert await make.rows("SELECT id FROM posts") == []


async def test_a_blocked_user_may_be_posted_for(make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(await make.user())
    await make.run("UPDATE users SET blocked_at = created_at WHERE uuid = :uuid", uuid=uuid)

    created = await productlift.post("/posts", json={"title": "ab", "user_id": uuid})

    assert created.json()["data"]["author"]["counter_posts"] == 1


@pytest.mark.parametrize("content", ["form", "multipart", "other form"])
async def test_a_post_may_come_as_a_form(content: str, make: Factory, productlift: Client) -> None:
    fields = {"title": "1234", "description": "A & b", "category_id": "", "status_id": str(make.statuses["Planned"])}
    sent: dict[str, Any] = {"data": fields}
    if content == "multipart":
        sent = {"files": {name: (None, value) for name, value in fields.items()}}

    created = await productlift.post("/posts", **sent)

    payload = created.json()["data"]
    assert (created.status_code, payload["title"], payload["description"]) == (200, "1234", "A & b")
    assert (payload["status"]["name"], payload["categories"]) == ("Planned", [])


async def test_a_post_is_found_by_code_in_exact_case_and_by_number(make: Factory, productlift: Client) -> None:
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
async def test_an_unknown_post_is_named_as_it_was_sent(key: str, shown: str, productlift: Client) -> None:
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


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_an_edit_changes_what_is_sent_and_nothing_else(
    verb: str, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    uuid = await make.uuid(await make.user(name="Jane Roe", email="jane@example.com"))
    before = (await productlift.post("/posts", json={"title": "Old", "description": "Text"})).json()["data"]
    path = f"/posts/{before['id']}"
    clock.set(TUESDAY)

    edited = await productlift.send_json(verb, path, {"title": "New title", "user_id": uuid.upper()})

    expected = before | {
        "title": "New title",
        "updated_at": "2023-05-16T09:30:01Z",
        "author": user(uuid, "Jane Roe", "jane@example.com", posts=1),
    }
    assert status_and_json(edited) == (200, {"data": expected})
    assert status_and_json(await productlift.get(path)) == (200, {"data": expected})
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("sent", [{}, {"title": ""}, {"title": None}, {"title": "Old"}, {"status_id": 99}])
async def test_an_edit_that_changes_nothing_leaves_the_post_alone(
    sent: dict[str, Any], productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    before = (await productlift.post("/posts", json={"title": "Old"})).json()
    clock.set(TUESDAY)

    edited = await productlift.patch(f"/posts/{before['data']['id']}", json=sent)

    assert status_and_json(edited) == (200, before)


async def test_a_short_title_does_not_hinder_other_edits(make: Factory, productlift: Client) -> None:
    number = await make.post(title="x")

    assert (await productlift.patch(f"/posts/{number}", json={"description": "More"})).status_code == 200
    assert status_and_json(await productlift.patch(f"/posts/{number}", json={"title": "y"})) == invalid(
        title="The title must be at least 2 characters."
    )


@pytest.mark.parametrize("nothing", [None, ""])
async def test_null_empties_what_may_be_empty(nothing: str | None, make: Factory, productlift: Client) -> None:
    made = {
        "title": "Full",
        "description": "Text",
        "category_id": await make.category(),
        "section_id": await make.section(),
        "status_id": make.statuses["Planned"],
    }
    before = (await productlift.post("/posts", json=made)).json()["data"]

    emptied = await productlift.patch(
        f"/posts/{before['id']}",
        json=dict.fromkeys(("description", "category_id", "section_id", "user_id", "status_id"), nothing),
    )

    payload = emptied.json()["data"]
    assert payload == before | {
        "description": "",
        "description_short": "",
        "categories": [],
        "section_id": None,
        "author": None,
        "updated_at": payload["updated_at"],
    }
    assert await make.value("SELECT posts_count FROM users WHERE id = :id", id=make.owner) == 0
    assert await make.wrong_counters() == []


async def test_a_category_replaces_all_and_an_unknown_one_is_none(make: Factory, productlift: Client) -> None:
    first, second = await make.category("First"), await make.category("Second")
    section = await make.section()
    made = {"title": "Full", "category_id": first, "section_id": section}
    path = f"/posts/{(await productlift.post('/posts', json=made)).json()['data']['id']}"

    replaced = await productlift.patch(path, json={"category_id": second})
    unknown_ones = await productlift.patch(path, json={"category_id": 99, "section_id": 99})

    assert [each["id"] for each in replaced.json()["data"]["categories"]] == [second]
    assert replaced.json()["data"]["section_id"] == section
    assert unknown_ones.json()["data"]["categories"] == []
    assert unknown_ones.json()["data"]["section_id"] is None
    assert await make.wrong_counters() == []


async def test_a_change_of_status_is_dated_remembered_and_announced(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    before = (await productlift.post("/posts", json={"title": "Idea"})).json()["data"]
    clock.set(TUESDAY)
    to = make.statuses["Planned"]

    changed = await productlift.patch(f"/posts/{before['id']}", json={"status_id": str(to)})
    again = await productlift.patch(f"/posts/{before['id']}", json={"status_id": to})

    expected = before | {
        "status": {"id": to, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"},
        "updated_at": "2023-05-16T09:30:01Z",
        "latest_status_change_at": "2023-05-16T09:30:01Z",
        "latest_status_change_at_formatted": "16 May 2023",
    }
    assert status_and_json(changed) == status_and_json(again) == (200, {"data": expected})
    assert await make.rows("SELECT post_id, user_id, actor_id, status_id FROM status_changes") == [
        {"post_id": 1, "user_id": make.owner, "actor_id": make.owner, "status_id": to}
    ]
    (fact,) = await make.facts("post.status_changed")
    assert json.loads(fact["body"]) == {"old_status_id": make.statuses["New"], "new_status_id": to}
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"title": "a"}, {"title": "The title must be at least 2 characters."}),
        ({"title": "x" * 181}, {"title": "The title must not be greater than 180 characters."}),
        ({"description": []}, {"description": "The description must be a string."}),
        (
            {"user_id": "x", "title": "a"},
            {
                "title": "The title must be at least 2 characters.",
                "user_id": "The user id must be a valid UUID.",
            },
        ),
        ({"status_id": "abc"}, {"status_id": "The status id must be an integer."}),
        ({"user_id": UNKNOWN_UUID, "title": "a"}, {"title": "The title must be at least 2 characters."}),
    ],
)
async def test_when_any_check_of_an_edit_fails_nothing_is_written(
    sent: dict[str, Any], errors: dict[str, str], productlift: Client
) -> None:
    before = (await productlift.post("/posts", json={"title": "Old", "description": "Text"})).json()
    path = f"/posts/{before['data']['id']}"

    assert status_and_json(await productlift.patch(path, json={"description": "New", **sent})) == invalid(**errors)
    assert status_and_json(await productlift.get(path)) == (200, before)


async def test_an_edit_for_an_unknown_user_writes_nothing(make: Factory, productlift: Client) -> None:
    before = (await productlift.post("/posts", json={"title": "Old"})).json()
    path = f"/posts/{before['data']['id']}"
    wish = {"title": "New", "status_id": make.statuses["Planned"], "user_id": UNKNOWN_UUID.upper()}

    assert status_and_json(await productlift.patch(path, json=wish)) == unknown("User", UNKNOWN_UUID.upper())
    assert status_and_json(await productlift.get(path)) == (200, before)


async def test_a_deleted_post_takes_its_votes_and_comments_along(make: Factory, productlift: Client) -> None:
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
    (fact,) = await make.facts("post.deleted")
    assert (fact["post_id"], fact["user_id"], fact["actor_id"]) == (number, writer, make.owner)


async def test_a_deleted_author_is_shown_as_such(make: Factory, productlift: Client) -> None:
    jane = await make.user(email="jane@example.com")
    uuid = await make.uuid(jane)
    number = await make.post(author=jane)

    await productlift.delete(f"/users/{uuid}")

    assert (await productlift.get(f"/posts/{number}")).json()["data"]["author"] == deleted(uuid)


async def test_the_changelog_is_shown_with_and_without_markup(make: Factory, productlift: Client) -> None:
    number = await make.post()
    await make.run("UPDATE posts SET changelog = '<p>Now &amp;<br>then</p>', impact = 3, ease = 0, conversion = 0.75")

    payload = (await productlift.get(f"/posts/{number}")).json()["data"]

    assert payload["description_changelog"] == "<p>Now &amp;<br>then</p>"
    assert payload["clean_description_changelog"] == "Now & then"
    assert payload["conversion"] == 0.75
    assert [payload[f"prioritization_{name}"] for name in ("impact", "confidence", "ease", "reach")] == [
        3,
        None,
        0,
        None,
    ]


async def test_two_edits_of_one_post_by_its_number_and_code_meet(make: Factory, productlift: Client) -> None:
    number = await make.post()
    code = await make.code(number)

    await productlift.patch(f"/posts/{number}", json={"title": "By number"})

    assert (await productlift.get(f"/posts/{code}")).json()["data"]["title"] == "By number"

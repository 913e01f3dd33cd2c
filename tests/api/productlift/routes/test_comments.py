"""Comments in ProductLift's dialect. docs/contracts/productlift.md, section 9.1."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.posts import comments
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import TestClock
from tests.support.clients import HOST, Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_UUID, deleted, invalid, owner, unknown, user

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
AT = "2026-01-12T09:30:00Z"


def comment(number: int, body: str, author: dict[str, Any], post: str, **others: Any) -> dict[str, Any]:
    whole = {
        "id": number,
        "comment": body,
        "author": author,
        "pinned_to_top": False,
        "tagged_for_changelog": False,
        "parent_id": None,
        "created_at": AT,
        "updated_at": AT,
        "url": f"{HOST}/p/{post}#comment-{number}",
        "internal": False,
    }
    assert others.keys() <= whole.keys()
    return whole | others


async def test_a_comment_is_written_and_listed(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    uuid, post = await make.uuid(jane), await make.post(title="Dark mode")
    code = await make.code(post)
    clock.advance(seconds=1)

    first = await productlift.post(f"/posts/{code}/comments", json={"comment": " Yes 🌒 ", "user_id": uuid.upper()})
    second = await productlift.post(
        f"/posts/{post}/comments", json={"comment": "Why?", "parent_id": "1", "user_id": ""}
    )

    later = {"created_at": "2026-01-12T09:30:01Z", "updated_at": "2026-01-12T09:30:01Z"}
    place = f"dark-mode-{code}"
    one = comment(1, "Yes 🌒", user(uuid, "Jane Roe", "jane@example.com", comments=1), place, **later)
    boss = owner(await make.uuid(make.owner), comments=1, posts=1)
    two = comment(2, "Why?", boss, place, parent_id=1, **later)
    assert status_and_json(first) == (200, {"data": one})
    assert status_and_json(second) == (200, {"data": two})
    assert list(first.json()["data"]) == list(one)
    assert status_and_json(await productlift.get(f"/posts/{code}/comments")) == (200, {"data": [one, two]})
    payload = (await productlift.get(f"/posts/{code}")).json()["data"]
    assert (payload["comments_count"], payload["updated_at"]) == (2, AT)
    facts = await make.facts("comment.written")
    assert [(fact["subject_id"], fact["user_id"], fact["actor_id"]) for fact in facts] == [
        (1, jane, make.owner),
        (2, make.owner, make.owner),
    ]
    assert await make.value("SELECT count(*) FROM follows WHERE user_id = :id", id=jane) == 1
    assert await make.wrong_counters() == []


async def test_a_post_without_comments_has_an_empty_list(make: Factory, productlift: Client) -> None:
    assert status_and_json(await productlift.get(f"/posts/{await make.post()}/comments")) == (200, {"data": []})


@pytest.mark.parametrize("internal", [True, "1", "true"])
async def test_an_internal_comment_is_listed_but_neither_counted_nor_published(
    internal: Any, make: Factory, productlift: Client, astuto: Client
) -> None:
    post = await make.post()

    created = await productlift.post(f"/posts/{post}/comments", json={"comment": "Psst", "internal": internal})

    assert created.json()["data"]["author"]["counter_comments"] == 0
    listed = (await productlift.get(f"/posts/{post}/comments")).json()["data"]
    assert listed == [created.json()["data"]]
    assert (await productlift.get(f"/posts/{post}")).json()["data"]["comments_count"] == 0
    assert await make.facts("comment.written") == []
    assert (await astuto.get("/comments")).json() == []
    assert status_and_json(await productlift.delete(f"/posts/{post}/comments/1")) == DELETED
    assert await make.facts("comment.deleted") == []
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"comment": "The comment field is required."}),
        ({"comment": " "}, {"comment": "The comment field is required."}),
        ({"comment": "\u00a0\u2003"}, {"comment": "The comment field is required."}),
        ({"comment": 7}, {"comment": "The comment must be a string."}),
        ({"comment": "x" * 10_001}, {"comment": "The comment must not be greater than 10000 characters."}),
        ({"comment": "x", "user_id": "7"}, {"user_id": "The user id must be a valid UUID."}),
        ({"comment": "x", "parent_id": "a"}, {"parent_id": "The parent id must be an integer."}),
        ({"comment": "x", "internal": "yes"}, {"internal": "The internal field must be true or false."}),
        (
            {"user_id": 7, "internal": 2},
            {
                "comment": "The comment field is required.",
                "user_id": "The user id must be a valid UUID.",
                "internal": "The internal field must be true or false.",
            },
        ),
    ],
)
async def test_an_invalid_new_comment_is_rejected(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    post = await make.post()

    assert status_and_json(await productlift.post(f"/posts/{post}/comments", json=sent)) == invalid(**errors)
    assert await make.rows("SELECT id FROM comments") == []
    assert await make.wrong_counters() == []


async def test_a_comment_may_have_10000_characters(make: Factory, productlift: Client) -> None:
    sent = {"comment": "🌒" * 10_000}

    created = await productlift.post(f"/posts/{await make.post()}/comments", json=sent)

    assert created.json()["data"]["comment"] == sent["comment"]


async def test_a_comment_of_an_unknown_user_is_rejected(make: Factory, productlift: Client) -> None:
    post = await make.post()
    gone = await make.uuid(await make.user())
    await productlift.delete(f"/users/{gone}")

    for uuid in (UNKNOWN_UUID, gone.upper()):
        sent = {"comment": "x", "user_id": uuid}
        assert status_and_json(await productlift.post(f"/posts/{post}/comments", json=sent)) == unknown("User", uuid)
    assert await make.rows("SELECT id FROM comments") == []


async def test_a_parent_must_be_a_comment_of_the_same_post(make: Factory, productlift: Client) -> None:
    post = await make.post()
    foreign = await make.comment(await make.post())

    for parent in (99, foreign, "99", 0, -1):
        sent = {"comment": "x", "parent_id": parent}
        assert status_and_json(await productlift.post(f"/posts/{post}/comments", json=sent)) == unknown(
            "Comment", parent
        )
    assert await make.value("SELECT count(*) FROM comments") == 1
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_a_comment_update_keeps_null_and_missing_fields(
    verb: str, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    post = await make.post(title="Dark mode")
    code = await make.code(post)
    await make.comment(post, body="Old")
    boss = owner(await make.uuid(make.owner), comments=1, posts=1)
    before = comment(1, "Old", boss, f"dark-mode-{code}")
    path = f"/posts/{code}/comments/1"
    clock.advance(seconds=5)

    nothing = await productlift.send_json(
        verb, path, {"comment": "", "pinned_to_top": None, "tagged_for_changelog": ""}
    )
    same = await productlift.send_json(verb, path, {"comment": "Old", "pinned_to_top": False})
    pinned = await productlift.send_json(verb, path, {"pinned_to_top": "true"})
    edited = await productlift.send_json(
        verb, path, {"comment": "New", "tagged_for_changelog": 1, "user_id": "ignored"}
    )

    now = {"updated_at": "2026-01-12T09:30:05Z"}
    assert status_and_json(nothing) == status_and_json(same) == (200, {"data": before})
    assert status_and_json(pinned) == (200, {"data": before | now | {"pinned_to_top": True}})
    assert status_and_json(edited) == (
        200,
        {"data": before | now | {"comment": "New", "pinned_to_top": True, "tagged_for_changelog": True}},
    )


async def test_the_changelog_tag_is_the_post_update_flag_of_astuto(
    make: Factory, productlift: Client, astuto: Client
) -> None:
    post = await make.post()
    await make.comment(post)

    await productlift.patch(f"/posts/{post}/comments/1", json={"tagged_for_changelog": True})
    assert (await astuto.get("/comments/1")).json()["is_post_update"] is True

    await astuto.put("/comments/1/unmark_as_post_update")
    assert (await productlift.get(f"/posts/{post}/comments")).json()["data"][0]["tagged_for_changelog"] is False


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({"comment": 7}, {"comment": "The comment must be a string."}),
        ({"comment": "x" * 10_001}, {"comment": "The comment must not be greater than 10000 characters."}),
        (
            {"comment": "New", "pinned_to_top": "yes", "tagged_for_changelog": 3},
            {
                "pinned_to_top": "The pinned to top field must be true or false.",
                "tagged_for_changelog": "The tagged for changelog field must be true or false.",
            },
        ),
    ],
)
async def test_an_invalid_comment_update_is_rejected(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    post = await make.post()
    await make.comment(post, body="Old")

    assert status_and_json(await productlift.patch(f"/posts/{post}/comments/1", json=sent)) == invalid(**errors)
    assert await make.value("SELECT body FROM comments") == "Old"


async def test_a_comment_of_another_post_is_not_found(make: Factory, productlift: Client) -> None:
    post, other = await make.post(), await make.post()
    elsewhere = await make.comment(other)

    for named in (str(elsewhere), "99", "abc", "99999999999999999999", "%00"):
        path, not_found = f"/posts/{post}/comments/{named}", unknown("Comment", named.replace("%00", "\0"))
        # Before anything that is wrong with the input.
        assert status_and_json(await productlift.patch(path, json={"comment": 7})) == not_found
        assert status_and_json(await productlift.delete(path)) == not_found
    assert status_and_json(await productlift.delete(f"/posts/nosuch/comments/{elsewhere}")) == unknown("Post", "nosuch")
    assert await make.value("SELECT count(*) FROM comments") == 1


async def test_deleting_a_comment_keeps_its_replies(make: Factory, productlift: Client) -> None:
    jane, post = await make.user(), await make.post()
    parent = await make.comment(post, author=jane)
    reply = await make.comment(post, parent=parent)
    below = await make.comment(post, parent=reply)

    assert status_and_json(await productlift.delete(f"/posts/{post}/comments/{parent}")) == DELETED

    assert status_and_json(await productlift.delete(f"/posts/{post}/comments/{parent}")) == unknown("Comment", parent)
    left = (await productlift.get(f"/posts/{post}/comments")).json()["data"]
    assert [(each["id"], each["parent_id"]) for each in left] == [(reply, None), (below, reply)]
    assert (await productlift.get(f"/posts/{post}")).json()["data"]["comments_count"] == 2
    (fact,) = await make.facts("comment.deleted")
    assert (fact["subject_id"], fact["user_id"], fact["actor_id"]) == (parent, jane, make.owner)
    assert await make.wrong_counters() == []


async def test_a_deleted_author_has_the_name_of_deleted_users(make: Factory, productlift: Client) -> None:
    jane, post = await make.user(), await make.post()
    uuid = await make.uuid(jane)
    await make.comment(post, author=jane)
    await productlift.delete(f"/users/{uuid}")

    assert (await productlift.get(f"/posts/{post}/comments")).json()["data"][0]["author"] == deleted(uuid)


async def test_comments_are_listed_across_several_chunks(make: Factory, productlift: Client) -> None:
    post = await make.post()

    def talk(work: UnitOfWork) -> None:
        for number in range(1001):
            comments.create(
                work, post_id=post, author_id=make.owner, body=f"No. {number}", same_post_parent=True, follow=False
            )

    await make.act(talk)

    payload = (await productlift.get(f"/posts/{post}/comments")).json()["data"]

    assert [each["id"] for each in payload] == list(range(1, 1002))
    assert payload[1000]["comment"] == "No. 1000"
    assert payload[1000]["url"].endswith("#comment-1001")

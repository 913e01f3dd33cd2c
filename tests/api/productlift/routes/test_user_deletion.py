"""Deleting users in ProductLift's dialect. docs/contracts/productlift.md, sections 7.21 and 11.9."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.errors import Forbidden
from app.domain.permissions import Actor
from app.domain.users import deletion
from app.domain.users.attributes import PERSONAL_ATTRIBUTES
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, deleted, invalid, message_error, unknown

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
OWNER_STAYS = message_error("The owner of the portal can not be deleted.")


async def busy(make: Factory) -> tuple[int, dict[str, int]]:
    """A user with posts, votes and comments here and there, and what must be told apart: ids by name."""
    jane, other = await make.user(name="Jane Roe", email="jane@example.com"), await make.user()
    own = await make.post(title="Own", author=jane, votes_by=[jane, other])
    foreign = await make.post(title="Foreign", author=other, votes_by=[jane, other, make.owner])
    comment = await make.comment(foreign, author=jane, body="First")
    await make.comment(foreign, author=jane, body="Second")
    await make.comment(foreign, author=jane, body="For the team", internal=True)
    reply = await make.comment(foreign, author=other, body="Reply", parent=comment)
    await make.comment(own, author=other, body="On hers")
    return jane, {"other": other, "own": own, "foreign": foreign, "comment": comment, "reply": reply}


@pytest.mark.parametrize(
    "body", [None, {}, {"delete_all_data": False}, {"delete_all_data": "0"}, {"delete_all_data": ""}]
)
async def test_the_content_of_a_deleted_user_is_anonymized(body: Any, make: Factory, productlift: Client) -> None:
    jane, of = await busy(make)
    uuid = await make.uuid(jane)

    assert status_and_json(await productlift.send_json("DELETE", f"/users/{uuid}", body)) == DELETED

    assert status_and_json(await productlift.get(f"/users/{uuid}")) == unknown("User", uuid)
    assert status_and_json(await productlift.delete(f"/users/{uuid}")) == unknown("User", uuid)
    page = (await productlift.get("/users")).json()
    assert (page["total"], [each["name"] for each in page["data"]]) == (2, ["Owner", "Jane Roe"])
    own = (await productlift.get(f"/posts/{of['own']}")).json()["data"]
    assert (own["author"], own["votes_count"]) == (deleted(uuid), 2)
    votes = (await productlift.get(f"/posts/{of['foreign']}/votes")).json()["data"]
    assert [vote["voter"]["name"] for vote in votes] == ["Owner", "Jane Roe", "[User Deleted]"]
    assert votes[2]["voter"] == deleted(uuid)
    comments = (await productlift.get(f"/posts/{of['foreign']}/comments")).json()["data"]
    assert [comment["author"]["name"] for comment in comments] == ["[User Deleted]"] * 3 + ["Jane Roe"]
    assert comments[0]["author"] == deleted(uuid)
    assert comments[3]["parent_id"] == of["comment"]
    assert await make.wrong_counters() == []


async def test_personal_data_of_a_deleted_user_is_removed(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    jane = await make.user(name="Jane Roe", email="jane@example.com", role="moderator")
    await make.run("UPDATE users SET password_hash = 'x', recap = 'daily' WHERE id = :id", id=jane)
    post = (await productlift.post("/posts", json={"title": "ab", "user_id": await make.uuid(jane)})).json()["data"]
    key = await make.key(jane, "astuto")
    clock.advance(seconds=5)

    await productlift.delete(f"/users/{await make.uuid(jane)}")

    row = await make.row(
        "SELECT email, email_key, name, role, password_hash, recap, posts_count FROM users WHERE id = :id", id=jane
    )
    assert row == {
        "email": None,
        "email_key": None,
        "name": "[User Deleted]",
        "role": "user",
        "password_hash": None,
        "recap": "never",
        "posts_count": 1,
    }
    assert await make.rows("SELECT * FROM follows") == []
    assert (await productlift.of(key).get("/boards")).status_code == 401
    assert (await productlift.get(f"/posts/{post['id']}")).json()["data"]["updated_at"] == post["updated_at"]


async def test_what_sign_on_has_stored_of_a_deleted_user_is_removed(make: Factory, productlift: Client) -> None:
    jane = await make.user()
    texts = ["uid", "avatar_url", "company", "plan", *(f"segment_{number}" for number in range(1, 11))]
    stored = dict.fromkeys(texts, "Jane") | {"mrr": 9.5, "arr": 114.0, "ltv": 500.0}
    assert set(stored) == set(PERSONAL_ATTRIBUTES)
    columns = ", ".join(f"{name} = :{name}" for name in stored)
    await make.run(f"UPDATE users SET {columns} WHERE id = :id", id=jane, **stored)

    await productlift.delete(f"/users/{await make.uuid(jane)}")

    row = await make.row(f"SELECT {', '.join(stored)} FROM users WHERE id = :id", id=jane)
    assert row == dict.fromkeys(stored)
    assert (await productlift.get("/users/plan-types")).json() == {"data": []}


async def test_the_email_of_a_deleted_user_can_be_reused(make: Factory, productlift: Client) -> None:
    former = await make.uuid(await make.user(email="jane@example.com"))
    await productlift.delete(f"/users/{former}")
    assert (await productlift.get("/users/find_by_email?email=jane@example.com")).status_code == 404

    created = await productlift.post("/users", json={"email": "jane@example.com", "role": "member"})

    assert created.status_code == 200
    assert created.json()["data"]["id"] != former


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {"delete_all_data": True}),
        ("", {"delete_all_data": "TRUE"}),
        ("", {"delete_all_data": 1}),
        ("?delete_all_data=1", None),
    ],
)
async def test_all_data_of_a_user_is_deleted_and_replies_of_others_are_kept(
    query: str, body: Any, make: Factory, productlift: Client
) -> None:
    jane, of = await busy(make)
    uuid = await make.uuid(jane)

    assert status_and_json(await productlift.send_json("DELETE", f"/users/{uuid}{query}", body)) == DELETED

    assert status_and_json(await productlift.get(f"/posts/{of['own']}")) == unknown("Post", of["own"])
    foreign = (await productlift.get(f"/posts/{of['foreign']}")).json()["data"]
    assert (foreign["votes_count"], foreign["comments_count"]) == (2, 1)
    assert await make.rows("SELECT id, parent_id FROM comments") == [{"id": of["reply"], "parent_id": None}]
    assert await make.value("SELECT count(*) FROM votes WHERE user_id = :id", id=jane) == 0
    counters = "SELECT posts_count, votes_count, comments_count FROM users WHERE id = :id"
    assert tuple((await make.row(counters, id=jane)).values()) == (0, 0, 0)
    assert tuple((await make.row(counters, id=of["other"])).values()) == (1, 1, 1)
    assert await make.wrong_counters() == []


async def test_deleted_content_is_published_as_events(make: Factory, productlift: Client) -> None:
    jane, of = await busy(make)
    vote = await make.value(
        "SELECT id FROM votes WHERE user_id = :user AND post_id = :post", user=jane, post=of["foreign"]
    )

    await productlift.send_json("DELETE", f"/users/{await make.uuid(jane)}", {"delete_all_data": True})

    assert [(fact["post_id"], fact["actor_id"]) for fact in await make.facts("post.deleted")] == [
        (of["own"], make.owner)
    ]
    gone = await make.facts("comment.deleted")
    assert [(fact["post_id"], fact["subject_id"], fact["user_id"], fact["actor_id"]) for fact in gone] == [
        (of["foreign"], of["comment"], jane, make.owner),
        (of["foreign"], of["comment"] + 1, jane, make.owner),
    ]
    assert [json.loads(fact["body"]) for fact in gone] == [{"replies": [], "snapshot": None}] * 2
    (retracted,) = await make.facts("vote.retracted")
    assert (retracted["post_id"], retracted["subject_id"], retracted["user_id"]) == (of["foreign"], vote, jane)


@pytest.mark.parametrize("value", ["yes", 2, "2", 1.5, [1]])
async def test_an_invalid_delete_all_data_deletes_nothing(value: Any, make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(await make.user())

    response = await productlift.send_json("DELETE", f"/users/{uuid}", {"delete_all_data": value})

    assert status_and_json(response) == invalid(delete_all_data="The delete all data field must be true or false.")
    assert (await productlift.get(f"/users/{uuid}")).status_code == 200


async def test_the_owner_can_not_be_deleted(make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(make.owner)
    await make.post()

    assert status_and_json(await productlift.delete(f"/users/{uuid}")) == OWNER_STAYS
    assert (
        status_and_json(await productlift.send_json("DELETE", f"/users/{uuid}", {"delete_all_data": True}))
        == OWNER_STAYS
    )
    assert (await productlift.get("/posts")).json()["data"][0]["author"]["name"] == "Owner"


async def test_a_deleted_administrator_has_no_valid_key(make: Factory, productlift: Client) -> None:
    admin = await make.user(role="admin")
    uuid = await make.uuid(admin)
    theirs = productlift.of(await make.key(admin, "productlift"))

    assert status_and_json(await theirs.delete(f"/users/{uuid}")) == DELETED
    assert status_and_json(await theirs.get("/portal")) == (401, {"message": "Unauthenticated."})
    assert status_and_json(await productlift.get(f"/users/{uuid}")) == unknown("User", uuid)


async def test_a_blocked_user_may_be_deleted(make: Factory, productlift: Client) -> None:
    jane = await make.user()
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    assert status_and_json(await productlift.delete(f"/users/{await make.uuid(jane)}")) == DELETED
    assert await make.value("SELECT blocked_at FROM users WHERE id = :id", id=jane) is not None


async def test_a_moderator_can_not_delete_users(make: Factory) -> None:
    jane = await make.user()

    with pytest.raises(Forbidden):
        await make.act(
            lambda work: deletion.delete(work, jane, with_content=False), actor=Actor(user_id=None, role="moderator")
        )

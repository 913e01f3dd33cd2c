"""Anonymous votes in ProductLift's dialect. docs/contracts/productlift.md, section 9.3."""

import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest

from app.domain.posts import anonymous_votes, votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from app.settings import Settings
from tests.conftest import TestClock
from tests.domain.posts.test_delete import statements_of
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.support.productlift import DELETED, UNKNOWN_UUID, invalid, message_error, unknown

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 999999, tzinfo=UTC)
TAKEN = message_error("User has already voted.")
MISSING = message_error("User has not voted yet.")
NOT_VOTEABLE = message_error("Post is not voteable.")
TOO_LONG = invalid(anonymous_id="The anonymous id must not be greater than 191 characters.")
NO_ROUTE = (404, {"message": ""})


def vote_path(post: object, anonymous_id: str = "earum") -> str:
    # A client would remove a segment of dots alone.
    return f"/posts/{post}/anonymous_votes/{quote(anonymous_id, safe='').replace('.', '%2E')}"


async def list_anonymous_ids(make: Factory) -> list[str]:
    return [row["anonymous_id"] for row in await make.rows("SELECT anonymous_id FROM votes ORDER BY id")]


async def test_an_anonymous_vote_is_created_listed_and_counted(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    post = await make.post(status="Planned", votes_by=[make.owner])
    code = await make.code(post)
    before = (await productlift.get(f"/posts/{code}")).json()["data"]
    users_before = await make.rows("SELECT * FROM users")
    clock.advance(seconds=5)

    response = await productlift.post(vote_path(code))

    vote = {"id": 2, "created_at": "2026-01-12T09:30:05Z", "voter": None}
    assert status_and_json(response) == (200, {"data": vote})
    assert list(response.json()["data"]) == ["id", "created_at", "voter"]
    newest, oldest = (await productlift.get(f"/posts/{code}/votes")).json()["data"]
    assert newest == vote
    assert (oldest["id"], oldest["voter"]["name"]) == (1, "Owner")
    # The post was counted up, and is not younger.
    assert (await productlift.get(f"/posts/{post}")).json()["data"] == before | {"votes_count": 2}
    assert await make.rows("SELECT * FROM users") == users_before
    assert await make.rows("SELECT * FROM follows") == []
    _, fact = await make.facts("vote.cast")
    assert (fact["post_id"], fact["subject_id"], fact["user_id"], fact["actor_id"]) == (post, 2, None, make.owner)
    assert await make.wrong_counters() == []


async def test_an_anonymous_id_has_one_vote_for_each_post(make: Factory, productlift: Client) -> None:
    post, other = await make.post(), await make.post()
    await productlift.post(vote_path(post))

    assert status_and_json(await productlift.post(vote_path(post))) == TAKEN
    assert (await productlift.post(vote_path(post, "aut"))).status_code == 200
    assert (await productlift.post(vote_path(other))).status_code == 200

    counts = [row["votes_count"] for row in await make.rows("SELECT votes_count FROM posts ORDER BY id")]
    assert counts == [2, 1]
    assert len(await make.facts("vote.cast")) == 3
    assert await make.wrong_counters() == []


async def test_an_anonymous_vote_and_the_vote_of_a_user_are_separate(make: Factory, productlift: Client) -> None:
    post = await make.post()
    uuid = await make.uuid(make.owner)

    for path in (f"/posts/{post}/votes/{uuid}", vote_path(post, uuid)):
        assert (await productlift.post(path)).status_code == 200
    assert status_and_json(await productlift.delete(f"/posts/{post}/votes/{uuid}")) == DELETED

    assert await make.rows("SELECT user_id, anonymous_id FROM votes") == [{"user_id": None, "anonymous_id": uuid}]
    assert await make.value("SELECT votes_count FROM posts") == 1
    assert await make.wrong_counters() == []


async def test_an_anonymous_vote_can_be_retracted_once(make: Factory, productlift: Client) -> None:
    post, other = await make.post(), await make.post()
    for path in (vote_path(post), vote_path(post, "aut"), vote_path(other)):
        await productlift.post(path)

    assert status_and_json(await productlift.delete(vote_path(post))) == DELETED

    assert status_and_json(await productlift.delete(vote_path(post))) == MISSING
    assert status_and_json(await productlift.delete(vote_path(post, "ad"))) == MISSING
    left = await make.rows("SELECT post_id, anonymous_id FROM votes ORDER BY id")
    assert [tuple(row.values()) for row in left] == [(post, "aut"), (other, "earum")]
    (fact,) = await make.facts("vote.retracted")
    assert (fact["post_id"], fact["subject_id"], fact["user_id"], fact["actor_id"]) == (post, 1, None, make.owner)
    assert await make.wrong_counters() == []
    assert (await productlift.post(vote_path(post), json={"_method": "DELETE"})).json() == MISSING[1]
    assert (await productlift.post(vote_path(post))).status_code == 200


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_errors_are_reported_in_the_order_of_the_contract(verb: str, make: Factory, productlift: Client) -> None:
    long_id = "x" * 192
    post = await make.post(moderation="pending")

    for key in ("nosuch", "007", UNKNOWN_UUID):
        for anonymous_id in ("earum", long_id):
            response = await productlift.send_json(verb, vote_path(key, anonymous_id))
            assert status_and_json(response) == unknown("Post", key)
    assert status_and_json(await productlift.send_json(verb, vote_path(post, long_id))) == TOO_LONG
    assert status_and_json(await productlift.send_json(verb, vote_path(post))) == NOT_VOTEABLE
    assert status_and_json(await productlift.of(None).send_json(verb, vote_path(post))) == (
        401,
        {"message": "Unauthenticated."},
    )
    assert await list_anonymous_ids(make) == []


@pytest.mark.parametrize(
    ("status", "moderation"),
    [("Completed", "approved"), ("Planned", "pending"), (None, "rejected")],
)
async def test_anonymous_votes_of_a_post_that_is_not_voteable_can_not_be_changed(
    status: str | None, moderation: str, make: Factory, productlift: Client
) -> None:
    post = await make.post()
    await make.anonymous_vote(post, "earum")
    status_id = None if status is None else make.statuses[status]
    await make.run("UPDATE posts SET status_id = :status, moderation = :state", status=status_id, state=moderation)
    before = await snapshot(make.server.database)

    assert status_and_json(await productlift.post(vote_path(post, "aut"))) == NOT_VOTEABLE
    assert status_and_json(await productlift.delete(vote_path(post))) == NOT_VOTEABLE
    assert changed(before, await snapshot(make.server.database)) == set()


@pytest.mark.parametrize(
    "anonymous_id",
    [
        "x",
        "0",
        " ",
        " padded ",
        "a/b",
        "/",
        "a%2Fb",
        "..",
        "?&#=+;",
        "jane@example.com",
        "'; DROP TABLE votes; --",
        "\\",
        "\x01\x7f\u200b",
        "\ufffd",
        "x" * 191,
        "😀" * 191,
        "é" * 191,
    ],
)
async def test_any_text_of_at_most_191_characters_is_an_anonymous_id(
    anonymous_id: str, make: Factory, productlift: Client
) -> None:
    post = await make.post()
    path = vote_path(post, anonymous_id)

    assert (await productlift.post(path)).status_code == 200
    assert await list_anonymous_ids(make) == [anonymous_id]
    assert status_and_json(await productlift.post(path)) == TAKEN
    assert status_and_json(await productlift.delete(path)) == DELETED
    assert await list_anonymous_ids(make) == []


@pytest.mark.parametrize("character", ["x", "é", "😀"])
async def test_a_longer_anonymous_id_is_invalid(character: str, make: Factory, productlift: Client) -> None:
    post = await make.post()

    assert status_and_json(await productlift.post(vote_path(post, character * 192))) == TOO_LONG
    assert status_and_json(await productlift.delete(vote_path(post, character * 192))) == TOO_LONG
    assert await list_anonymous_ids(make) == []


async def test_anonymous_ids_are_compared_byte_for_byte(make: Factory, productlift: Client) -> None:
    post = await make.post()
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    different = ["abc", "ABC", "abc ", " abc", "ａｂｃ", composed, decomposed, "É", "ß", "ss", "\ufffd"]

    for anonymous_id in different:
        assert (await productlift.post(vote_path(post, anonymous_id))).status_code == 200, anonymous_id

    assert await list_anonymous_ids(make) == different
    assert await make.value("SELECT votes_count FROM posts") == len(different)
    # An escape in another notation is the same text.
    assert status_and_json(await productlift.post(f"/posts/{post}/anonymous_votes/%61bc")) == TAKEN
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("segment", ["%00", "a%00b", "%FF", "a%C3", "%ED%A0%80", "%C0%AF", "%EF%BF%BD%FF"])
@pytest.mark.parametrize("verb", ["POST", "DELETE"])
async def test_an_anonymous_id_that_is_no_text_is_an_unknown_route(
    verb: str, segment: str, make: Factory, productlift: Client
) -> None:
    post = await make.post()

    response = await productlift.request(verb, f"/posts/{post}/anonymous_votes/{segment}")

    assert status_and_json(response) == NO_ROUTE
    assert await list_anonymous_ids(make) == []


async def test_an_encoded_slash_belongs_to_the_anonymous_id_on_a_real_server(
    make: Factory, productlift: Client, settings: Settings
) -> None:
    post = await make.post()
    headers = {"authorization": f"Bearer {productlift.token}", "host": "feedback.example.com"}
    segments = ["a%2Fb", "%C3%A9", "%FF", "%00", "%F0%9F%98%80" * 191, "%F0%9F%98%80" * 192]
    with serve_in_thread(settings) as address:
        async with httpx.AsyncClient(base_url=f"{address}/api/v1", headers=headers) as client:
            statuses = [
                (await client.post(f"/posts/{post}/anonymous_votes/{segment}")).status_code for segment in segments
            ]

    assert statuses == [200, 200, 404, 404, 200, 422]
    assert await list_anonymous_ids(make) == ["a/b", "é", "😀" * 191]


async def test_anonymous_votes_are_listed_across_several_chunks(make: Factory, productlift: Client) -> None:
    post = await make.post()

    def crowd(work: UnitOfWork) -> None:
        voter = users.create(work, email=None, name="Voter")
        for number in range(1001):
            anonymous_votes.cast(work, post=post, anonymous_id=f"visitor {number}")
        votes.cast(work, NewVote(post=post, voter=voter))

    await make.act(crowd)

    response = await productlift.get(f"/posts/{post}/votes")

    first, *rest = response.json()["data"]
    assert (first["id"], first["voter"]["name"]) == (1002, "Voter")
    assert [vote["id"] for vote in rest] == list(range(1001, 0, -1))
    assert {vote["voter"] for vote in rest} == {None}


async def test_a_post_is_deleted_with_its_anonymous_votes(make: Factory, productlift: Client) -> None:
    jane = await make.user()
    mine, theirs = await make.post(author=jane), await make.post()
    gone = await make.post()
    for post in (mine, theirs, gone):
        for anonymous_id in ("earum", "aut"):
            await make.anonymous_vote(post, anonymous_id)
        await make.vote(post, jane)

    assert status_and_json(await productlift.delete(f"/posts/{gone}")) == DELETED
    parameters = {"delete_all_data": True}
    response = await productlift.send_json("DELETE", f"/users/{await make.uuid(jane)}", parameters)

    assert status_and_json(response) == DELETED
    assert await make.rows("SELECT DISTINCT post_id, user_id FROM votes") == [{"post_id": theirs, "user_id": None}]
    assert await make.rows("SELECT id, votes_count FROM posts") == [{"id": theirs, "votes_count": 2}]
    assert await make.wrong_counters() == []


async def test_a_change_takes_four_statements(make: Factory) -> None:
    post = await make.post()

    cast = await statements_of(make, lambda work: anonymous_votes.cast(work, post=post, anonymous_id="earum"))
    retracted = await statements_of(make, lambda work: anonymous_votes.retract(work, post=post, anonymous_id="earum"))

    # The post, the vote, the counter and the event.
    assert (len(cast), len(retracted)) == (4, 4)

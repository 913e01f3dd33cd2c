"""Boards, statuses and approval of posts in Astuto's dialect. docs/contracts/astuto.md, section 2.3."""

import asyncio
from datetime import UTC, datetime

import pytest

from app.domain.counters import post_counters
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

NINE = datetime(2026, 1, 12, 9, 30, 0, tzinfo=UTC)
MISSING = {"errors": ["Some parameters are missing from the request. Please check the documentation."]}
WRONG = {"errors": ["Some parameters are wrong in the request. Please check the documentation."]}


async def test_a_post_moves_to_another_board_and_keeps_its_slug(
    make: Factory, astuto: Client, clock: TestClock
) -> None:
    post = await make.post(title="Dark mode")
    before = await make.row("SELECT * FROM posts")
    bugs = make.boards["Bug Reports"]
    clock.set(NINE)

    response = await astuto.put(f"/posts/{post}/update_board", json={"board_id": bugs})
    again = await astuto.put(f"/posts/{post}/update_board", json={"board_id": f"{bugs}abc"})

    assert (response.status_code, response.json()) == (again.status_code, again.json()) == (200, {"id": post})
    after = await make.row("SELECT * FROM posts")
    assert {name for name in after if after[name] != before[name]} == {"board_id", "updated_at"}
    assert (await astuto.get(f"/posts/{post}")).json()["board"]["id"] == bugs
    assert await make.rows("SELECT * FROM status_changes") == []
    assert await make.act(post_counters.find_mismatches) == []


@pytest.mark.parametrize("body", [{}, {"board_id": None}, {"board_id": ""}, {"board_id": "  "}, {"board_id": [1]}])
async def test_a_move_requires_a_board(make: Factory, astuto: Client, body: dict[str, object]) -> None:
    post = await make.post()

    response = await astuto.put(f"/posts/{post}/update_board", json=body)

    assert (response.status_code, response.json()) == (400, MISSING)


@pytest.mark.parametrize("board", [4711, "abc", 0, -1, False, 2**63, 2**64, 10**400])
async def test_a_move_to_an_unknown_board_is_rejected(make: Factory, astuto: Client, board: object) -> None:
    post = await make.post()

    response = await astuto.put(f"/posts/{post}/update_board", json={"board_id": board})

    assert (response.status_code, response.json()) == (400, WRONG)
    assert await make.value("SELECT board_id FROM posts") == make.boards["Feature Requests"]


async def test_setting_and_clearing_a_status_is_recorded_in_the_history(
    make: Factory, astuto: Client, clock: TestClock
) -> None:
    jane = await make.user()
    post = await make.post()
    planned = make.statuses["Planned"]
    clock.set(NINE)

    changed = await astuto.put(f"/posts/{post}/update_status", json={"post_status_id": planned})
    payload = (await astuto.get(f"/posts/{post}")).json()
    clock.advance(seconds=1)
    as_jane = {"post_status_id": "", "impersonated_user_id": jane}
    cleared = await astuto.put(f"/posts/{post}/update_status", json=as_jane)

    assert (changed.status_code, changed.json()) == (cleared.status_code, cleared.json()) == (200, {"id": post})
    assert payload["post_status"]["id"] == planned
    assert payload["updated_at"] == "2026-01-12T09:30:00.000Z"
    assert "post_status" not in (await astuto.get(f"/posts/{post}")).json()
    history = await make.rows("SELECT user_id, actor_id, status_id FROM status_changes ORDER BY id")
    assert history == [
        {"user_id": make.owner, "actor_id": make.owner, "status_id": planned},
        {"user_id": jane, "actor_id": make.owner, "status_id": None},
    ]
    facts = await make.facts("post.status_changed")
    assert [(fact["user_id"], fact["actor_id"]) for fact in facts] == [(make.owner, make.owner), (jane, make.owner)]
    assert await make.act(post_counters.find_mismatches) == []


@pytest.mark.parametrize(
    "body", [{}, {"post_status_id": [1]}, {"post_status_id": {"a": 1}}, {"post_status_id": "same"}]
)
async def test_setting_the_same_status_changes_nothing(
    make: Factory, astuto: Client, clock: TestClock, body: dict[str, object]
) -> None:
    post = await make.post(status="Planned")
    before = await make.rows("SELECT * FROM posts")
    if body.get("post_status_id") == "same":
        body = {"post_status_id": make.statuses["Planned"]}
    clock.set(NINE)

    response = await astuto.put(f"/posts/{post}/update_status", json=body)

    assert (response.status_code, response.json()) == (200, {"id": post})
    assert await make.rows("SELECT * FROM posts") == before
    assert await make.rows("SELECT * FROM status_changes") == []
    assert await make.facts("post.status_changed") == []


@pytest.mark.parametrize("status", [4711, "abc", 0, -1, False, 2**63, -(2**70)])
async def test_an_unknown_status_is_rejected(make: Factory, astuto: Client, status: object) -> None:
    post = await make.post(status="Planned")

    response = await astuto.put(f"/posts/{post}/update_status", json={"post_status_id": status})

    assert (response.status_code, response.json()) == (400, WRONG)
    assert await make.value("SELECT status_id FROM posts") == make.statuses["Planned"]


async def test_impersonation_is_checked_before_the_status(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))
    post = await make.post()

    unknown = await astuto.put(f"/posts/{post}/update_status", json={"impersonated_user_id": 4711})
    both = await astuto.put(f"/posts/{post}/update_status", json={"impersonated_user_id": "x", "post_status_id": 4711})
    refused = await moderator.put(f"/posts/{post}/update_status", json={"impersonated_user_id": make.owner})

    could_not_find = {"errors": ["Impersonation error: Could not find the user to impersonate."]}
    not_allowed = {"errors": ["Impersonation error: You are not allowed to impersonate other users."]}
    assert (unknown.status_code, unknown.json()) == (both.status_code, both.json()) == (401, could_not_find)
    assert (refused.status_code, refused.json()) == (401, not_allowed)


async def test_concurrent_equal_status_changes_create_one_record(make: Factory, astuto: Client) -> None:
    post = await make.post()
    body = {"post_status_id": make.statuses["Planned"]}

    responses = await asyncio.gather(*(astuto.put(f"/posts/{post}/update_status", json=body) for _ in range(5)))

    assert {response.status_code for response in responses} == {200}
    assert await make.value("SELECT count(*) FROM status_changes") == 1
    assert len(await make.facts("post.status_changed")) == 1


@pytest.mark.parametrize(("verb", "state"), [("approve", "approved"), ("reject", "rejected")])
async def test_a_pending_post_is_approved_or_rejected_once(
    make: Factory, astuto: Client, clock: TestClock, verb: str, state: str
) -> None:
    post = await make.post(moderation="pending")
    clock.set(NINE)

    response = await astuto.put(f"/posts/{post}/{verb}", json={"impersonated_user_id": 4711})
    payload = (await astuto.get(f"/posts/{post}")).json()
    again = await astuto.put(f"/posts/{post}/approve")
    other = await astuto.put(f"/posts/{post}/reject")

    assert (response.status_code, response.json()) == (200, {"id": post})
    assert (payload["approval_status"], payload["updated_at"]) == (state, "2026-01-12T09:30:00.000Z")
    refused = (422, {"errors": ["Post is not pending approval"]})
    assert (again.status_code, again.json()) == (other.status_code, other.json()) == refused
    assert (await astuto.get(f"/posts/{post}")).json()["approval_status"] == state
    assert [fact["post_id"] for fact in await make.facts(f"post.{state}")] == [post]

"""Statuses in ProductLift's dialect. docs/contracts/productlift.md, sections 7.13 and 9.6."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.portals import statuses
from tests.conftest import TestClock
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_TAB, invalid, message_error, unknown

MONDAY = datetime(2026, 1, 12, 9, 30, tzinfo=UTC)
TUESDAY = datetime(2026, 1, 13, 9, 30, tzinfo=UTC)


def status(number: int, name: str, color: str, tab: tuple[int, str], text_color: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "color": color,
        "tab_id": tab[0],
        "tab_name": tab[1],
        "text_color": text_color,
    }


async def test_statuses_are_listed_by_tab_and_position(make: Factory, productlift: Client) -> None:
    of, tabs = make.statuses, make.tabs
    await make.act(lambda work: statuses.reorder(work, [of["Rejected"]]))
    feedback, roadmap = (tabs["feedback"], "Feedback"), (tabs["roadmap"], "Roadmap")

    listed = await productlift.get("/statuses")

    assert status_and_json(listed) == (
        200,
        {
            "data": [
                status(of["Rejected"], "Rejected", "#ff2600", feedback, "#ffbc96"),
                status(of["New"], "New", "#8B95A1", feedback, "#00000b"),
                status(of["Planned"], "Planned", "#0096ff", roadmap, "#96ffff"),
                status(of["In Progress"], "In Progress", "#9437ff", roadmap, "#ffcdff"),
                status(of["Completed"], "Completed", "#6ac47c", (tabs["changelog"], "Changelog"), "#002e00"),
            ]
        },
    )
    assert list(listed.json()["data"][0]) == ["id", "name", "color", "tab_id", "tab_name", "text_color"]


async def test_a_status_is_added(make: Factory, productlift: Client) -> None:
    tab = make.tabs["roadmap"]

    created = await productlift.post("/statuses", json={"name": "💡 Idea", "color": "#FFCCB6", "tab_id": str(tab)})

    number = created.json()["data"]["id"]
    assert status_and_json(created) == (
        200,
        {"data": status(number, "💡 Idea", "#FFCCB6", (tab, "Roadmap"), "#693620")},
    )
    row = await make.row("SELECT is_default, is_voteable, show_in_roadmap FROM statuses WHERE id = :id", id=number)
    assert (bool(row["is_default"]), bool(row["is_voteable"]), bool(row["show_in_roadmap"])) == (False, True, False)
    assert [each["id"] for each in (await productlift.get("/statuses")).json()["data"]].index(number) == 4


async def test_without_a_color_a_status_gets_the_next_pastel(make: Factory, productlift: Client) -> None:
    created = await productlift.post("/statuses", json={"name": "Idea", "tab_id": make.tabs["feedback"]})

    assert created.json()["data"]["color"] == "#ABDEE6"


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"name": "The name field is required.", "tab_id": "The tab id field is required."}),
        (
            {"name": "", "tab_id": "x"},
            {"name": "The name field is required.", "tab_id": "The tab id must be an integer."},
        ),
        ({"name": 1, "tab_id": 1}, {"name": "The name must be a string."}),
        ({"name": "x" * 192, "tab_id": 1}, {"name": "The name must not be greater than 191 characters."}),
        ({"name": "x", "color": "red", "tab_id": 1}, {"color": "The color format is invalid."}),
        ({"name": "PLANNED", "tab_id": 1}, {"name": "The name has already been taken."}),
    ],
)
async def test_an_invalid_new_status_is_rejected(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    assert status_and_json(await productlift.post("/statuses", json=sent)) == invalid(**errors)
    assert await make.value("SELECT count(*) FROM statuses") == 5


@pytest.mark.parametrize("tab", [99, 0, -1, 99999999999999999999])
async def test_a_status_requires_an_existing_tab(tab: int, make: Factory, productlift: Client) -> None:
    status_id = make.statuses["New"]

    assert status_and_json(await productlift.post("/statuses", json={"name": "Idea", "tab_id": tab})) == UNKNOWN_TAB
    assert status_and_json(await productlift.patch(f"/statuses/{status_id}", json={"tab_id": tab})) == UNKNOWN_TAB


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_a_status_update_keeps_fields_that_are_not_sent(verb: str, make: Factory, productlift: Client) -> None:
    number = make.statuses["Planned"]
    roadmap, feedback = (make.tabs["roadmap"], "Roadmap"), (make.tabs["feedback"], "Feedback")

    nothing = await productlift.send_json(verb, f"/statuses/{number}", {"name": None, "color": "", "tab_id": None})
    renamed = await productlift.send_json(verb, f"/statuses/{number}", {"name": "planned"})
    moved = await productlift.send_json(verb, f"/statuses/{number}", {"color": "#111", "tab_id": feedback[0]})

    assert status_and_json(nothing) == (200, {"data": status(number, "Planned", "#0096ff", roadmap, "#96ffff")})
    assert status_and_json(renamed) == (200, {"data": status(number, "planned", "#0096ff", roadmap, "#96ffff")})
    assert status_and_json(moved) == (200, {"data": status(number, "planned", "#111", feedback, "#a7a7a7")})
    assert await make.value("SELECT count(*) FROM statuses WHERE show_in_roadmap") == 3


async def test_the_name_of_a_status_must_be_unique(make: Factory, productlift: Client) -> None:
    taken = await productlift.patch(f"/statuses/{make.statuses['Planned']}", json={"name": "new"})

    assert status_and_json(taken) == invalid(name="The name has already been taken.")


@pytest.mark.parametrize("named", ["99", "abc", "%00"])
async def test_the_404_contains_an_unknown_status_as_sent(named: str, productlift: Client) -> None:
    payload = named.replace("%00", "\0")

    assert status_and_json(await productlift.patch(f"/statuses/{named}", json={"color": "x"})) == unknown(
        "Status", payload
    )
    assert status_and_json(await productlift.delete(f"/statuses/{named}")) == unknown("Status", payload)


async def test_the_default_status_can_not_be_deleted(make: Factory, productlift: Client) -> None:
    response = await productlift.delete(f"/statuses/{make.statuses['New']}")

    assert status_and_json(response) == message_error("The default status can not be deleted.")
    assert await make.value("SELECT count(*) FROM statuses") == 5


async def test_an_unused_status_is_deleted(make: Factory, productlift: Client) -> None:
    number = make.statuses["Planned"]

    assert status_and_json(await productlift.delete(f"/statuses/{number}")) == DELETED
    assert status_and_json(await productlift.delete(f"/statuses/{number}")) == unknown("Status", number)


async def test_deleting_a_status_gives_its_posts_the_default_status(
    make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    moved = [await make.post(status="Planned") for _ in range(3)]
    stayed = await make.post(status="Completed")
    clock.set(TUESDAY)

    assert status_and_json(await productlift.delete(f"/statuses/{make.statuses['Planned']}")) == DELETED

    payload = (await productlift.get("/posts?order_by=order")).json()["data"]
    new = {"id": make.statuses["New"], "name": "New", "color": "#8B95A1", "tab_name": "Feedback"}
    assert [post["status"] for post in payload[:3]] == [new] * 3
    assert {post["latest_status_change_at"] for post in payload[:3]} == {"2026-01-13T09:30:00Z"}
    assert {post["updated_at"] for post in payload[:3]} == {"2026-01-13T09:30:00Z"}
    assert payload[3]["status"]["name"] == "Completed"
    assert payload[3]["updated_at"] == "2026-01-12T09:30:00Z"
    history = await make.rows("SELECT post_id, user_id, actor_id, status_id FROM status_changes ORDER BY post_id")
    one = {"user_id": make.owner, "actor_id": make.owner, "status_id": make.statuses["New"]}
    assert history == [{"post_id": post, **one} for post in moved]
    facts = await make.facts("post.status_changed")
    assert [(fact["post_id"], fact["subject_id"], fact["user_id"]) for fact in facts] == [
        (post, make.statuses["New"], make.owner) for post in moved
    ]
    assert [json.loads(fact["body"]) for fact in facts] == [
        {
            "old_status_id": make.statuses["Planned"],
            "new_status_id": make.statuses["New"],
            "old_status": {
                "id": make.statuses["Planned"],
                "name": "Planned",
                "color": "#0096ff",
                "tab_name": "Roadmap",
            },
            "new_status": new,
        }
    ] * 3
    assert stayed not in [fact["post_id"] for fact in facts]
    assert await make.wrong_counters() == []
    assert (await productlift.get(f"/posts?status={make.statuses['New']}")).json()["total"] == 3

"""Boards in Astuto's dialect. docs/contracts/astuto.md, sections 1.7, 1.10 and 2.1."""

import asyncio
import json
import re
from datetime import UTC, datetime

import pytest

from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


async def slug(make: Factory, board: int) -> str:
    return str(await make.value("SELECT slug FROM boards WHERE id = :id", id=board))


async def test_all_boards_are_listed_by_id(make: Factory, astuto: Client, clock: TestClock) -> None:
    await make.run("UPDATE boards SET position = 1 - position")
    clock.set(datetime(2026, 1, 12, 9, 30, 0, 123999, tzinfo=UTC))
    await astuto.post("/boards", json={"name": "Ideas", "description": "All of them"})
    await make.run("UPDATE boards SET created_at = updated_at, name = name || '!' WHERE name <> 'Ideas'")

    response = await astuto.get("/boards", params={"limit": 1, "offset": 1})

    assert response.status_code == 200
    assert [board["name"] for board in response.json()] == ["Feature Requests!", "Bug Reports!", "Ideas"]
    assert json.dumps(response.json()[2]) == (
        f'{{"id": {response.json()[2]["id"]}, "name": "Ideas", "slug": "ideas", "description": "All of them",'
        ' "created_at": "2026-01-12T09:30:00.123Z", "updated_at": "2026-01-12T09:30:00.123Z"}'
    )


async def test_a_board_is_found_by_id_and_by_slug(make: Factory, astuto: Client) -> None:
    bugs = make.boards["Bug Reports"]

    by_number, by_leading_number, by_slug = [
        (await astuto.get(f"/boards/{segment}")) for segment in (bugs, f"{bugs}-foo", "bug-reports")
    ]

    assert by_number.status_code == 200
    assert list(by_number.json()) == ["id", "name", "slug", "description", "created_at", "updated_at"]
    assert (by_number.json()["id"], by_number.json()["description"]) == (bugs, None)
    assert by_number.content == by_leading_number.content == by_slug.content


async def test_an_id_takes_precedence_over_a_slug(make: Factory, astuto: Client) -> None:
    first, second = make.boards.values()
    hidden = (await astuto.post("/boards", json={"name": "Hidden", "slug": str(first)})).json()["id"]
    result = (await astuto.post("/boards", json={"name": "Found", "slug": "4711"})).json()["id"]

    by_first = (await astuto.get(f"/boards/{first}")).json()["id"]
    by_unused_number = (await astuto.get("/boards/4711")).json()["id"]

    assert (by_first, by_unused_number) == (first, result)
    assert second != hidden


@pytest.mark.parametrize(
    "segment", ["4711", "invalid-id", "Bug-Reports", "0", "99999999999999999999", "%00", "bug%20x"]
)
async def test_the_404_contains_the_decoded_id_of_an_unknown_board(astuto: Client, segment: str) -> None:
    response = await astuto.get(f"/boards/{segment}")

    decoded = {"%00": "\0", "bug%20x": "bug x"}.get(segment, segment)
    assert (response.status_code, response.json()) == (404, {"errors": [f"Board with id {decoded} not found"]})


async def test_a_new_board_is_the_last(make: Factory, astuto: Client) -> None:
    await make.run("UPDATE boards SET position = 7 WHERE name = 'Bug Reports'")

    response = await astuto.post("/boards", json={"name": "Ideas", "description": ""})

    board = response.json()["id"]
    assert (response.status_code, response.json()) == (201, {"id": board})
    stored = await make.row("SELECT name, slug, description, position, is_default FROM boards WHERE id = :id", id=board)
    assert dict(stored) | {"is_default": bool(stored["is_default"])} == {
        "name": "Ideas",
        "slug": "ideas",
        "description": "",
        "position": 8,
        "is_default": False,
    }


@pytest.mark.parametrize("body", [{}, {"name": None}, {"name": ""}, {"name": "  \t"}])
async def test_a_board_requires_a_name(astuto: Client, body: dict[str, object]) -> None:
    response = await astuto.post("/boards", json=body)

    assert (response.status_code, response.json()) == (
        400,
        {"errors": ["Some parameters are missing from the request. Please check the documentation."]},
    )


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"name": "Bug Reports"}, ["Name is already in use"]),
        ({"name": ["Bug Reports"]}, ["Name cannot be blank"]),
        ({"name": {"a": "b"}}, ["Name cannot be blank"]),
        ({"name": "Ideas", "description": "x" * 1025}, ["Description is too long (maximum 1024 characters)"]),
        (
            {"name": "Bug Reports", "description": "x" * 1025},
            ["Name is already in use", "Description is too long (maximum 1024 characters)"],
        ),
        ({"name": "x" * 513}, ["Name is too long (maximum 512 characters)"]),
    ],
)
async def test_an_invalid_board_is_rejected(
    make: Factory, astuto: Client, body: dict[str, object], messages: list[str]
) -> None:
    response = await astuto.post("/boards", json=body)

    assert (response.status_code, response.json()) == (422, {"errors": messages})
    assert await make.value("SELECT count(*) FROM boards") == 2


async def test_board_names_are_case_sensitive(make: Factory, astuto: Client) -> None:
    upper = (await astuto.post("/boards", json={"name": "Alpha"})).json()["id"]
    lower = (await astuto.post("/boards", json={"name": "alpha"})).json()["id"]

    assert await slug(make, upper) == "alpha"
    assert re.fullmatch(f"alpha-{UUID4}", await slug(make, lower))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Slash/One & two_three"}, "slash-one-two_three"),
        ({"name": "Ideas", "slug": "My  Own/Slug!"}, "my-own-slug"),
        ({"name": "Ideas", "slug": None}, "ideas"),
        ({"name": "Ideas", "slug": ""}, "ideas"),
        ({"name": "Ideas", "slug": "!!!"}, "ideas"),
        ({"name": "Ideas", "slug": ["own"]}, "ideas"),
        ({"name": "Ideas", "slug": 42}, "42"),
        ({"name": "Ideas", "slug": "bug-reports"}, "ideas"),
        ({"name": "Ideas", "slug": "admin"}, "ideas"),
        ({"name": "Bug reports"}, f"bug-reports-{UUID4}"),
        ({"name": "Bug reports", "slug": "Bug Reports"}, f"bug-reports-{UUID4}"),
        ({"name": "admin"}, f"admin-{UUID4}"),
        ({"name": "日本語"}, UUID4),
        ({"name": 123}, "123"),
        ({"name": " Ideas "}, "ideas"),
    ],
)
async def test_a_board_gets_a_slug_from_its_slug_or_name(
    make: Factory, astuto: Client, body: dict[str, object], expected: str
) -> None:
    response = await astuto.post("/boards", json=body)

    assert response.status_code == 201
    assert re.fullmatch(expected, await slug(make, response.json()["id"]))


async def test_the_longest_names_and_slugs_are_stored(make: Factory, astuto: Client) -> None:
    # Letters that no index can pack, four bytes each in the name.
    name = "".join(chr(0x20000 + (number * 7919) % 40000) for number in range(512))
    slug_letters = "".join(chr(97 + (number * number) % 26) for number in range(9000))

    named = await astuto.post("/boards", json={"name": name})
    slugged = await astuto.post("/boards", json={"name": "Long", "slug": slug_letters})

    assert (named.status_code, slugged.status_code) == (201, 201)
    assert await slug(make, slugged.json()["id"]) == slug_letters[:512]


async def test_a_moderator_may_not_add_boards(make: Factory, astuto: Client) -> None:
    moderator = astuto.of(await make.key(await make.user(role="moderator"), "astuto"))

    unnamed = await moderator.post("/boards", json={})
    taken = await moderator.post("/boards", json={"name": "Bug Reports"})

    assert unnamed.status_code == 400
    assert (taken.status_code, taken.json()) == (
        401,
        {"errors": ["You are not authorized to perform this action."]},
    )
    assert "www-authenticate" not in taken.headers


async def test_concurrent_boards_get_unique_positions_and_slugs(make: Factory, astuto: Client) -> None:
    responses = await asyncio.gather(*(astuto.post("/boards", json={"name": f"Ideas{'!' * n}"}) for n in range(6)))

    assert {response.status_code for response in responses} == {201}
    assert len({await slug(make, response.json()["id"]) for response in responses}) == 6
    places = await make.rows("SELECT position FROM boards ORDER BY position")
    assert [row["position"] for row in places] == list(range(8))

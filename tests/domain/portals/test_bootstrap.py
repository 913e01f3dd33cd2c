"""What an empty database begins with."""

import asyncio

import pytest

from app.adapters.database import NO_PORTAL
from app.application import Application
from app.domain.portals import bootstrap
from app.domain.portals.bootstrap import FirstPortal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import key_formats, sign_in
from tests.conftest import SECRET
from tests.support.factory import Factory


def begin(work: UnitOfWork) -> FirstPortal | None:
    return bootstrap.create_first_portal(work, secret=SECRET.encode())


async def test_the_first_portal_has_the_documented_defaults(server: Application) -> None:
    make = Factory(server, SECRET.encode())

    begun = await server.database.write(begin, NO_PORTAL)

    assert begun is not None
    assert dict(await make.row("SELECT title, locale, host, default_dialect FROM portals")) == {
        "title": "Feedback",
        "locale": "en",
        "host": None,
        "default_dialect": None,
    }
    assert dict(await make.row("SELECT id, name, email, role, password_hash FROM users")) == {
        "id": begun.owner_id,
        "name": "Owner",
        "email": "owner@example.com",
        "role": "owner",
        "password_hash": None,
    }
    assert begun.sign_in_token not in repr(begun)
    owner = await make.act(
        lambda work: sign_in.use_link(work, begun.sign_in_token, browser_token=None), portal=begun.portal_id
    )
    assert owner.user_id == begun.owner_id
    assert [
        (row["name"], bool(row["is_default"])) for row in await make.rows("SELECT * FROM boards ORDER BY position")
    ] == [("Feature Requests", True), ("Bug Reports", False)]
    assert [row["url"] for row in await make.rows("SELECT url FROM tabs ORDER BY position")] == [
        "feedback",
        "roadmap",
        "changelog",
    ]
    statuses = await make.rows(
        "SELECT s.name, s.color, t.url AS tab, s.is_default, s.is_voteable, s.show_in_roadmap "
        "FROM statuses s JOIN tabs t ON t.id = s.tab_id ORDER BY s.position"
    )
    assert [
        (row["name"], row["color"], row["tab"], *map(bool, (row["is_default"], row["is_voteable"]))) for row in statuses
    ] == [
        ("New", "#8B95A1", "feedback", True, True),
        ("Planned", "#0096ff", "roadmap", False, True),
        ("In Progress", "#9437ff", "roadmap", False, True),
        ("Completed", "#6ac47c", "changelog", False, False),
        ("Rejected", "#ff2600", "feedback", False, False),
    ]
    assert [row["name"] for row in statuses if row["show_in_roadmap"]] == ["Planned", "In Progress", "Completed"]


async def test_the_first_portal_has_a_key_of_the_owner_for_each_dialect(server: Application) -> None:
    begun = await server.database.write(begin, NO_PORTAL)

    assert begun is not None
    assert list(begun.keys) == ["productlift", "astuto"]
    for dialect, key in begun.keys.items():
        admission = await server.services.authenticator.authenticate(key)
        assert admission is not None
        assert (admission.dialect, admission.user_id, admission.role) == (dialect, begun.owner_id, "owner")
        assert key_formats.dialect_of_token(key) == dialect


async def test_concurrent_starts_create_one_portal(server: Application) -> None:
    begun = await asyncio.gather(*(server.database.write(begin, NO_PORTAL, in_thread=True) for _ in range(4)))

    assert sum(one is not None for one in begun) == 1
    make = Factory(server, SECRET.encode())
    assert await make.value("SELECT count(*) FROM portals") == 1
    assert await make.value("SELECT count(*) FROM api_keys") == 2


@pytest.mark.parametrize(
    ("given", "email", "name"),
    [
        ({"owner_email": "Jane.Doe@Example.com"}, "jane.doe@example.com", "Jane Doe"),
        ({"owner_name": "J. Doe"}, "owner@example.com", "J. Doe"),
        ({"owner_email": "jane@example.com", "owner_name": "J. Doe"}, "jane@example.com", "J. Doe"),
    ],
)
async def test_the_owner_has_the_given_email_and_name(
    given: dict[str, str], email: str, name: str, server: Application
) -> None:
    begun = await server.database.write(
        lambda work: bootstrap.create_first_portal(work, secret=SECRET.encode(), **given), NO_PORTAL
    )
    later = await server.database.write(
        lambda work: bootstrap.create_first_portal(work, secret=SECRET.encode(), owner_email="joe@example.com"),
        NO_PORTAL,
    )

    assert begun is not None
    assert begun.owner_email == email
    assert later is None
    row = await Factory(server, SECRET.encode()).row("SELECT id, email, name, role FROM users")
    assert dict(row) == {"id": begun.owner_id, "email": email, "name": name, "role": "owner"}

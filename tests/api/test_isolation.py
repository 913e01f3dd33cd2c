"""No request to one portal reads or changes a row of another, and no key allows more than its role.

The tests cover all declared routes. They fail for a route with an unknown parameter.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import app
from app.background import flush_page_views
from app.domain.models import Base, Post
from app.domain.portals import portals
from app.domain.sql.statement import MissingPortalFilter, Statement
from tests.support import routes
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import Rows, changed, dump_database, of_portal, snapshot
from tests.support.factory import Factory
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import NOWHERE, SamplePortal, address, inputs, place_of, populate, references

ONE, TWO = "one.example.com", "two.example.com"
ASTUTO_DENIED = (401, {"errors": ["Access denied."]})
ASTUTO_MAY_NOT_IMPERSONATE = (401, {"errors": ["Impersonation error: You are not allowed to impersonate other users."]})
PRODUCTLIFT_DENIED = (401, {"message": "Unauthenticated."})


WITHOUT_ROWS = ("productlift GET /users/segment-metadata-keys",)
"""Routes whose response is the same for all portals."""

IDS_OF_TWO = range(1_000_000, 2_000_000)
"""The ids of all rows of the second portal, and of no others, so that a leaked id is recognized."""


@dataclass(frozen=True)
class TwoPortals:
    """Two portals with the same content, and clients of their owners by dialect."""

    make: Factory
    one: SamplePortal
    two: SamplePortal
    clients: Mapping[str, Client]
    clients_of_two: Mapping[str, Client]
    before: Mapping[Route, Any]
    """The responses of the first portal's lists before the second existed."""
    texts_of_two: Sequence[str]
    """The codes and UUIDs of the second portal."""
    rows_of_two: Mapping[str, Any]

    def leaks(self, response: Any) -> list[Any]:
        """Every value of a response that belongs to the second portal."""
        if isinstance(response, dict):
            return [leak for part in (*response.keys(), *response.values()) for leak in self.leaks(part)]
        if isinstance(response, list):
            return [leak for part in response for leak in self.leaks(part)]
        if isinstance(response, str):
            return [text for text in self.texts_of_two if text in response]
        return [response] if type(response) is int and response in IDS_OF_TWO else []

    async def assert_second_untouched(self) -> None:
        """No row of the second portal has changed, and no row of the first refers to one of it."""
        database = self.make.server.database
        assert changed(self.rows_of_two, await of_portal(database, self.two.portal)) == set()
        assert _rows_across_portals(await dump_database(database)) == []


@pytest.fixture
async def two_portals(make: Factory) -> TwoPortals:
    await make.act(lambda work: portals.update_setting(work, setting="host", value=ONE))
    one = await populate(make, make.portal, make.owner, name="")
    keys = {dialect: await make.key(make.owner, dialect) for dialect in DIALECTS}
    clients = {dialect: Client(make.server, token=keys[dialect], host=f"http://{ONE}") for dialect in DIALECTS}
    before = {
        route: status_and_json(
            await clients[route.dialect].get(address(route, one), params=required_params(route, one))
        )
        for route in routes.every()
        if route.method == "GET"
    }
    await _number_from(make, IDS_OF_TWO.start)
    portal, owner = await make.new_portal("Feedback", host=TWO, email="owner@example.com")
    two = await populate(make, portal, owner, name="")
    keys = {dialect: await make.key(owner, dialect, portal=portal) for dialect in DIALECTS}
    await _number_from(make, IDS_OF_TWO.stop)
    texts = await make.rows(
        "SELECT code AS text FROM posts WHERE portal_id = :p UNION SELECT uuid FROM users"
        " WHERE portal_id = :p UNION SELECT uuid FROM widgets WHERE portal_id = :p"
        " UNION SELECT guid FROM portals WHERE id = :p",
        p=portal,
    )
    return TwoPortals(
        make,
        one,
        two,
        clients,
        {dialect: Client(make.server, token=keys[dialect], host=f"http://{TWO}") for dialect in DIALECTS},
        before,
        [row["text"] for row in texts],
        await of_portal(make.server.database, portal),
    )


async def _number_from(make: Factory, start: int) -> None:
    """Give the next rows of each table ids from a range of its own."""
    for place, table in enumerate(Base.metadata.sorted_tables):
        if "id" not in table.c:
            continue
        last = start + place * 10_000
        if make.server.database.engine == "sqlite":
            await make.run("DELETE FROM sqlite_sequence WHERE name = :table", table=table.name)
            await make.run(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)", table=table.name, last=last
            )
        else:
            await make.value(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})")


def _rows_across_portals(rows: Rows) -> list[Any]:
    """Rows that refer to a row of another portal."""
    portal_of = {
        name: {row["id"]: row["portal_id"] for row in table}
        for name, table in rows.items()
        if table and "id" in table[0] and "portal_id" in table[0]
    }
    mismatches = []
    for table in Base.metadata.sorted_tables:
        keys = [key for key in table.foreign_keys if key.column.table.name in portal_of]
        for row in rows[table.name]:
            ends = {portal_of[key.column.table.name].get(row[key.parent.name]) for key in keys} - {None}
            own = {row["portal_id"]} if "portal_id" in row else set()
            if len(ends | own) > 1:
                mismatches.append((table.name, row))
    return mismatches


def required_params(route: Route, sample: SamplePortal) -> dict[str, Any]:
    """The parameters of an unfiltered list: only those without which nothing is found."""
    needed = ("title", "email") if route.path == "/posts/search_duplicates" else ("email", "query")
    return {name: value for name, value in inputs(route, sample).items() if name in needed}


def without_sent_values(response: tuple[int, Any], sample: SamplePortal) -> tuple[int, Any]:
    """The response without the values that the client sent, so that two errors can be compared."""
    text = repr(response[1])
    for field, value in sorted(zip(fields(sample), astuple(sample), strict=True), key=lambda pair: -len(str(pair[1]))):
        text = text.replace(str(value), field.name) if field.name not in ("tab_url", "portal") else text
    return response[0], text


async def send_request(client: Client, route: Route, path: str, sent: dict[str, Any]) -> tuple[int, Any]:
    """Send parameters: in the query of a GET, otherwise in the body."""
    if route.method == "GET":
        return status_and_json(await client.get(path, params=sent))
    return status_and_json(await client.request(route.method, path, json=sent))


async def test_responses_are_the_same_with_and_without_another_portal(two_portals: TwoPortals) -> None:
    one, two = two_portals.one, two_portals.two
    for route, before in two_portals.before.items():
        client = two_portals.clients[route.dialect]
        path, sent = address(route, one), required_params(route, one)

        after = status_and_json(await client.get(path, params=sent))

        assert after == before, route
        assert after[0] == 200, route
        assert two_portals.leaks(after[1]) == [], route

        # The second portal has as many rows, so a leak would have been visible.
        seen = status_and_json(await two_portals.clients_of_two[route.dialect].get(address(route, two), params=sent))
        assert seen[0] == 200, route
        assert (two_portals.leaks(seen[1]) != []) is (str(route) not in WITHOUT_ROWS), route
    await two_portals.assert_second_untouched()


async def test_ids_of_another_portal_are_unknown_in_every_path(two_portals: TwoPortals) -> None:
    one, two = two_portals.one, two_portals.two
    before = await snapshot(two_portals.make.server.database)
    for route in routes.every():
        places = [place for place in route.places if place_of(route, place)]
        for foreign in ([place] for place in places) if len(places) < 2 else (places, *([place] for place in places)):
            client, sent = two_portals.clients[route.dialect], inputs(route, one)

            theirs = await send_request(client, route, address(route, one, **dict.fromkeys(foreign, two)), sent)
            unknown = await send_request(client, route, address(route, one, **dict.fromkeys(foreign, NOWHERE)), sent)

            assert unknown[0] == 404, (route, foreign, unknown)
            assert without_sent_values(theirs, two) == without_sent_values(unknown, NOWHERE), (route, foreign)
    assert changed(before, await snapshot(two_portals.make.server.database)) == set()


async def test_ids_of_another_portal_are_unknown_in_every_parameter(two_portals: TwoPortals) -> None:
    one, two = two_portals.one, two_portals.two
    for route in routes.every():
        for name, attribute in references(route).items():
            client = two_portals.clients[route.dialect]
            path, sent = address(route, one), inputs(route, one)
            theirs = await send_request(client, route, path, sent | {name: getattr(two, attribute)})
            sent = inputs(route, one)
            unknown = await send_request(client, route, path, sent | {name: getattr(NOWHERE, attribute)})

            assert theirs[0] == unknown[0], (route, name, theirs, unknown)
            if theirs[0] >= 400 or route.method == "GET":
                assert without_sent_values(theirs, two) == without_sent_values(unknown, NOWHERE), (route, name)
            else:
                assert two_portals.leaks(theirs[1]) == [], (route, name)
            await two_portals.assert_second_untouched()


async def test_writes_to_one_portal_change_no_other(two_portals: TwoPortals) -> None:
    for route in routes.every():
        if route.method in ("POST", "PUT", "PATCH"):
            client = two_portals.clients[route.dialect]
            sample = await populate(two_portals.make, two_portals.one.portal, two_portals.one.owner)

            status, response = await send_request(client, route, address(route, sample), inputs(route, sample))

            assert status == route.status, (route, response)
            assert two_portals.leaks(response) == [], route
            await two_portals.assert_second_untouched()


async def test_no_page_or_file_of_another_portal_is_shown(two_portals: TwoPortals) -> None:
    make, two = two_portals.make, two_portals.two
    slug, mine = "dark-mode-at-night", two_portals.one.code
    attached = (
        "INSERT INTO attachments (portal_id, post_id, kind, name, original_name, media_type, size, created_at) "
        "SELECT portal_id, id, 'attachment', :name, 'x.txt', 'text/plain', 1, created_at FROM posts WHERE id = :post"
    )
    await make.run(attached, name="a" * 32 + ".txt", post=two.post)
    client = Client(make.server, token=None, base="", host=f"http://{ONE}")
    theirs = Client(make.server, token=None, base="", host=f"http://{TWO}")

    for page in ("/p/{}", f"/p/{slug}-{{}}", f"/p/{slug}-{{}}/edit", f"/p/{slug}-{{}}/delete"):
        known, unknown = await client.get(page.format(two.code)), await client.get(page.format("zzzzzz"))
        assert (known.status_code, known.text) == (404, unknown.text), page
        assert (await theirs.get(page.format(two.code))).status_code in (200, 302), page
    for page, status in ((f"/widgets/{two.widget}", 302), (f"/t/roadmap?widget_id={two.widget}", 200)):
        known, unknown = await client.get(page), await client.get(page.replace(two.widget, NOWHERE.widget))
        assert known.status_code == unknown.status_code == (404 if status == 302 else 200), page
        assert known.text.replace(two.widget, NOWHERE.widget) == unknown.text, page
        # The error page of widgets may be shown in frames of any site.
        assert known.headers.get("x-frame-options") == (None if status == 302 else "DENY"), page
        assert (await theirs.get(page)).status_code == status, page
    for page in ("/t/roadmap", "/embedded_roadmap", "/http_api/posts", "/http_api/tabs/roadmap/fetch"):
        shown, also = await client.get(page), await theirs.get(page)
        assert two.code not in shown.text, page
        assert str(two.tab) not in shown.text, page
        assert (mine in shown.text, two.code in also.text) == (True, True), page
    payload = await client.get(f"/posts/{slug}")
    assert payload.status_code == 200
    assert mine in payload.text
    assert two.code not in payload.text
    unknown = await client.get("/files/" + "b" * 32 + ".txt")
    assert ((await client.get("/files/" + "a" * 32 + ".txt")).status_code, unknown.status_code) == (404, 404)
    await flush_page_views(make.server.database, make.server.services.views)
    assert await make.value("SELECT views_count FROM posts WHERE id = :id", id=two.post) == 1


@pytest.mark.parametrize("role", ["moderator", "admin", "owner"])
async def test_only_administrators_can_impersonate_at_any_route(make: Factory, anyone: Client, role: str) -> None:
    user = make.owner if role == "owner" else await make.user(role=role)
    client = anyone.of(await make.key(user, "astuto"))
    for route in routes.of_dialect("astuto"):
        if "impersonated_user_id" not in route.inputs:
            continue
        sample = await populate(make, make.portal, make.owner)
        before = await snapshot(make.server.database)

        response = await send_request(client, route, address(route, sample), inputs(route, sample))

        is_changed = changed(before, await snapshot(make.server.database)) != set()
        if role == "moderator":
            assert (response, is_changed) == (ASTUTO_MAY_NOT_IMPERSONATE, False), route
        else:
            assert (response[0], is_changed) == (route.status, True), route


@pytest.mark.parametrize("end", ["blocked", "deleted", "demoted", "expired", "revoked"])
async def test_an_invalid_key_is_rejected_at_every_route(make: Factory, anyone: Client, end: str) -> None:
    sample = await populate(make, make.portal, make.owner)
    ending = {
        "blocked": "UPDATE users SET blocked_at = created_at WHERE id = :user",
        "deleted": "UPDATE users SET deleted_at = created_at, email = NULL WHERE id = :user",
        "demoted": "UPDATE users SET role = 'user' WHERE id = :user",
        "expired": "UPDATE api_keys SET expires_at = created_at WHERE user_id = :user",
        "revoked": "UPDATE api_keys SET revoked_at = created_at WHERE user_id = :user",
    }[end]
    for dialect, denied in (("astuto", ASTUTO_DENIED), ("productlift", PRODUCTLIFT_DENIED)):
        user = await make.user(role="admin")
        client = anyone.of(await make.key(user, dialect))
        await make.run(ending, user=user)
        make.server.services.authenticator.invalidate()
        before = await snapshot(make.server.database)
        for route in routes.of_dialect(dialect):
            assert await send_request(client, route, address(route, sample), inputs(route, sample)) == denied, route
        assert changed(before, await snapshot(make.server.database)) == set()


async def test_a_statement_without_a_portal_filter_raises_an_error(make: Factory) -> None:
    for query in (select(Post.id), select(Post.id).where(Post.id == 1), Post.__table__.delete()):
        with pytest.raises(MissingPortalFilter):
            await make.act(lambda work, query=query: work.execute(Statement(query)))
    assert await make.rows("SELECT id FROM posts") == []


def test_only_these_modules_read_across_portals() -> None:
    """The portal is not known before the key or the host is found; background jobs serve all portals."""
    result = set()
    root = Path(app.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.keyword)
                and node.arg == "across_portals"
                and getattr(node.value, "value", 1) is True
            ):
                result.add(path.relative_to(root).as_posix())

    assert result <= ACROSS


ACROSS = {
    "adapters/database/inspection.py",  # which revision the database is at
    "domain/posts/attachments.py",  # the sweep of files that no portal knows any more
    "domain/notifications/digests.py",  # in which portals digests are due
    "domain/notifications/recaps.py",  # in which portals a user wants the staff summary
    "domain/portals/bootstrap.py",  # the first portal of all
    "domain/installation.py",  # which secret the keys of all portals were made with
    "domain/users/api_keys.py",  # the number of keys, and the end of all
    "domain/users/key_verification.py",  # whose key this is, when keys were last used
    "domain/users/sessions.py",  # what is expired in all portals
    "domain/users/sign_in_requests.py",  # what is expired in all portals
    "domain/outbox/events.py",  # how many facts wait and where, when the newest was written, what time it is
    "domain/outbox/claims.py",  # a worker serves all portals; each outcome is stored in its own
    "domain/outbox/sweep.py",  # what is old in all portals
    "domain/outbox/backlog.py",  # the metrics and the doctor's findings about all portals
    "domain/portals/portals.py",  # which portal answers on a host, and what portals there are
    "domain/counters/audit.py",  # a lock, without any row
    "domain/search/post_index.py",  # which portals have posts that are not indexed yet
}

"""Every route of both dialects, requested by every kind of caller, on posts of every state, with every kind of id.

`rights.py` has the expected responses. A denied request changes nothing, and no request changes the other portal.
Leaks in lists, ids in parameters, and impersonation are in tests/api/test_isolation.py.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.domain.portals import categories, portals, sections, statuses
from app.domain.users import users
from tests.security.rights import (
    DENIED,
    MIN_ROLE_OF_A_KEY,
    NAMED_BY_INPUT,
    NOT_AUTHORIZED,
    ROLES,
    STATES,
    WRONG_STATE,
    Response,
    is_at_least,
    not_found,
    parse_table,
)
from tests.support import routes
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, of_portal
from tests.support.factory import Factory
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import NOWHERE, SamplePortal, address, inputs, place_of, populate

ONE, TWO = "http://one.example.com", "http://two.example.com"
OTHER = {"astuto": "productlift", "productlift": "astuto"}
RIGHTS = parse_table()

_number = itertools.count(1)


@dataclass(frozen=True)
class Caller:
    """A client. The role is None if its key is missing or invalid."""

    name: str
    role: str | None
    client: Client


@dataclass(frozen=True)
class Sample:
    """A request, and the response to a caller with all rights."""

    path: str
    params: dict[str, Any]
    expected: Response | None
    """None for success."""
    label: str


class Scenario:
    """Two portals with a row of each kind, posts of every state, and every kind of caller."""

    def __init__(self, make: Factory, dialect: str, one: SamplePortal, two: SamplePortal) -> None:
        self.make = make
        self.dialect = dialect
        self.one = one
        self.two = two
        self.callers: list[Caller] = []

    async def add_callers(self) -> None:
        make, dialect = self.make, self.dialect
        plain = Client(make.server, token=None, base=f"/{dialect}/api/v1", host=ONE)

        def client(token: str | None, *, host: str = ONE) -> Client:
            return plain.of(token, base=f"/{dialect}/api/v1", host=host)

        for role in ROLES:
            user = make.owner if role == "owner" else await make.user(role="admin")
            token = await make.key(user, dialect)
            if role not in ("owner", "admin"):
                # By SQL, so that no rule revokes the key: the role alone decides.
                await make.run("UPDATE users SET role = :role WHERE id = :id", role=role, id=user)
            valid_role = role if is_at_least(role, MIN_ROLE_OF_A_KEY[dialect]) else None
            self.callers.append(Caller(role, valid_role, client(token)))
        for ended in ("blocked", "deleted", "revoked"):
            user = await make.user(role="admin")
            token = await make.key(user, dialect)
            if ended == "revoked":
                await make.run("UPDATE api_keys SET revoked_at = created_at WHERE user_id = :id", id=user)
            else:
                gone = "" if ended == "blocked" else ", email = NULL"
                await make.run(f"UPDATE users SET {ended}_at = created_at{gone} WHERE id = :id", id=user)
            self.callers.append(Caller(ended, None, client(token)))
        own = await make.key(make.owner, dialect)
        theirs = await make.key(self.two.owner, dialect, portal=self.two.portal)
        self.callers += [
            Caller("nobody", None, client(None)),
            Caller("an unknown key", None, client(own[:-1] + ("A" if own[-1] != "A" else "B"))),
            Caller("the other dialect's key", None, client(await make.key(make.owner, OTHER[dialect]))),
            Caller("the other portal's key", None, client(theirs)),
            Caller("this portal's key on the other's host", None, client(own, host=TWO)),
        ]

    async def add_rows(self, state: str) -> SamplePortal:
        """The ids of new rows: a post in this state with its vote and comments, and rows that may be deleted."""
        make, number = self.make, next(_number)
        user, voter = await make.user(), await make.user()
        post = await make.post(author=user, moderation=state)
        tab = self.one.tab
        code = await make.code(post)
        return replace(
            self.one, user=user, uuid=await make.uuid(user), email=f"matrix{number}@example.com", voter=voter,
            voter_uuid=await make.uuid(voter), post=post, code=code, pending=post, pending_code=code,
            vote=await make.vote(post, user), visitor=await self.add_anonymous_vote(post, state),
            comment=await make.comment(post, author=user),
            official=await make.comment(post, author=user, official=True),
            category=await make.act(lambda work: categories.add(work, name=f"Matrix {number}")),
            status=await make.act(lambda work: statuses.add(work, name=f"Matrix {number}", tab_id=tab)),
            section=await make.act(lambda work: sections.add(work, title="Matrix", tab_id=tab)),
            feedback=await make.feedback(user=user, post=post),
            tag=await make.tag(f"Matrix {number}"), group=await make.group(f"Matrix {number}"),
        )  # fmt: skip

    async def add_anonymous_vote(self, post: int, state: str) -> str:
        """The id of a new anonymous vote; a post that is not approved accepts none."""
        visitor = f"visitor {next(_number)}"
        if state == "approved":
            await self.make.anonymous_vote(post, visitor)
        return visitor

    async def read_rows(self) -> dict[int, Any]:
        """Every row of both portals."""
        return {
            portal: await of_portal(self.make.server.database, portal) for portal in (self.one.portal, self.two.portal)
        }


@pytest.fixture(params=DIALECTS)
async def scenario(request: pytest.FixtureRequest, make: Factory) -> Scenario:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    one = await populate(make, make.portal, make.owner)
    portal, owner = await make.new_portal("Feedback", host="two.example.com", email="owner@example.com")
    two = await populate(make, portal, owner)
    result = Scenario(make, request.param, one, two)
    await result.add_callers()
    return result


def names_a_post(route: Route) -> bool:
    """Whether a post is named by the address or in the body, so that its state might matter."""
    attributes = [place_of(route, place) for place in route.places]
    named = NAMED_BY_INPUT.get(str(route))
    return (named is not None and named[1] == "post") or any(
        attribute in ("post", "code", "pending", "pending_code", "comment", "official", "vote")
        for attribute in attributes
    )


def params_of(route: Route, row_ids: SamplePortal) -> dict[str, Any]:
    # Impersonation has a right of its own, and hashing a password takes long.
    return inputs(route, row_ids, leave_out=("impersonated_user_id", "password"))


def with_own_ids(route: Route, row_ids: SamplePortal, state: str) -> Sample:
    """The request for rows of the portal, with a post of this state."""
    required = RIGHTS[str(route)].state
    expected = None if required in (None, state) else WRONG_STATE[route.dialect][str(required)]
    return Sample(address(route, row_ids), params_of(route, row_ids), expected, f"own, {state}")


def with_other_ids(route: Route, own: SamplePortal, two: SamplePortal) -> Iterator[Sample]:
    """The same with each id in turn taken from the other portal, and with an unknown id."""
    for name, others in (("the other portal's", two), ("an unknown", NOWHERE)):
        for place in route.places:
            attribute = place_of(route, place)
            if attribute is not None:
                expected = not_found(route.dialect, attribute, getattr(others, attribute))
                yield Sample(address(route, own, **{place: others}), params_of(route, own), expected, f"{name} {place}")
        named = NAMED_BY_INPUT.get(str(route))
        if named is not None:
            field, attribute, status, body = named
            value = getattr(others, attribute)
            message = {"errors": [str(body["errors"][0]).format(value)]} if "errors" in body else body  # type: ignore[index,operator]
            params = {**params_of(route, own), field: value}
            yield Sample(address(route, own), params, (status, message), f"{name} {field}")


async def send_request(client: Client, route: Route, sample: Sample) -> Response:
    if route.method == "GET":
        return status_and_json(await client.get(sample.path, params=sample.params))
    return status_and_json(await client.request(route.method, sample.path, json=sample.params))


def expected_response(route: Route, caller: Caller, sample: Sample) -> Response | None:
    """The response by the table: None for success."""
    if caller.role is None:
        return DENIED[route.dialect]
    if not is_at_least(caller.role, RIGHTS[str(route)].min_role):
        return NOT_AUTHORIZED
    return sample.expected


def test_the_permission_table_lists_exactly_the_routes() -> None:
    assert {str(route) for route in routes.every()} == set(RIGHTS)


async def test_every_route_follows_the_permission_table_for_every_caller(scenario: Scenario) -> None:
    existing = {state: await scenario.add_rows(state) for state in STATES}
    denied = served = 0
    for route in routes.of_dialect(scenario.dialect):
        states = STATES if names_a_post(route) else ("approved",)
        before = await scenario.read_rows()
        # First all requests that must be denied. They change nothing, so that all can use the same rows.
        for caller in scenario.callers:
            samples = [with_own_ids(route, existing[state], state) for state in states]
            for sample in (*samples, *with_other_ids(route, existing["approved"], scenario.two)):
                expected = expected_response(route, caller, sample)
                if expected is not None:
                    response = await send_request(caller.client, route, sample)
                    assert response == expected, (route, caller.name, sample.label)
                    denied += 1
        after = await scenario.read_rows()
        assert changed(before[scenario.one.portal], after[scenario.one.portal]) == set(), route
        assert changed(before[scenario.two.portal], after[scenario.two.portal]) == set(), route

        # Then all requests that must be served, each with new rows if it writes.
        for caller, state in itertools.product(scenario.callers, states):
            if expected_response(route, caller, with_own_ids(route, existing[state], state)) is not None:
                continue
            row_ids = existing[state] if route.method == "GET" else await scenario.add_rows(state)
            if route.method == "GET" and "email" in route.inputs:
                row_ids = replace(row_ids, email=scenario.one.email)
            status, body = await send_request(caller.client, route, with_own_ids(route, row_ids, state))
            assert status == route.status, (route, caller.name, state, body)
            served += 1
        after = await scenario.read_rows()
        assert changed(before[scenario.two.portal], after[scenario.two.portal]) == set(), route
    # An error in the generators could leave nothing to request.
    assert served >= 100
    assert denied >= 900, denied


async def test_a_revoked_key_is_rejected_like_an_unknown_key(scenario: Scenario) -> None:
    make, dialect = scenario.make, scenario.dialect
    for end in ("block", "demote", "delete"):
        user = await make.user(role="admin")
        client = scenario.callers[0].client.of(await make.key(user, dialect), base=f"/{dialect}/api/v1", host=ONE)
        assert (await client.get("/posts")).status_code == 200
        if end == "block":
            await make.act(lambda work, user=user: users.block(work, user))
        elif end == "demote":
            await make.act(lambda work, user=user: users.update(work, user, role="user"))
            await make.act(lambda work, user=user: users.update(work, user, role="admin"))
        else:
            uuid = await make.uuid(user)
            owner = Client(make.server, token=await make.key(make.owner, "productlift"), host=ONE)
            assert (await owner.delete(f"/users/{uuid}")).status_code == 200
        make.server.services.authenticator.invalidate()

        assert status_and_json(await client.get("/posts")) == DENIED[dialect], end

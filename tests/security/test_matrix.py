"""Every route of both dialects, tried by every kind of caller, on posts of every state, with every kind of id.

What must come of each is in `rights.py`. A refusal changes nothing; and whatever is done, the other portal stays as it
was. What leaks in lists, what may be named in inputs, and impersonation: tests/api/test_isolation.py.
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
    LEAST_FOR_A_KEY,
    NAMED_BY_INPUT,
    NOT_AUTHORIZED,
    ROLES,
    STATES,
    WRONG_STATE,
    Answer,
    absent,
    at_least,
    rights,
)
from tests.support import routes
from tests.support.clients import Client, status_and_json
from tests.support.database_dump import changed, of_portal
from tests.support.factory import Factory
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import NOWHERE, SamplePortal, address, inputs, place_of, populate

ONE, TWO = "http://one.example.com", "http://two.example.com"
OTHER = {"astuto": "productlift", "productlift": "astuto"}
RIGHTS = rights()

_number = itertools.count(1)


@dataclass(frozen=True)
class Caller:
    """Somebody at the door: the role whose key is good here, or None for one whose key, if any, is not."""

    name: str
    role: str | None
    client: Client


@dataclass(frozen=True)
class Tried:
    """One request, and the answer that must come where the caller may."""

    path: str
    sent: dict[str, Any]
    expected: Answer | None
    """None for success."""
    about: str


class World:
    """Two portals with one of everything each, posts of every state, and everybody who may come to the door."""

    def __init__(self, make: Factory, dialect: str, one: SamplePortal, two: SamplePortal) -> None:
        self.make = make
        self.dialect = dialect
        self.one = one
        self.two = two
        self.callers: list[Caller] = []

    async def invite(self) -> None:
        """Let everybody come."""
        make, dialect = self.make, self.dialect
        plain = Client(make.server, token=None, base=f"/{dialect}/api/v1", host=ONE)

        def client(token: str | None, *, host: str = ONE) -> Client:
            return plain.of(token, base=f"/{dialect}/api/v1", host=host)

        for role in ROLES:
            user = make.owner if role == "owner" else await make.user(role="admin")
            token = await make.key(user, dialect)
            if role not in ("owner", "admin"):
                # Behind the rules' back, so that nobody has ended the key: the role alone decides.
                await make.run("UPDATE users SET role = :role WHERE id = :id", role=role, id=user)
            served = role if at_least(role, LEAST_FOR_A_KEY[dialect]) else None
            self.callers.append(Caller(role, served, client(token)))
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

    async def fresh(self, state: str) -> SamplePortal:
        """A post in this state, with what hangs on it, and things of every kind that may be deleted."""
        make, number = self.make, next(_number)
        user, voter = await make.user(), await make.user()
        post = await make.post(author=user, moderation=state)
        tab = self.one.tab
        code = await make.code(post)
        return replace(
            self.one, user=user, uuid=await make.uuid(user), email=f"matrix{number}@example.com", voter=voter,
            voter_uuid=await make.uuid(voter), post=post, code=code, pending=post, pending_code=code,
            vote=await make.vote(post, user), comment=await make.comment(post, author=user),
            official=await make.comment(post, author=user, official=True),
            category=await make.act(lambda work: categories.add(work, name=f"Matrix {number}")),
            status=await make.act(lambda work: statuses.add(work, name=f"Matrix {number}", tab_id=tab)),
            section=await make.act(lambda work: sections.add(work, title="Matrix", tab_id=tab)),
        )  # fmt: skip

    async def rows(self) -> dict[int, Any]:
        """Every row of both portals."""
        return {
            portal: await of_portal(self.make.server.database, portal) for portal in (self.one.portal, self.two.portal)
        }


@pytest.fixture(params=DIALECTS)
async def world(request: pytest.FixtureRequest, make: Factory) -> World:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    one = await populate(make, make.portal, make.owner)
    portal, owner = await make.new_portal("Feedback", host="two.example.com", email="owner@example.com")
    two = await populate(make, portal, owner)
    found = World(make, request.param, one, two)
    await found.invite()
    return found


def names_a_post(route: Route) -> bool:
    """Whether a post is named by the address or in the body, so that its state might matter."""
    attributes = [place_of(route, place) for place in route.places]
    named = NAMED_BY_INPUT.get(str(route))
    return (named is not None and named[1] == "post") or any(
        attribute in ("post", "code", "pending", "pending_code", "comment", "official", "vote")
        for attribute in attributes
    )


def sent_to(route: Route, things: SamplePortal) -> dict[str, Any]:
    # Impersonation has a right of its own, and a password takes its time.
    return inputs(route, things, leave_out=("impersonated_user_id", "password"))


def with_own_ids(route: Route, things: SamplePortal, state: str) -> Tried:
    """The request for what the portal has, a post of this state among it."""
    needed = RIGHTS[str(route)].state
    expected = None if needed in (None, state) else WRONG_STATE[route.dialect][str(needed)]
    return Tried(address(route, things), sent_to(route, things), expected, f"own, {state}")


def with_others_ids(route: Route, own: SamplePortal, two: SamplePortal) -> Iterator[Tried]:
    """The same with each id in turn taken from the other portal, and from nowhere."""
    for name, others in (("the other portal's", two), ("nobody's", NOWHERE)):
        for place in route.places:
            attribute = place_of(route, place)
            if attribute is not None:
                expected = absent(route.dialect, attribute, getattr(others, attribute))
                yield Tried(address(route, own, **{place: others}), sent_to(route, own), expected, f"{name} {place}")
        named = NAMED_BY_INPUT.get(str(route))
        if named is not None:
            field, attribute, status, body = named
            asked = getattr(others, attribute)
            told_back = {"errors": [str(body["errors"][0]).format(asked)]} if "errors" in body else body  # type: ignore[index,operator]
            yield Tried(
                address(route, own), {**sent_to(route, own), field: asked}, (status, told_back), f"{name} {field}"
            )


async def send_request(client: Client, route: Route, tried: Tried) -> Answer:
    if route.method == "GET":
        return status_and_json(await client.get(tried.path, params=tried.sent))
    return status_and_json(await client.request(route.method, tried.path, json=tried.sent))


def expected_of(route: Route, caller: Caller, tried: Tried) -> Answer | None:
    """What the table says: None for success."""
    if caller.role is None:
        return DENIED[route.dialect]
    if not at_least(caller.role, RIGHTS[str(route)].least):
        return NOT_AUTHORIZED
    return tried.expected


def test_the_table_knows_every_route_and_no_other() -> None:
    assert {str(route) for route in routes.every()} == set(RIGHTS)


async def test_every_route_does_for_every_caller_what_the_table_says(world: World) -> None:
    shown = {state: await world.fresh(state) for state in STATES}
    asked = served = 0
    for route in routes.of_dialect(world.dialect):
        states = STATES if names_a_post(route) else ("approved",)
        before = await world.rows()
        # First all that must be refused. Nothing changes, so one set of things serves for all.
        for caller in world.callers:
            tries = [with_own_ids(route, shown[state], state) for state in states]
            for tried in (*tries, *with_others_ids(route, shown["approved"], world.two)):
                expected = expected_of(route, caller, tried)
                if expected is not None:
                    assert await send_request(caller.client, route, tried) == expected, (
                        route,
                        caller.name,
                        tried.about,
                    )
                    asked += 1
        after = await world.rows()
        assert changed(before[world.one.portal], after[world.one.portal]) == set(), route
        assert changed(before[world.two.portal], after[world.two.portal]) == set(), route

        # Then all that must be served, each time with new things where something is done to them.
        for caller, state in itertools.product(world.callers, states):
            if expected_of(route, caller, with_own_ids(route, shown[state], state)) is not None:
                continue
            things = shown[state] if route.method == "GET" else await world.fresh(state)
            if route.method == "GET" and "email" in route.inputs:
                things = replace(things, email=world.one.email)
            status, body = await send_request(caller.client, route, with_own_ids(route, things, state))
            assert status == route.status, (route, caller.name, state, body)
            asked, served = asked + 1, served + 1
        after = await world.rows()
        assert changed(before[world.two.portal], after[world.two.portal]) == set(), route
    # So that a slip in the generator, which would ask for nothing, is noticed.
    assert served >= 100
    assert asked >= 1000


async def test_a_key_ended_by_the_rules_is_refused_like_one_that_never_was(world: World) -> None:
    make, dialect = world.make, world.dialect
    for end in ("block", "demote", "delete"):
        user = await make.user(role="admin")
        client = world.callers[0].client.of(await make.key(user, dialect), base=f"/{dialect}/api/v1", host=ONE)
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

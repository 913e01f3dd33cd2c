"""Why a client is refused: the reason in the log, and the header `x-earshot-hint`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter

import httpx
import pytest

from app.api.authentication import MAX_REASONS_PER_SECOND
from app.api.dialect import REVALIDATE_SECONDS
from app.application import Application
from app.domain.portals import portals
from app.domain.users import api_keys, deletion, key_formats, key_verification, users
from tests.api.conftest import Serve
from tests.conftest import TestClock
from tests.domain.posts.test_delete import statements_of
from tests.observability.test_access_log import CapturedLog
from tests.support.clients import PEER, Client
from tests.support.factory import Factory

TITLES = {"astuto": "Astuto", "productlift": "ProductLift"}
OTHER = {"astuto": "productlift", "productlift": "astuto"}
HINT = "x-earshot-hint"
EXPIRED_HINT = "This API key has expired; ask the operator of this server for a new one."
UNKNOWN = {
    "astuto": "tkn_admin_3x9Kq2f8Zr7Lm1Nb5Vc4Xd6Wy8Et",
    "productlift": "231|kZ8s7dKq2f8Zr7Lm1Nb5Vc4Xd6Wy8EtAa3x9Kq2",
}

JSON_TYPE = {"content-type": "application/json"}

Token = Callable[[str, str], Awaitable[str | None]]


@pytest.fixture(params=["astuto", "productlift"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(server: Application) -> CapturedLog:
    """The requests of the server under test."""
    captured = CapturedLog()
    server.add_observers(captured)
    return captured


@pytest.fixture
def token(make: Factory, clock: TestClock) -> Token:
    """A key of a dialect that is not valid, for a reason, at the host `one.example.com`."""

    async def create(dialect: str, reason: str) -> str | None:
        if reason == "no_key":
            return None
        if reason == "unknown_key":
            return UNKNOWN[dialect]
        if reason == "other_dialect":
            return await make.key(make.owner, OTHER[dialect])
        if reason == "other_host":
            portal, owner = await make.new_portal("Second", host="two.example.com", email="two@example.com")
            return await make.key(owner, dialect, portal=portal)
        user = await make.user(role="admin")
        key = await make.key(user, dialect)
        if reason == "blocked_user":
            await make.act(lambda work: users.block(work, user))
        elif reason == "role_too_low":
            await make.act(lambda work: users.update(work, user, role="user"))
        elif reason == "expired_key":
            await make.run("UPDATE api_keys SET expires_at = :at WHERE user_id = :user", at=clock(), user=user)
        else:
            assert reason == "revoked_key"
            key_id = await make.value("SELECT id FROM api_keys WHERE user_id = :user", user=user)
            await make.act(lambda work: api_keys.revoke(work, key_id))
        make.server.services.authenticator.invalidate()
        return key

    return create


@pytest.fixture
async def two_portals(make: Factory) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))


def reasons(log: CapturedLog) -> list[object]:
    return [line.get("reason") for line in log.lines]


REASONS = (
    "no_key", "unknown_key", "revoked_key", "blocked_user", "role_too_low", "other_host", "other_dialect",
    "expired_key",
)  # fmt: skip


@pytest.mark.usefixtures("two_portals")
@pytest.mark.parametrize("reason", REASONS)
async def test_the_log_contains_why_a_key_is_rejected(
    log: CapturedLog, anyone: Client, token: Token, dialect: str, reason: str
) -> None:
    key = await token(dialect, reason)
    client = anyone.of(key, base=f"/{dialect}/api/v1", host="http://one.example.com", peer="192.0.2.77")

    response = await client.get("/posts")

    (line,) = log.lines
    assert response.status_code == 401
    assert (line["status"], line["client_ip"], line["reason"]) == (401, "192.0.2.77", reason)
    # The key is not valid, so the line has neither it nor its portal.
    assert (line["key"], line["portal"], line["dialect"]) == (None, None, dialect)
    other = OTHER[dialect]
    assert response.headers.get(HINT) == {
        "expired_key": EXPIRED_HINT,
        "other_dialect": f"This key belongs to {TITLES[other]}'s API; send the request to /{other}/api/v1.",
    }.get(reason)


@pytest.mark.usefixtures("two_portals")
async def test_rejected_keys_whose_reason_is_secret_get_equal_responses(
    anyone: Client, token: Token, dialect: str
) -> None:
    responses = []
    for reason in ("unknown_key", "revoked_key", "blocked_user", "role_too_low", "other_host"):
        client = anyone.of(
            await token(dialect, reason), base=f"/{dialect}/api/v1", host="http://one.example.com", peer=PEER
        )
        for method, path in (("GET", "/posts"), ("POST", "/posts"), ("DELETE", "/posts/1")):
            responses.append((method, without_id(await client.request(method, path))))

    for method in ("GET", "POST", "DELETE"):
        of_method = [response for name, response in responses if name == method]
        assert len(of_method) == 5
        assert [response == of_method[0] for response in of_method] == [True] * 5
        assert HINT.encode() not in dict(of_method[0][1])


def without_id(response: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body, all that a client receives, except the request id."""
    headers = [(name, value) for name, value in response.headers.raw if name != b"x-request-id"]
    return response.status_code, headers, response.content


async def test_a_key_is_rejected_for_the_first_reason_that_applies(make: Factory) -> None:
    user = await make.user(role="admin")
    key = await make.key(user, "astuto")
    digests = ["no-such-digest", key_formats.digest(key, make._secret)]

    async def reason(host: str = "feedback.example.com") -> str:
        return await make.act(lambda work: key_verification.refusal_reason(work, digests, host))

    assert await reason() == "unknown_key"
    await make.run("UPDATE api_keys SET expires_at = '2020-01-01 00:00:00+00:00'")
    assert await reason() == "expired_key"
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))
    assert [await reason(), await reason("one.example.com")] == ["other_host", "expired_key"]
    await make.run("UPDATE api_keys SET revoked_at = created_at")
    assert [await reason(), await reason("one.example.com")] == ["revoked_key", "revoked_key"]
    await make.run("UPDATE users SET role = 'user' WHERE id = :id", id=user)
    assert await reason() == "role_too_low"
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=user)
    assert await reason() == "blocked_user"
    await make.act(lambda work: deletion.delete(work, user, with_content=False))
    assert await reason() == "revoked_key"


async def test_an_expired_key_of_another_host_gets_no_hint(
    make: Factory, log: CapturedLog, anyone: Client, token: Token, dialect: str
) -> None:
    key = await token(dialect, "expired_key")
    await make.act(lambda work: portals.update_setting(work, setting="host", value="one.example.com"))

    response = await anyone.of(key, host="http://other.example.com").get("/posts")

    assert (response.status_code, response.headers.get(HINT), reasons(log)) == (401, None, ["other_host"])


@pytest.mark.usefixtures("two_portals")
async def test_a_key_of_another_dialect_and_host_gets_no_hint(
    make: Factory, log: CapturedLog, anyone: Client, dialect: str
) -> None:
    key = await make.key(make.owner, OTHER[dialect])

    response = await anyone.of(key, base=f"/{dialect}/api/v1", host="http://two.example.com").get("/posts")

    assert (response.status_code, response.headers.get(HINT), reasons(log)) == (401, None, ["other_host"])


async def test_a_key_after_a_scheme_that_productlift_does_not_read_is_a_malformed_authorization(
    log: CapturedLog, anyone: Client, productlift: Client
) -> None:
    response = await anyone.get("/posts", headers={"authorization": f"Token {productlift.token}"})

    assert (response.status_code, response.headers.get(HINT), reasons(log)) == (401, None, ["malformed_authorization"])


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("Bearer", "malformed_authorization"),
        ("bearer", "malformed_authorization"),
        ('Bearer ""', "malformed_authorization"),
        ("bearer {}", "malformed_authorization"),
        ("{}", "malformed_authorization"),
        ("Basic {}", "malformed_authorization"),
        ("", "no_key"),
        (" ", "no_key"),
    ],
)
async def test_a_header_that_cannot_be_read_has_a_reason_of_its_own_and_the_response_to_a_missing_one(
    log: CapturedLog, anyone: Client, astuto: Client, productlift: Client, dialect: str,
    authorization: str, reason: str,
) -> None:  # fmt: skip
    key = {"astuto": astuto, "productlift": productlift}[dialect].token
    client = anyone.of(None, base=f"/{dialect}/api/v1")

    response = await client.get("/posts", headers={"authorization": authorization.format(key)})
    without = await client.get("/posts")

    assert reasons(log) == [reason, "no_key"]
    assert without_id(response) == without_id(without)
    assert HINT not in without.headers


async def test_a_key_that_was_revoked_while_the_body_arrived_is_logged_as_revoked(
    make: Factory, log: CapturedLog, astuto: Client
) -> None:
    async def body() -> AsyncIterator[bytes]:
        started = perf_counter()
        yield b'{"name": '
        key_id = await make.value("SELECT id FROM api_keys")
        await make.act(lambda work: api_keys.revoke(work, key_id))
        make.server.services.authenticator.invalidate()
        while perf_counter() - started <= REVALIDATE_SECONDS:
            await make.value("SELECT count(*) FROM posts")
        yield b'"Too late"}'

    response = await astuto.post("/boards", content=body(), headers=JSON_TYPE)

    assert (response.status_code, response.headers.get(HINT), reasons(log)) == (401, None, ["revoked_key"])


async def test_the_reason_of_a_missing_permission_is_the_role(
    make: Factory, log: CapturedLog, anyone: Client, astuto: Client
) -> None:
    moderator = anyone.of(await make.key(await make.user(role="moderator"), "astuto"))

    responses = [
        await moderator.post("/boards", json={"name": "New board"}),
        await moderator.post("/posts", json={"title": "Dark mode", "board_id": 1, "impersonated_user_id": make.owner}),
        await astuto.post("/posts", json={"title": "Dark mode", "board_id": 1, "impersonated_user_id": 999_999}),
    ]

    assert [(response.status_code, response.headers.get(HINT)) for response in responses] == [(401, None)] * 3
    assert reasons(log) == ["role_too_low", "role_too_low", "not_found"]


async def test_a_missing_row_is_logged_as_not_found(log: CapturedLog, astuto: Client, productlift: Client) -> None:
    responses = [
        await astuto.get("/posts/999999"),
        await astuto.delete("/votes/999999"),
        await productlift.get("/posts/zzzzzz"),
        await productlift.get("/users/find_by_email", params={"email": "nobody@example.com"}),
    ]

    assert [(response.status_code, response.headers.get(HINT)) for response in responses] == [(404, None)] * 4
    assert [(line["client_ip"], line["reason"]) for line in log.lines] == [(PEER, "not_found")] * 4


async def test_hints_never_repeat_what_the_client_sent(
    make: Factory, log: CapturedLog, anyone: Client, astuto: Client, productlift: Client, token: Token
) -> None:
    sent = "Sm\u00f6rg\u00e5s-secret-0815"
    responses = []
    for client in (astuto, productlift, anyone, anyone.of(await token("astuto", "expired_key"))):
        for base in ("/api/v1", "/astuto/api/v1", "/productlift/api/v1", "/api/v7"):
            at_base = client.of(client.token, base=base)
            responses += [
                await at_base.request("POST", "/posts", content=f'{{"{sent}": {sent}}}'.encode(), headers=JSON_TYPE),
                await at_base.get(f"/{sent}/{sent}?{sent}={sent}", headers={"x-note": sent.encode()}),
                await at_base.request("SECRET-0815", "/boards"),
                await at_base.request("POST", "/tabs", headers={"x-http-method-override": "SECRET-0815"}),
            ]

    hints = [response.headers[HINT] for response in responses if HINT in response.headers]
    assert len(set(hints)) >= 6
    for hint in hints:
        assert hint.isascii()
        assert hint.isprintable()
        assert "0815" not in hint
    assert {line["reason"] for line in log.lines if "reason" in line} <= {
        *REASONS, "no_such_route", "other_dialect_route", "not_found",
    }  # fmt: skip


class TestRateLimits:
    @pytest.mark.parametrize(
        ("limits", "valid", "reason"),
        [
            ({"limit_astuto_key": "2/minute"}, True, "rate_limit_key"),
            ({"limit_astuto_key": "2/minute"}, False, "rate_limit_key"),
            ({"limit_astuto_ip": "2/minute"}, True, "rate_limit_ip"),
            ({"limit_astuto_ip": "2/minute", "limit_astuto_key": "off"}, False, "rate_limit_ip"),
            ({"limit_productlift": "2/minute"}, True, "rate_limit_key"),
            ({"limit_productlift": "2/minute"}, False, "rate_limit_ip"),
        ],
    )
    async def test_the_log_contains_which_limit_rejected_a_request(
        self, serve: Serve, astuto: Client, productlift: Client, limits: dict[str, str], valid: bool, reason: str
    ) -> None:
        log = CapturedLog()
        dialect = "productlift" if "limit_productlift" in limits else "astuto"
        key = {"astuto": astuto, "productlift": productlift}[dialect].token if valid else UNKNOWN[dialect]
        async with serve(**limits) as server, Client(server, token=key) as client:
            server.add_observers(log)
            responses = [await client.get("/posts") for _ in range(3)]

        assert responses[2].status_code == 429
        assert HINT not in responses[2].headers
        assert (log.lines[2]["client_ip"], log.lines[2]["reason"]) == (PEER, reason)

    async def test_the_response_above_the_limit_does_not_depend_on_the_key(
        self, serve: Serve, token: Token, dialect: str
    ) -> None:
        limits = {"limit_astuto_ip": "1/minute", "limit_astuto_key": "off", "limit_productlift": "1/minute"}
        async with serve(**limits) as server:
            await Client(server, token=None, base=f"/{dialect}/api/v1").get("/posts")
            responses = [
                without_id(
                    await Client(server, token=await token(dialect, reason), base=f"/{dialect}/api/v1").get("/posts")
                )
                for reason in ("unknown_key", "revoked_key", "blocked_user", "expired_key", "other_dialect")
            ]

        assert responses[0][0] == 429
        assert [response == responses[0] for response in responses] == [True] * 5
        assert HINT.encode() not in dict(responses[0][1])

    async def test_a_request_above_the_limit_is_not_looked_up_for_its_reason(self, serve: Serve, dialect: str) -> None:
        limits = {"limit_astuto_ip": "3/minute", "limit_productlift": "3/minute"}
        async with serve(**limits) as server:
            for number in range(MAX_REASONS_PER_SECOND):
                await Client(server, token=f"{UNKNOWN[dialect]}{number}").get("/posts")
            left = server.services.authenticator._reasons_left

        assert MAX_REASONS_PER_SECOND - left <= 3


async def test_the_reason_is_looked_up_by_one_statement(make: Factory) -> None:
    statements = await statements_of(
        make, lambda work: key_verification.refusal_reason(work, ["no-such-digest"], "feedback.example.com")
    )

    assert len(statements) == 1


async def test_at_most_fifty_reasons_a_second_are_looked_up(make: Factory, server: Application) -> None:
    authenticator = server.services.authenticator

    found = await asyncio.gather(
        *(authenticator.refusal_reason(f"1|unknown{number}", "") for number in range(MAX_REASONS_PER_SECOND + 5))
    )

    assert sorted(set(found)) == ["invalid_key", "unknown_key"]
    assert found.count("unknown_key") == MAX_REASONS_PER_SECOND == 50


async def test_a_rejected_key_whose_reason_cannot_be_looked_up_stays_rejected(
    server_without_database: Application,
) -> None:
    authenticator = server_without_database.services.authenticator

    assert await authenticator.refusal_reason("1|whoever", "") == "invalid_key"

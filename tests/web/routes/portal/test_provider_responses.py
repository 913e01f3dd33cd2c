"""What OpenID Connect providers say of groups, of themselves and of the time, and those that do not respond."""

import logging
from typing import Any

import pytest

from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.openid_provider import OpenIdProvider
from tests.web.routes.portal.test_providers import (
    FAILED,
    UNAVAILABLE,
    add_provider,
    application,
    go_there,
    provider,
    sign_in,
    user_rows,
    visitor,
)

__all__ = ["application", "provider", "visitor"]

ROLES = {"support": "moderator", "it": "admin"}


async def find_role(make: Factory) -> str:
    return str(await make.value("SELECT role FROM users WHERE email = 'jane@example.com'"))


@pytest.mark.parametrize(
    ("groups", "role"),
    [(["staff", "support", 7], "moderator"), ("it", "admin"), (["staff"], "user"), ([], "user")],
)
async def test_groups_decide_the_role(
    visitor: Client, make: Factory, provider: OpenIdProvider, groups: Any, role: str
) -> None:
    provider_id = await add_provider(make, provider, groups_claim="groups", roles=ROLES)
    await make.user(email="jane@example.com", role="moderator")
    # An empty list in the ID token would be left out by the provider.
    provider.user_info = {"sub": "p-1", "groups": groups}

    await sign_in(visitor, provider_id)

    assert await find_role(make) == role


@pytest.mark.parametrize("groups", [None, {"it": True}, 7])
async def test_without_the_claim_roles_stay_as_they_are_and_the_log_says_so_once(
    visitor: Client, make: Factory, provider: OpenIdProvider, groups: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Azure, for example, leaves the claim out for users with many groups."""
    provider_id = await add_provider(make, provider, groups_claim="groups", roles=ROLES)
    await make.user(email="jane@example.com", role="admin")
    provider.claims["groups"] = groups
    provider.user_info = {"sub": "p-1"}

    for _ in range(2):
        response = await sign_in(visitor.of(None, base=""), provider_id)
        assert response.status_code == 303

    assert await find_role(make) == "admin"
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == [f"the provider {provider_id} sends no claim groups, so the roles of its users stay as they are"]


async def test_groups_neither_give_nor_take_the_ownership(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider, groups_claim="groups", roles=ROLES)
    provider.claims |= {"email": "owner@example.com", "groups": ["support"]}

    response = await sign_in(visitor, provider_id)

    assert response.status_code == 303
    assert await make.value("SELECT role FROM users WHERE email = 'owner@example.com'") == "owner"


@pytest.mark.parametrize(("is_promised", "is_sent"), [(True, True), (False, True), (False, False)])
async def test_the_issuer_of_the_response_may_be_named(
    visitor: Client, make: Factory, provider: OpenIdProvider, is_promised: bool, is_sent: bool
) -> None:
    provider_id = await add_provider(make, provider)
    provider.metadata["authorization_response_iss_parameter_supported"] = is_promised
    provider.response = {"iss": provider.issuer} if is_sent else {}

    assert (await sign_in(visitor, provider_id)).status_code == 303


@pytest.mark.parametrize(("is_promised", "issuer"), [(True, None), (True, "https://evil.example"), (False, "x")])
async def test_the_response_of_another_issuer_signs_nobody_in(
    visitor: Client, make: Factory, provider: OpenIdProvider, is_promised: bool, issuer: str | None
) -> None:
    """A code is not even sent to the provider, which could use that of another one."""
    provider_id = await add_provider(make, provider)
    provider.metadata["authorization_response_iss_parameter_supported"] = is_promised
    provider.response = {} if issuer is None else {"iss": issuer}

    page = await sign_in(visitor, provider_id)

    assert (page.status_code, FAILED in page.text) == (403, True)
    assert "/token" not in [path for _, path, _ in provider.requests]
    assert await user_rows(make) == []


@pytest.mark.parametrize("seconds", [-350, 50])
async def test_the_clocks_may_differ_by_less_than_a_minute(
    visitor: Client, make: Factory, provider: OpenIdProvider, seconds: int
) -> None:
    """The ID token is valid for 300 seconds."""
    provider_id = await add_provider(make, provider)
    provider.clock_error = seconds

    assert (await sign_in(visitor, provider_id)).status_code == 303


@pytest.mark.parametrize("seconds", [-370, 70])
async def test_a_token_of_another_time_signs_nobody_in(
    visitor: Client, make: Factory, provider: OpenIdProvider, seconds: int
) -> None:
    provider_id = await add_provider(make, provider)
    provider.clock_error = seconds

    page = await sign_in(visitor, provider_id)

    assert (page.status_code, FAILED in page.text) == (403, True)
    assert await user_rows(make) == []


@pytest.mark.parametrize("is_begun", [False, True])
async def test_a_provider_that_has_a_problem_is_named(
    visitor: Client, make: Factory, provider: OpenIdProvider, is_begun: bool, caplog: pytest.LogCaptureFixture
) -> None:
    provider_id = await add_provider(make, provider)
    path = await go_there(visitor, f"/login/{provider_id}?next=/roadmap") if is_begun else f"/login/{provider_id}"
    provider.status = 502

    page = await visitor.get(path)

    assert (page.status_code, UNAVAILABLE in page.text) == (503, True)
    assert ">Sign in another way</a>" in page.text
    assert "127.0.0.1 responded with the status 502" in caplog.text
    assert await user_rows(make) == []


async def test_a_provider_that_is_down_is_named(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    """Its name is text, whatever it contains."""
    issuer = provider.issuer.rpartition(":")[0] + ":1"
    provider_id = await add_provider(make, provider, issuer=issuer, name="100% <Acme> %(name)s")

    page = await visitor.get(f"/login/{provider_id}")

    assert page.status_code == 503
    assert "100% &lt;Acme&gt; %(name)s does not respond." in page.text

"""Signing in by an OpenID Connect provider, which runs on a loopback port."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import OctKey, RSAKey

from app.adapters.encryption import SecretCipher
from app.application import Application
from app.domain.users import identity_providers
from app.domain.users.identity_providers import ProviderSettings
from app.settings import Settings
from app.web.routes.portal.providers import MAX_SECONDS
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, run_openid_provider

FAILED = "Signing in there did not work. Try again, or sign in another way."
UNAVAILABLE = "Acme does not respond. Try again later, or sign in another way."
EXPIRED = "This sign-in took too long, was begun in another browser, or your browser keeps no cookies. Try again."


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with run_openid_provider() as running:
        yield running


@pytest_asyncio.fixture
async def application(settings: Settings, clock: TestClock, make: Factory) -> AsyncIterator[Application]:
    """A server that may call loopback addresses."""
    async with running_application(settings, clock, outbound_allow=("127.0.0.0/8",)) as running:
        yield running


@pytest_asyncio.fixture
async def visitor(application: Application) -> AsyncIterator[Client]:
    async with Client(application, token=None, base="") as client:
        yield client


async def add_provider(make: Factory, provider: OpenIdProvider, **changed: Any) -> int:
    secret = make.server.services.cipher.encrypt(CLIENT_SECRET)
    values: dict[str, Any] = {"name": "Acme", "issuer": provider.issuer, "client_id": CLIENT_ID, **changed}
    settings = ProviderSettings(**{"client_secret": secret, **values})
    return await make.act(lambda work: identity_providers.create(work, settings))


async def go_there(visitor: Client, start: str) -> str:
    """Begin the sign-in, and return the path that the provider leads back to."""
    begun = await visitor.get(start)
    assert begun.status_code == 302
    async with httpx.AsyncClient() as browser:
        back = (await browser.get(begun.headers["location"])).headers["location"]
    return back.removeprefix("http://feedback.example.com")


async def sign_in(visitor: Client, provider_id: int, target: str = "/roadmap") -> httpx.Response:
    return await visitor.get(await go_there(visitor, f"/login/{provider_id}?next={target}"))


async def user_rows(make: Factory) -> list[tuple[Any, ...]]:
    rows = await make.rows("SELECT name, email, role, email_confirmed_at FROM users ORDER BY id")
    return [(row["name"], row["email"], row["role"], row["email_confirmed_at"] is not None) for row in rows[1:]]


async def test_a_new_user_signs_up_and_comes_back(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    provider_id = await add_provider(make, provider)
    page = await visitor.get("/login?next=/roadmap")
    assert f'href="/login/{provider_id}?next=/roadmap">Continue with Acme</a>' in page.text

    response = await sign_in(visitor, provider_id)

    assert (response.status_code, response.headers["location"]) == (303, "/roadmap")
    assert response.headers["cache-control"] == "no-store"
    assert "You are signed in as <b>Jane Roe</b>" in (await visitor.get("/logout")).text
    assert "earshot_provider" not in visitor.cookies
    assert await user_rows(make) == [("Jane Roe", "jane@example.com", "user", True)]
    assert await make.value("SELECT method FROM sessions") == "provider"


async def test_a_known_user_signs_in_again_without_asking_for_the_metadata(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider)
    await sign_in(visitor, provider_id)
    other = visitor.of(None, base="")
    provider.claims["email"] = "other@example.com"

    response = await sign_in(other, provider_id)

    assert response.status_code == 303
    assert len(await user_rows(make)) == 1
    paths = [path for _, path, _ in provider.requests]
    assert paths.count("/.well-known/openid-configuration") == paths.count("/keys") == 1


async def test_the_request_has_what_protects_the_response(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider, scopes="openid email")

    first, second = [await visitor.of(None, base="").get(f"/login/{provider_id}") for _ in range(2)]

    queries = [parse_qs(urlsplit(each.headers["location"]).query) for each in (first, second)]
    assert queries[0]["redirect_uri"] == [f"http://feedback.example.com/login/{provider_id}/callback"]
    assert (queries[0]["response_type"], queries[0]["scope"]) == (["code"], ["openid email"])
    assert queries[0]["code_challenge_method"] == ["S256"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(queries[0][name][0]) >= 43
        assert queries[0][name] != queries[1][name]
    [header] = [each for each in first.headers.get_list("set-cookie") if each.startswith("earshot_provider=")]
    assert {"HttpOnly", "SameSite=lax", f"Max-Age={MAX_SECONDS}"} <= set(header.split("; "))
    for name in ("state", "nonce"):
        assert queries[0][name][0] not in header


async def test_the_callback_of_astuto_works(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    provider_id = await add_provider(make, provider)

    path = await go_there(visitor, f"/o_auths/{provider_id}?next=/roadmap")
    response = await visitor.get(path)

    assert path.startswith(f"/o_auths/{provider_id}/callback?code=")
    assert (response.status_code, response.headers["location"]) == (303, "/roadmap")


async def test_an_address_that_is_only_in_the_user_info_is_read_there(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider)
    provider.claims = {"sub": "p-1"}
    provider.user_info = {"sub": "p-1", "email": "jane@example.com", "email_verified": "true", "name": "Jane"}

    response = await sign_in(visitor, provider_id)

    assert response.status_code == 303
    assert await user_rows(make) == [("Jane", "jane@example.com", "user", True)]


def give_user_info_of_another(provider: OpenIdProvider) -> None:
    provider.claims = {"sub": "p-1"}
    provider.user_info = {"sub": "p-2", "email": "owner@example.com", "email_verified": True}


def sign_with_another_key(provider: OpenIdProvider) -> None:
    provider.signing_key = RSAKey.generate_key(2048)


def sign_with_the_secret(provider: OpenIdProvider) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = ["RS256", "HS256"]
    provider.algorithm, provider.signing_key = "HS256", OctKey.import_key(CLIENT_SECRET)


def offer_no_accepted_algorithm(provider: OpenIdProvider) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = ["HS256"]


def change_token(**claims: Any) -> Callable[[OpenIdProvider], None]:
    return lambda provider: provider.token_claims.update(claims)


@pytest.mark.parametrize(
    "tamper",
    [
        give_user_info_of_another,
        sign_with_another_key,
        sign_with_the_secret,
        offer_no_accepted_algorithm,
        change_token(iss="https://evil.example"),
        change_token(aud="another client"),
        change_token(nonce="another"),
        change_token(nonce=None),
        change_token(exp=1),
        change_token(sub=None),
        change_token(sub=["p-1"]),
        change_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    ],
)
async def test_an_invalid_token_signs_nobody_in(
    visitor: Client, make: Factory, provider: OpenIdProvider, tamper: Callable[[OpenIdProvider], None]
) -> None:
    provider_id = await add_provider(make, provider)
    tamper(provider)

    page = await sign_in(visitor, provider_id)

    assert page.status_code == 403
    assert FAILED in page.text
    assert '<a class="button" href="/login?next=%2Froadmap">Sign in another way</a>' in page.text
    assert await user_rows(make) == []
    assert await make.rows("SELECT id FROM sessions") == []


async def test_a_response_belongs_to_the_browser_that_began(
    visitor: Client, make: Factory, provider: OpenIdProvider, clock: TestClock
) -> None:
    """Otherwise a link could sign a visitor in as somebody else."""
    provider_id, other_id = (
        await add_provider(make, provider),
        await add_provider(make, provider, name="B", client_id="b"),
    )
    path = await go_there(visitor, f"/login/{provider_id}")
    await visitor.of(None, base="").get(f"/login/{provider_id}")

    elsewhere = await visitor.of(None, base="").get(path)
    other_state = await visitor.get(path.partition("state=")[0] + "state=another")
    other_provider = await visitor.get(path.replace(f"/login/{provider_id}/", f"/login/{other_id}/"))
    clock.advance(seconds=MAX_SECONDS + 1)
    late = await visitor.get(path)

    for page in (elsewhere, other_state, other_provider, late):
        assert (page.status_code, EXPIRED in page.text) == (403, True)
    assert await user_rows(make) == []


async def test_a_code_is_used_once(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    provider_id = await add_provider(make, provider)
    path = await go_there(visitor, f"/login/{provider_id}")

    statuses = [(await visitor.get(path)).status_code for _ in range(2)]

    assert statuses == [303, 403]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE users SET blocked_at = created_at", "This account is blocked."),
        ("UPDATE users SET awaits_approval = TRUE", "The team has not approved this account yet."),
        ("UPDATE users SET email_confirmed_at = NULL", None),
    ],
)
async def test_a_user_who_may_not_sign_in_is_told(
    visitor: Client, make: Factory, provider: OpenIdProvider, change: str, message: str | None
) -> None:
    provider_id = await add_provider(make, provider)
    await make.user(email="jane@example.com")
    await make.run(f"{change} WHERE email = 'jane@example.com'")

    page = await sign_in(visitor, provider_id)

    assert page.status_code == (303 if message is None else 403)
    assert message is None or message in page.text


async def test_an_address_that_is_not_verified_takes_over_no_account(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider)
    provider.claims |= {"email": "owner@example.com", "email_verified": None}

    page = await sign_in(visitor, provider_id)

    assert page.status_code == 403
    assert "An account has your email address already." in page.text


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sign_up = 'closed'", "You have no account here, and sign-up is closed."),
        ("sign_up_domains = '[\"example.org\"]'", "Your email address is not of a domain that can sign up here."),
    ],
)
async def test_the_rules_of_signing_up_hold(
    visitor: Client, make: Factory, provider: OpenIdProvider, setting: str, message: str
) -> None:
    provider_id = await add_provider(make, provider)
    await make.run(f"UPDATE portals SET {setting}")

    page = await sign_in(visitor, provider_id)

    assert (page.status_code, message in page.text) == (403, True)
    assert await user_rows(make) == []


async def test_who_cancels_there_is_led_back(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    provider_id = await add_provider(make, provider)
    provider.is_denied = True

    page = await sign_in(visitor, provider_id)

    assert page.status_code == 403
    assert "You did not finish signing in there." in page.text


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
)
async def test_invalid_metadata_leads_nowhere(
    visitor: Client,
    make: Factory,
    provider: OpenIdProvider,
    metadata: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider_id = await add_provider(make, provider)
    provider.metadata = metadata

    page = await visitor.get(f"/login/{provider_id}")

    assert (page.status_code, FAILED in page.text) == (503, True)
    assert "sign-in by a provider failed: the" in caplog.text


async def test_addresses_of_the_own_network_are_not_called(
    make: Factory, server: Application, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider)
    async with Client(server, token=None, base="") as visitor:
        page = await visitor.get(f"/login/{provider_id}")

    assert (page.status_code, UNAVAILABLE in page.text) == (503, True)
    assert provider.requests == []


async def test_a_secret_of_another_server_is_reported(
    visitor: Client, make: Factory, provider: OpenIdProvider, caplog: pytest.LogCaptureFixture
) -> None:
    secret = SecretCipher(b"another").encrypt(CLIENT_SECRET)
    provider_id = await add_provider(make, provider, client_secret=secret)

    page = await visitor.get(f"/login/{provider_id}")

    assert page.status_code == 503
    assert "the client secret was encrypted with another secret" in caplog.text


async def test_unknown_and_switched_off_providers_are_not_found(
    visitor: Client, make: Factory, provider: OpenIdProvider
) -> None:
    provider_id = await add_provider(make, provider, is_enabled=False)
    other, _ = await make.new_portal("Other", host="other.example.com", email="other@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    elsewhere = ProviderSettings(name="B", issuer=provider.issuer, client_id="b")
    foreign = await make.act(lambda work: identity_providers.create(work, elsewhere), portal=other)

    for wrong in (provider_id, foreign, provider_id + 100, 10**30, "x"):
        assert (await visitor.get(f"/login/{wrong}")).status_code == 404
    assert "Continue with" not in (await visitor.get("/login")).text


async def test_a_user_who_is_signed_in_is_led_on(visitor: Client, make: Factory, provider: OpenIdProvider) -> None:
    provider_id = await add_provider(make, provider)
    await sign_in(visitor, provider_id)

    response = await visitor.get(f"/login/{provider_id}?next=//evil.example")

    assert (response.status_code, response.headers["location"]) == (303, "/")

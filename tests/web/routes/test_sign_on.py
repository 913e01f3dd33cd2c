"""/sso: the pages of single sign-on, and what becomes of the token."""

import asyncio
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.adapters.encryption import SecretCipher
from app.application import Application
from app.domain.users import sign_in, sign_on
from app.web.routes.portal.sign_in import STALE_FORM
from app.web.safe_paths import safe_path
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.forms import hidden_fields, send_form

SECRET = "a secret of single sign-on, 0123456789"


@pytest.fixture
def visitor(anyone: Client) -> Client:
    """A client without a key, at the root path."""
    return anyone.of(None, base="")


@pytest.fixture
async def enabled(make: Factory, server: Application) -> None:
    """Sign-on is on."""
    encrypted = server.services.cipher.encrypt(SECRET)
    await make.act(lambda work: sign_on.set_secret(work, encrypted))


def token(clock: TestClock, **claims: Any) -> str:
    """A new token each time, as a server makes them that gives each an id."""
    times = {"iat": int(clock().timestamp()), "jti": secrets.token_hex()}
    known = {"email": "jane@example.com", "uid": "u-1", "name": "Jane Roe"}
    return jwt.encode({"alg": "HS256"}, times | known | claims, OctKey.import_key(SECRET))


async def names(make: Factory) -> list[str]:
    return [row["name"] for row in await make.rows("SELECT name FROM users ORDER BY id")]


def assert_private(response: httpx.Response) -> None:
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize("parameter", ["token", "sso_token", "jwt"])
async def test_a_valid_token_creates_the_user_and_signs_in(
    parameter: str, visitor: Client, make: Factory, clock: TestClock
) -> None:
    sent = token(clock, name="<Jane> Roe", mrr="99.99")

    response = await visitor.get(f"/sso?{parameter}={sent}&redirect=/p/dark-mode-aBcDeF%3Fpage=2")

    assert (response.status_code, response.headers["location"]) == (302, "/p/dark-mode-aBcDeF?page=2")
    assert_private(response)
    assert "&lt;Jane&gt; Roe" in (await visitor.get("/logout")).text
    [session] = await make.rows("SELECT method, user_id FROM sessions")
    assert session["method"] == "sign_on"
    assert session["user_id"] != make.owner
    assert await names(make) == ["Owner", "<Jane> Roe"]
    assert await make.value("SELECT mrr FROM users WHERE uid = 'u-1'") == 99.99


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"iat": 1}, "The link has expired."),
        ({"iat": None}, "The link is not valid."),
        ({"email": "nobody"}, "The link is not valid."),
        ({"email": "owner@example.com"}, "Members of the team do not sign in with such a link."),
    ],
)
async def test_a_refused_token_changes_nothing(
    claims: dict[str, Any], text: str, visitor: Client, make: Factory, clock: TestClock
) -> None:
    page = await visitor.get(f"/sso?token={token(clock, **claims)}")

    assert page.status_code == 403
    assert "<h1>You could not be signed in</h1>" in page.text
    assert text in page.text
    assert '<a class="button" href="/login">Sign in another way</a>' in page.text
    assert_private(page)
    assert await make.rows("SELECT id FROM sessions") == []
    assert await names(make) == ["Owner"]


@pytest.mark.usefixtures("enabled")
async def test_a_blocked_user_and_a_taken_address_are_refused(visitor: Client, make: Factory, clock: TestClock) -> None:
    await visitor.get(f"/sso?token={token(clock)}")

    taken = await visitor.get(f"/sso?token={token(clock, email='owner@example.com')}")
    await make.run("UPDATE users SET blocked_at = created_at WHERE uid = 'u-1'")
    blocked = await visitor.get(f"/sso?token={token(clock)}")

    assert (taken.status_code, blocked.status_code) == (403, 403)
    assert "Another account has this email address." in taken.text
    assert "This account is blocked." in blocked.text


@pytest.mark.usefixtures("enabled")
async def test_only_get_with_a_token_signs_on(visitor: Client, make: Factory, clock: TestClock) -> None:
    assert (await visitor.get("/sso")).status_code == 403
    assert (await visitor.get("/sso?token=")).status_code == 403
    for verb in ("HEAD", "PUT", "DELETE"):
        assert (await visitor.request(verb, f"/sso?token={token(clock)}")).status_code == 405
    # The form has the token in its fields.
    assert (await visitor.post(f"/sso?token={token(clock)}")).status_code == 403
    assert await names(make) == ["Owner"]


async def open_session(visitor: Client, make: Factory, user: int) -> None:
    link = await make.act(lambda work: sign_in.create_link(work, user))
    await send_form(visitor, "/sign-in/link", {}, page=f"/sign-in/link?token={link}")


async def find_viewer(visitor: Client) -> str:
    return (await visitor.get("/logout")).text.partition("You are signed in as <b>")[2].partition("</b>")[0]


async def vote_anonymously(visitor: Client, make: Factory) -> int:
    """Vote without an account, and return the id of the post."""
    await make.run("UPDATE portals SET allows_anonymous_votes = TRUE")
    post = await make.post()
    path = f"/p/x-{await make.code(post)}"
    fields = hidden_fields(await visitor.get(path), f"{path}/vote")
    assert (await visitor.post(f"{path}/vote", data=fields)).status_code == 303
    return post


@pytest.mark.usefixtures("enabled")
async def test_a_token_signs_in_once(visitor: Client, make: Factory, clock: TestClock) -> None:
    sent = token(clock)
    stranger = visitor.of(None, base="")

    first = await visitor.get(f"/sso?token={sent}")
    # A user who is signed in is led on: the address may be in the history of the browser.
    again = await visitor.get(f"/sso?token={sent}&redirect=/roadmap")
    stolen = await stranger.get(f"/sso?token={sent}")
    header, _, signature = sent.rpartition(".")
    other_form = await stranger.get(f"/sso?token={header}.{signature}=")

    assert (first.status_code, again.status_code, again.headers["location"]) == (302, 302, "/roadmap")
    assert [page.status_code for page in (stolen, other_form)] == [403, 403]
    assert "The link was used already. Go back and sign in again." in stolen.text
    assert await make.value("SELECT count(*) FROM sessions") == 1
    assert (await stranger.get(f"/sso?token={token(clock)}")).status_code == 302


@pytest.mark.usefixtures("enabled")
async def test_of_two_browsers_at_the_same_time_one_uses_a_token(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    sent = token(clock)

    browsers = [visitor.of(None, base="") for _ in range(3)]
    responses = await asyncio.gather(*[browser.get(f"/sso?token={sent}") for browser in browsers])

    assert sorted(response.status_code for response in responses) == [302, 403, 403]
    assert await make.value("SELECT count(*) FROM sessions") == 1


@pytest.mark.usefixtures("enabled")
async def test_another_user_who_is_signed_in_is_asked_first(visitor: Client, make: Factory, clock: TestClock) -> None:
    await open_session(visitor, make, make.owner)
    before = await make.value("SELECT id FROM sessions")

    page = await visitor.get(f"/sso?token={token(clock)}&redirect=/roadmap%3Fa=1")

    assert page.status_code == 200
    assert "<h1>Sign in as Jane Roe?</h1>" in page.text
    assert "You are signed in as <b>Owner</b>, and will be signed out." in page.text
    assert "posts and votes" not in page.text
    assert_private(page)
    assert await make.value("SELECT id FROM sessions") == before
    assert await find_viewer(visitor) == "Owner"

    response = await visitor.post("/sso", data=hidden_fields(page, "/sso"))

    assert (response.status_code, response.headers["location"]) == (303, "/roadmap?a=1")
    assert_private(response)
    assert await find_viewer(visitor) == "Jane Roe"
    assert await make.value("SELECT count(*) FROM sessions WHERE id = :id", id=before) == 0


@pytest.mark.usefixtures("enabled")
async def test_a_link_takes_no_votes_of_the_browser_without_a_question(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    post = await vote_anonymously(visitor, make)

    page = await visitor.get(f"/sso?token={token(clock)}", headers={"sec-fetch-site": "cross-site"})

    assert page.status_code == 200
    assert "The posts and votes of this browser become those of <b>Jane Roe</b>." in page.text
    assert await make.value("SELECT user_id FROM votes WHERE post_id = :id", id=post) is None
    assert await make.rows("SELECT id FROM sessions") == []

    assert (await visitor.post("/sso", data=hidden_fields(page, "/sso"))).status_code == 303

    jane = await make.value("SELECT id FROM users WHERE uid = 'u-1'")
    assert await make.value("SELECT user_id FROM votes WHERE post_id = :id", id=post) == jane


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(("csrf", "site", "status"), [("x", "same-origin", 422), (None, "cross-site", 403)])
async def test_another_site_cannot_confirm_the_sign_in(
    visitor: Client, make: Factory, clock: TestClock, csrf: str | None, site: str, status: int
) -> None:
    await open_session(visitor, make, make.owner)
    page = await visitor.get(f"/sso?token={token(clock)}&redirect=/roadmap")
    fields = hidden_fields(page, "/sso")

    refused = await visitor.post(
        "/sso", data={**fields, "csrf": csrf or fields["csrf"]}, headers={"sec-fetch-site": site}
    )

    assert refused.status_code == status
    assert await find_viewer(visitor) == "Owner"
    if status == 422:
        assert STALE_FORM in refused.text
        assert (await visitor.post("/sso", data=hidden_fields(refused, "/sso"))).headers["location"] == "/roadmap"


@pytest.mark.usefixtures("enabled")
async def test_who_signed_up_with_the_address_of_the_user_is_signed_out(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    stranger = visitor.of(None, base="")
    user = await make.user(email="jane@example.com", name="Mallory")
    await make.run("UPDATE users SET signed_up_at = created_at, password_hash = 'hash' WHERE id = :id", id=user)
    await open_session(stranger, make, user)

    await visitor.get(f"/sso?token={token(clock)}")

    assert await find_viewer(visitor) == "Jane Roe"
    assert await find_viewer(stranger) == ""
    row = await make.row("SELECT password_hash, email_confirmed_at FROM users WHERE id = :id", id=user)
    assert (row["password_hash"], row["email_confirmed_at"] is not None) == (None, True)


async def test_without_a_secret_there_is_no_such_page(visitor: Client, clock: TestClock) -> None:
    assert (await visitor.get(f"/sso?token={token(clock)}")).status_code == 404


async def test_a_secret_of_another_server_is_reported(
    visitor: Client, make: Factory, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    await make.act(lambda work: sign_on.set_secret(work, SecretCipher(b"another").encrypt(SECRET)))

    page = await visitor.get(f"/sso?token={token(clock)}")

    assert page.status_code == 503
    assert "encrypted with another secret" in caplog.text


@pytest.mark.usefixtures("enabled")
async def test_the_log_has_the_reason_but_nothing_of_the_token(
    visitor: Client, clock: TestClock, caplog: pytest.LogCaptureFixture
) -> None:
    sent = token(clock, company={"secret": "value"})

    await visitor.get(f"/sso?token={sent}")

    assert "sign-on was refused: the claim company: " in caplog.text
    assert "(request " in caplog.text
    assert sent not in caplog.text
    assert "jane" not in caplog.text


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize("parameter", ["token", "sso_token", "jwt"])
async def test_a_page_with_a_token_leads_there_and_back_without_it(
    parameter: str, visitor: Client, make: Factory, clock: TestClock
) -> None:
    post = await make.post(title="Dark mode")
    path = f"/p/dark-mode-{await make.code(post)}"
    sent = token(clock)

    response = await visitor.get(f"{path}?a=1&{parameter}={sent}&b=%26")

    assert response.status_code == 302
    assert_private(response)
    target = urlsplit(response.headers["location"])
    assert (target.path, parse_qs(target.query)) == ("/sso", {"token": [sent], "redirect": [f"{path}?a=1&b=%26"]})
    back = await visitor.get(response.headers["location"])
    assert (back.status_code, back.headers["location"]) == (302, f"{path}?a=1&b=%26")
    assert (await visitor.get(f"/?{parameter}={sent}")).status_code == 302
    assert (await visitor.get(f"{path}?{parameter}=")).status_code == 200
    assert (await visitor.head(f"{path}?{parameter}={sent}")).status_code == 200
    assert (await visitor.get(f"/widgets_sdk?{parameter}={sent}")).status_code == 200


async def test_without_a_secret_a_page_ignores_a_token(visitor: Client, clock: TestClock) -> None:
    assert (await visitor.get(f"/?token={token(clock)}")).status_code == 200


@pytest.mark.usefixtures("enabled")
async def test_an_embedded_page_is_shown_whether_the_token_is_valid_or_not(
    visitor: Client, make: Factory, clock: TestClock
) -> None:
    page = f"/t/roadmap?widget_id={await make.widget()}"

    for sent in (token(clock), "wrong"):
        first = await visitor.get(f"{page}&token={sent}")
        second = await visitor.get(first.headers["location"])

        assert (first.status_code, second.status_code, second.headers["location"]) == (302, 302, page)
    assert await names(make) == ["Owner", "Jane Roe"]
    # Frames on other sites have no cookies.
    assert await make.rows("SELECT id FROM sessions") == []


@pytest.mark.usefixtures("enabled")
async def test_a_user_who_awaits_approval_is_refused(visitor: Client, make: Factory, clock: TestClock) -> None:
    await visitor.get(f"/sso?token={token(clock)}")
    await make.run("DELETE FROM sessions")
    await make.run("UPDATE users SET awaits_approval = TRUE WHERE uid = 'u-1'")

    page = await visitor.get(f"/sso?token={token(clock)}")

    assert page.status_code == 403
    assert "The team has not approved this account yet." in page.text
    assert await make.rows("SELECT id FROM sessions") == []


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/%5Cevil.example"])
async def test_the_sign_on_never_leads_to_another_site(visitor: Client, clock: TestClock, target: str) -> None:
    response = await visitor.get(f"/sso?token={token(clock)}&redirect={target}")

    assert (response.status_code, response.headers["location"]) == (302, "/")


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "p/x",
        "/a\nb",
        "/\t/evil.example",
    ],
)
def test_a_redirect_to_another_site_leads_home(path: str | None) -> None:
    assert safe_path(path) == "/"


def test_a_redirect_within_the_portal_is_kept() -> None:
    assert safe_path("/p/x-abcdef?a=1#top") == "/p/x-abcdef?a=1#top"


@pytest.mark.usefixtures("enabled")
async def test_a_token_of_one_portal_is_not_valid_on_another(visitor: Client, make: Factory, clock: TestClock) -> None:
    await make.run("UPDATE portals SET host = 'one.example.com'")
    await make.new_portal("Second", host="two.example.com", email="two@example.com")

    statuses = [
        (await visitor.get(f"/sso?token={token(clock)}", headers={"host": host})).status_code
        for host in ("one.example.com", "two.example.com", "unknown.example.com")
    ]

    assert statuses == [302, 404, 404]
    assert sorted(await names(make)) == ["Jane Roe", "Owner", "Owner"]

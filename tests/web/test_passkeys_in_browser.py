"""Passkeys in a real Chromium with a virtual authenticator."""

from app.domain.users import sign_in
from tests.support.browser import Browser
from tests.support.factory import Factory
from tests.web.test_appearance import press
from tests.web.test_browser import address, browser, database_url

__all__ = ["address", "browser", "database_url"]

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def test_a_passkey_is_added_and_signs_in_by_keyboard(browser: Browser, address: str, make: Factory) -> None:
    jane = await make.user(name="Jane Roe")
    token = await make.act(lambda work: sign_in.create_link(work, jane))
    # Browsers make no passkeys for an IP address.
    address = address.replace("127.0.0.1", "localhost")
    page = await browser.page()
    await page.do("WebAuthn.enable")
    device = (await page.do("WebAuthn.addVirtualAuthenticator", options=DEVICE))["authenticatorId"]

    async def send(selector: str) -> None:
        await page.value(f"document.querySelector('{selector}').focus()")
        await page.until_loaded(press(page, "Enter"))

    await page.open(f"{address}/sign-in/link?token={token}")
    await send("main button")
    await page.open(f"{address}/profile/passkeys/new")
    await page.value("document.querySelector('#field-name').focus()")
    await page.do("Input.insertText", text="My phone")
    await send("main form button")
    assert await make.value("SELECT name FROM passkeys") == "My phone"

    await page.open(f"{address}/logout")
    await send("main button")
    await page.open(f"{address}/login?next=/roadmap")
    await send("form[data-passkey] button")
    assert await page.value("location.pathname") == "/roadmap"
    assert await make.value("SELECT method FROM sessions") == "passkey"

    # A device without a passkey of this site: the page says so, and stays.
    await page.open(f"{address}/logout")
    await send("main button")
    await page.do("WebAuthn.clearCredentials", authenticatorId=device)
    await page.open(f"{address}/login")
    await page.value("document.querySelector('form[data-passkey] button').click()")
    await page.until("!document.querySelector('[data-passkey-problem]').hidden")
    assert await page.value("location.pathname") == "/login"


async def test_without_scripts_there_is_no_button_of_passkeys(browser: Browser, address: str) -> None:
    page = await browser.page(scripts=False)

    await page.open(f"{address.replace('127.0.0.1', 'localhost')}/login")

    assert await page.value("getComputedStyle(document.querySelector('form[data-passkey]')).display") == "none"

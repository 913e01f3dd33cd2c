"""Signing up, in and out, by each way that needs no other server: with scripts, without, and by keyboard."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.mailbox import Mailbox
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab, open_tab
from tests.support.commands import Earshot
from tests.support.extra_servers import SECRET

ROADMAP = re.compile(r"/roadmap$")
SIGN_IN = "Sign in"


def expect_signed_in(tab: Tab, name: str = "Riya Reader") -> None:
    expect(tab.page.locator(".account-link")).to_contain_text(name)


def expect_signed_out(tab: Tab) -> None:
    expect(tab.page.locator("header").get_by_role("link", name=SIGN_IN)).to_be_visible()


def request_email(tab: Tab, email: str) -> None:
    """Ask for an email to sign in, on the way to the roadmap."""
    tab.page.goto("/roadmap")
    tab.press(tab.page.locator("header").get_by_role("link", name=SIGN_IN))
    tab.type_into("Email address", email)
    tab.press_button(SIGN_IN)
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Check your email")


def test_a_person_signs_up(tab: Tab, portal: ServedPortal, mailbox: Mailbox) -> None:
    email = f"new-{tab.way}@example.com"
    tab.page.goto("/roadmap")
    tab.press(tab.page.locator("header").get_by_role("link", name=SIGN_IN))
    tab.press_link("Create one")

    # The first time too quickly for a person: the form comes back with what was typed.
    tab.type_into("Name", "Noor Newcomer")
    tab.type_into("Email address", email)
    tab.type_into("Password", PASSWORD)
    tab.press_button("Create the account")
    expect(tab.page.get_by_role("alert")).to_contain_text("Nothing is lost")
    expect(tab.page.get_by_label("Name")).to_have_value("Noor Newcomer")
    expect(tab.page.get_by_label("Email address")).to_have_value(email)
    tab.take_status(422)
    portal.clock.advance(seconds=3)
    tab.type_into("Password", PASSWORD)
    tab.press_button("Create the account")
    tab.type_into("Code", mailbox.wait_for_code(email))
    tab.press_button(SIGN_IN)

    expect(tab.page).to_have_url(ROADMAP)
    expect_signed_in(tab, "Noor Newcomer")
    [row] = portal.rows(
        "SELECT name, email_confirmed_at IS NOT NULL, password_hash IS NOT NULL FROM users WHERE email = :email",
        email=email,
    )
    assert tuple(row) == ("Noor Newcomer", True, True)


def test_a_password_signs_in_and_the_account_page_signs_out(tab: Tab, portal: ServedPortal, user: int) -> None:
    email = portal.email_of(user)
    tab.page.goto("/roadmap")
    tab.press(tab.page.locator("header").get_by_role("link", name=SIGN_IN))

    tab.type_into("Email address", email)
    tab.type_into("Password", "a wrong password")
    tab.press_button(SIGN_IN)
    expect(tab.page.get_by_role("alert").filter(visible=True)).to_contain_text(
        "The address or the password is wrong, or you have not confirmed the address yet."
    )
    expect(tab.page.get_by_label("Email address")).to_have_value(email)
    expect(tab.page.get_by_label("Password")).to_have_value("")
    tab.take_status(422)
    tab.type_into("Password", PASSWORD)
    tab.press_button(SIGN_IN)

    expect(tab.page).to_have_url(ROADMAP)
    expect_signed_in(tab)
    assert portal.value("SELECT method FROM sessions WHERE user_id = :user", user=user) == "password"
    tab.press(tab.page.locator(".account-link"))
    tab.press_button("Sign out")
    expect_signed_out(tab)
    assert portal.rows("SELECT id FROM sessions WHERE user_id = :user", user=user) == []


def test_a_code_signs_in(tab: Tab, portal: ServedPortal, user: int, mailbox: Mailbox) -> None:
    email = portal.email_of(user)
    request_email(tab, email)
    code = mailbox.wait_for_code(email)

    tab.type_into("Code", "000000" if code != "000000" else "111111")
    tab.press_button(SIGN_IN)
    expect(tab.page.locator("#error-code")).to_contain_text("This code is wrong")
    tab.take_status(422)
    tab.page.get_by_label("Code").clear()
    tab.type_into("Code", f"{code[:3]} {code[3:]}")
    tab.press_button(SIGN_IN)

    expect(tab.page).to_have_url(ROADMAP)
    expect_signed_in(tab)


def test_the_link_of_an_email_signs_in(tab: Tab, portal: ServedPortal, user: int, mailbox: Mailbox) -> None:
    email = portal.email_of(user)
    request_email(tab, email)

    tab.page.goto(mailbox.wait_for_link(email))
    # Programs that scan mail open links, too.
    assert portal.rows("SELECT id FROM sessions WHERE user_id = :user", user=user) == []
    tab.press_button(SIGN_IN)

    expect(tab.page).to_have_url(ROADMAP)
    expect_signed_in(tab)


def test_the_printed_link_signs_in(tab: Tab, portal: ServedPortal, user: int, compiled: Path, tmp_path: Path) -> None:
    command = Earshot(
        tmp_path,
        compiled,
        {
            "EARSHOT_DATABASE_URL": portal.settings.database,
            "EARSHOT_DATA_DIR": str(portal.settings.data_dir),
            "EARSHOT_SECRET_KEY": SECRET,
            "EARSHOT_BASE_URL": portal.address,
        },
    )
    done = command.run("users", "sign-in-link", portal.email_of(user))
    assert done.code == 0, done.err
    link = next(word for word in done.out.split() if word.startswith(portal.address))

    tab.page.goto(link)
    tab.press_button(SIGN_IN)
    expect_signed_in(tab)

    # It works once.
    tab.page.goto(link)
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("This link is no longer valid")
    tab.take_status(410)


def test_a_link_expires(tab: Tab, portal: ServedPortal, user: int, mailbox: Mailbox) -> None:
    email = portal.email_of(user)
    request_email(tab, email)
    link = mailbox.wait_for_link(email)

    portal.clock.advance(minutes=16)
    tab.page.goto(link)

    expect(tab.page.get_by_role("heading", level=1)).to_have_text("This link has expired")
    tab.take_status(410)
    tab.press_link(SIGN_IN)
    expect(tab.page.get_by_label("Email address")).to_be_visible()


def test_a_form_without_its_cookie_keeps_what_was_typed(tab: Tab, portal: ServedPortal, user: int) -> None:
    email = portal.email_of(user)
    tab.page.goto("/login")
    tab.type_into("Email address", email)
    tab.type_into("Password", PASSWORD)

    tab.page.context.clear_cookies()
    tab.press_button(SIGN_IN)

    expect(tab.page.get_by_role("alert").filter(visible=True)).to_contain_text("Nothing is lost: send it again.")
    expect(tab.page.get_by_label("Email address")).to_have_value(email)
    tab.take_status(422)
    tab.type_into("Password", PASSWORD)
    tab.press_button(SIGN_IN)
    expect_signed_in(tab)


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example/", r"/\elsewhere.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_no_other_site(portal: ServedPortal, browser: Browser, user: int, target: str) -> None:
    with open_tab(browser, base_url=portal.address) as tab:
        requested: list[str] = []
        tab.page.on("request", lambda request: requested.append(request.url))
        tab.page.goto("/login")
        # As a link has it, and as a form that somebody changed.
        tab.page.goto(f"/login?next={target}")
        tab.page.locator("main input[name=next]").first.evaluate(
            "(field, target) => { for (const each of document.getElementsByName('next')) each.value = target; }", target
        )
        tab.type_into("Email address", portal.email_of(user))
        tab.type_into("Password", PASSWORD)
        tab.press_button(SIGN_IN)

        expect(tab.page).to_have_url(f"{portal.address}/")
        expect_signed_in(tab)
        assert {urlsplit(url).hostname for url in requested} == {"127.0.0.1"}
        assert tab.complaints == []

"""One's own account: with scripts, without, and by keyboard."""

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.mailbox import Mailbox
from tests.browser.pictures import make_picture
from tests.browser.portal import PASSWORD, ServedPortal
from tests.browser.tab import Tab

PROFILE = "SELECT name, locale FROM users WHERE id = :user"
SESSIONS = "SELECT count(*) FROM sessions WHERE user_id = :user"


def card(tab: Tab, heading: str) -> Locator:
    """A part of the page by its heading."""
    return tab.content.get_by_role("region", name=heading, exact=True)


def open_tab_of_account(tab: Tab, name: str) -> None:
    tab.page.goto("/")
    tab.press(tab.page.locator(".account-link"))
    tab.press(tab.content.get_by_role("navigation", name="Your account").get_by_role("link", name=name, exact=True))
    expect(tab.content.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")


def test_name_and_language_are_changed(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    open_tab_of_account(tab, "Profile")
    name = tab.content.get_by_label("Name", exact=True)
    name.clear()
    tab.type(name, "   ")
    tab.press(card(tab, "About you").get_by_role("button", name="Save"))
    expect(name).to_have_attribute("aria-invalid", "true")
    tab.take_status(422)

    name.clear()
    tab.type(name, "Zoë Reader")
    tab.select(tab.content.get_by_label("Language"), "Deutsch")
    tab.press(card(tab, "About you").get_by_role("button", name="Save"))

    expect(tab.page.locator("html")).to_have_attribute("lang", "de")
    expect(tab.page.locator(".account-link")).to_contain_text("Zoë Reader")
    assert portal.rows(PROFILE, user=user) == [("Zoë Reader", "de")]
    tab.page.goto("/roadmap")
    expect(tab.page.locator("html")).to_have_attribute("lang", "de")


def test_a_picture_is_chosen_and_removed(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    open_tab_of_account(tab, "Profile")
    field = tab.content.get_by_label("New picture")
    tab.attach(field, {"name": "notes.png", "mimeType": "image/png", "buffer": b"text"})
    tab.press_button("Upload")
    expect(field).to_have_accessible_description(re.compile("This file is not a picture"))
    tab.take_status(422)

    tab.attach(field, make_picture("me.png", size=(200, 100)))
    tab.press_button("Upload")
    expect(tab.page.locator(".notice")).to_have_text("Your picture is saved.")
    picture = tab.page.locator(".account-link img")
    expect(picture).to_have_js_property("complete", True)
    # Square, whatever was chosen.
    assert picture.evaluate("(image) => image.naturalWidth === image.naturalHeight && image.naturalWidth > 0")

    tab.press_button("Remove the picture")
    expect(tab.page.locator(".notice")).to_have_text("Your picture is removed.")
    expect(picture).to_have_count(0)


def test_notifications_are_chosen(user_tab: Tab) -> None:
    tab = user_tab
    open_tab_of_account(tab, "Notifications")
    lists = tab.content.get_by_role("combobox")
    expect(tab.content.get_by_label("Send them as chosen below")).to_be_checked()
    others = lists.first.locator("option:not([selected])")
    label = others.first.inner_text()

    tab.choose(tab.content.get_by_label("Send none"))
    tab.select(lists.first, label)
    tab.press_button("Save")

    expect(tab.page.locator(".notice")).to_have_text("Your choices are saved.")
    tab.page.goto("/profile/notifications")
    expect(tab.content.get_by_label("Send none")).to_be_checked()
    assert lists.first.evaluate("(list) => list.selectedOptions[0].label") == label


def test_other_browsers_are_signed_out(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    for _ in range(3):
        portal.sign_in(user)
    open_tab_of_account(tab, "Sign-in")
    rows = card(tab, "Where you are signed in").get_by_role("listitem")
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="This browser")).to_have_count(1)

    tab.press(rows.get_by_role("button", name=re.compile("^Sign out")).first)
    expect(tab.page.locator(".notice")).to_have_text("That browser is signed out.")
    assert portal.value(SESSIONS, user=user) == 3
    tab.press_button("Sign out all other browsers")

    expect(tab.page.locator(".notice")).to_have_text("All other browsers are signed out.")
    expect(rows).to_have_count(1)
    assert portal.value(SESSIONS, user=user) == 1


def test_a_new_password_signs_out_everywhere_else(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    portal.sign_in(user)
    open_tab_of_account(tab, "Profile")
    field = card(tab, "Password").get_by_label("Present password")
    for present in ("a wrong password", PASSWORD):
        tab.type(field, present)
        tab.type_into("New password", "another good password")
        tab.press_button("Change the password")
        if present != PASSWORD:
            expect(field).to_have_attribute("aria-invalid", "true")
            tab.take_status(422)
            assert portal.value(SESSIONS, user=user) == 2
    expect(tab.page.locator(".notice")).to_contain_text("Your password is changed.")
    assert portal.value(SESSIONS, user=user) == 1


@pytest.fixture
def admin_tab(tab: Tab, portal: ServedPortal) -> Tab:
    """The tab of a user who may have API keys."""
    tab.page.context.add_cookies([portal.sign_in(portal.add_user(role="admin"))])  # type: ignore[list-item]
    return tab


def test_an_api_key_is_made_shown_once_and_revoked(admin_tab: Tab, portal: ServedPortal) -> None:
    tab, name = admin_tab, f"Program {admin_tab.way}"

    def list_posts(token: str) -> int:
        return httpx.get(f"{portal.address}/api/v1/posts", headers={"Authorization": f"Bearer {token}"}).status_code

    open_tab_of_account(tab, "API keys")
    tab.type_into("Name", name)
    tab.choose(tab.content.get_by_label("Astuto"))
    tab.press_button("Create the key")

    token = tab.content.get_by_role("status", name="Your new key").locator("code").inner_text()
    assert list_posts(token) == 200
    assert "astuto" in portal.value("SELECT dialect FROM api_keys WHERE name = :name", name=name)
    tab.page.goto("/profile/keys")
    expect(card(tab, "Your keys")).to_contain_text(name)
    assert token not in tab.page.content()

    tab.press(tab.content.locator("summary"))
    tab.press(tab.content.get_by_role("button", name=re.compile("^Revoke the key")))
    expect(tab.page.locator(".notice")).to_have_text("The key is revoked.")
    expect(card(tab, "Your keys").get_by_role("listitem")).to_contain_text("Revoked")
    assert list_posts(token) == 401


def test_a_user_without_the_right_is_offered_no_key(user_tab: Tab) -> None:
    tab = user_tab
    tab.page.goto("/profile")
    expect(tab.content.get_by_role("link", name="API keys")).to_have_count(0)
    response = tab.page.goto("/profile/keys")
    assert response is not None
    assert response.status == 404
    tab.take_status(404)


def test_own_data_is_downloaded(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab = user_tab
    open_tab_of_account(tab, "My data")

    with tab.page.expect_download() as download:
        tab.press_link("Download")

    assert download.value.suggested_filename == "my-data.json"
    data: dict[str, Any] = json.loads(download.value.path().read_bytes())
    assert portal.email_of(user) in json.dumps(data)


def test_the_account_is_deleted(user_tab: Tab, portal: ServedPortal, user: int) -> None:
    tab, email = user_tab, portal.email_of(user)
    open_tab_of_account(tab, "My data")
    tab.press_link("Delete the account…")
    tab.choose(tab.content.get_by_label("Keep them, without your name"))
    tab.type_into("Your password", "a wrong password")
    tab.press_button("Delete the account")
    expect(tab.content.get_by_label("Your password")).to_have_attribute("aria-invalid", "true")
    expect(tab.content.get_by_label("Keep them, without your name")).to_be_checked()
    tab.take_status(422)
    assert portal.email_of(user) == email

    tab.type_into("Your password", PASSWORD)
    tab.press_button("Delete the account")

    expect(tab.page.locator(".notice")).to_have_text("Your account is deleted.")
    expect(tab.page.locator("header").get_by_role("link", name="Sign in")).to_be_visible()
    assert portal.rows("SELECT id FROM users WHERE email = :email", email=email) == []
    assert portal.value(SESSIONS, user=user) == 0


@pytest.mark.parametrize(
    ("path", "button"),
    [("/profile", "Save"), ("/profile/notifications", "Save"), ("/profile/delete", "Delete the account")],
)
def test_a_session_that_ended_meanwhile_leads_back_after_signing_in(
    user_tab: Tab, portal: ServedPortal, user: int, path: str, button: str
) -> None:
    tab = user_tab
    tab.page.goto(path)
    if path == "/profile/delete":
        tab.choose(tab.content.get_by_label("Keep them, without your name"))
        tab.type_into("Your password", PASSWORD)
    portal.run("DELETE FROM sessions WHERE user_id = :user", user=user)
    tab.press(tab.content.get_by_role("button", name=button, exact=True).first)

    expect(tab.page).to_have_url(re.compile(r"/login\?next=%2Fprofile"))
    tab.type_into("Email address", portal.email_of(user))
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Your account")
    assert portal.rows(PROFILE, user=user) == [("Riya Reader", None)]


def test_an_address_is_confirmed_by_a_link(user_tab: Tab, portal: ServedPortal, user: int, mailbox: Mailbox) -> None:
    tab, email = user_tab, portal.email_of(user)
    open_tab_of_account(tab, "Profile")
    expect(card(tab, "Email address")).to_contain_text("Not confirmed")
    tab.press_button("Send me the link again")
    expect(tab.page.locator(".notice")).to_contain_text("An email with a link is on its way")

    match = re.search(r"https?://[^/\s]+(/confirm-email\?token=\S+)", mailbox.wait_for(email))
    assert match is not None
    tab.page.goto(match[1])
    tab.press_button("Confirm the address")
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Thank you")
    tab.page.goto("/profile")
    expect(card(tab, "Email address")).not_to_contain_text("Not confirmed")


def test_the_address_is_changed_by_a_link_to_the_new_one(
    user_tab: Tab, portal: ServedPortal, user: int, mailbox: Mailbox
) -> None:
    tab, old = user_tab, portal.email_of(user)
    new = f"new-{old}"
    open_tab_of_account(tab, "Profile")
    field = card(tab, "Email address").get_by_label("Present password")
    for present in ("a wrong password", PASSWORD):
        address = tab.content.get_by_label("New address")
        address.clear()
        tab.type(address, new)
        tab.type(field, present)
        tab.press_button("Change the address")
        if present != PASSWORD:
            expect(field).to_have_attribute("aria-invalid", "true")
            expect(address).to_have_value(new)
            tab.take_status(422)
    expect(tab.page.locator(".notice")).to_be_visible()
    assert portal.email_of(user) == old

    match = re.search(r"https?://[^/\s]+(/\S+\?token=\S+)", mailbox.wait_for(new))
    assert match is not None
    tab.page.goto(match[1])
    assert portal.email_of(user) == old
    tab.press_button("Change the address")
    expect(card(tab, "Email address")).to_contain_text(new)
    assert portal.email_of(user) == new

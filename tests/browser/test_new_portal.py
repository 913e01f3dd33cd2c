"""The whole way of a new portal: its owner, a person who takes part, and that person's farewell."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, expect

from tests.browser.pictures import make_picture
from tests.browser.portal import PASSWORD
from tests.browser.tab import Tab, open_tab
from tests.support.commands import Earshot

EMAIL = "noor@example.com"
MAX_SECONDS = 30


def query(folder: Path, sql: str, *values: Any) -> list[Any]:
    """Rows of the server's database."""
    connection = sqlite3.connect(f"file:{folder / 'data' / 'earshot.db'}?mode=ro", uri=True)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


def sign_up(tab: Tab) -> None:
    """Sign up and in, on a server that sends no mail."""
    tab.page.goto("/")
    tab.press(tab.page.locator("header").get_by_role("link", name="Sign in"))
    tab.press_link("Create one")
    for label, text in (("Name", "Noor Newcomer"), ("Email address", EMAIL), ("Password", PASSWORD)):
        # As fast as a person types: the form does not accept what comes faster.
        tab.content.get_by_label(label).press_sequentially(text, delay=60)
    tab.press_button("Create the account")
    expect(tab.page.get_by_role("heading", level=1)).not_to_have_text("Create an account")
    tab.page.goto("/login")
    tab.type_into("Email address", EMAIL)
    tab.type_into("Password", PASSWORD)
    tab.press_button("Sign in")
    expect(tab.page.locator(".account-link")).to_contain_text("Noor Newcomer")


def take_part(tab: Tab) -> str:
    """Post with a picture; vote for, comment and follow other posts. Returns the path of the new post."""
    tab.page.goto("/")
    tab.press_link("Share feedback")
    tab.type_into("Title", "Qwertz keyboards")
    tab.type_into("Description", "Where **I** live, they are common.")
    tab.attach(tab.content.get_by_label("Pictures"), make_picture("keyboard.png"))
    tab.press(tab.content.get_by_role("button", name="Send", exact=True).last)
    expect(tab.page.locator(".notice")).to_have_text("Thank you. Your post is published.")
    expect(tab.page.locator("[data-lightbox] img")).to_have_js_property("naturalWidth", 40)
    path = tab.page.url

    tab.page.goto("/?sort=top")
    vote = tab.page.locator("form.vote button").first
    tab.press(vote)
    expect(vote).to_have_attribute("aria-pressed", "true")
    tab.press(tab.page.locator(".post-title a").nth(1))
    tab.type_into("Your comment", "I could use that every day.")
    tab.press_button("Comment")
    expect(tab.page.locator(".notice")).to_have_text("Your comment is published.")
    tab.page.goto("/?sort=top")
    tab.press(tab.page.locator(".post-title a").nth(2))
    tab.press_button("Follow")
    expect(tab.content.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")
    return path


def delete_account(tab: Tab) -> None:
    """Delete the account, and what the person wrote stays."""
    tab.press(tab.page.locator(".account-link"))
    tab.press_link("My data")
    tab.press_link("Delete the account…")
    tab.choose(tab.content.get_by_label("Keep them, without your name"))
    tab.type_into("Your password", PASSWORD)
    tab.press_button("Delete the account")
    expect(tab.page.locator(".notice")).to_have_text("Your account is deleted.")


def test_a_new_portal_from_its_first_start(browser: Browser, sqlite: Earshot) -> None:
    with sqlite.serving("--demo") as serving:
        link = next(word for word in serving.output.split() if "/sign-in/link?token=" in word)
        token = next(line.split()[1] for line in serving.output.splitlines() if line.startswith("  ProductLift"))
        with (
            open_tab(browser, base_url=serving.address) as owner,
            open_tab(browser, base_url=serving.address) as person,
        ):
            person.page.goto("/")
            expect(person.page.locator(".post-row")).to_have_count(20)

            owner.page.goto(link)
            owner.press_button("Sign in")
            owner.page.goto("/profile/data")
            expect(owner.content).to_contain_text("You are the owner of this portal")

            sign_up(person)
            path = take_part(person)
            [[noor]] = query(sqlite.folder, "SELECT id FROM users WHERE email = ?", EMAIL)
            counts = {
                table: query(sqlite.folder, f"SELECT count(*) FROM {table} WHERE user_id = ?", noor)[0][0]
                for table in ("posts", "votes", "comments", "follows")
            }
            # A post has its author's vote if the portal says so; who posts, votes or comments follows.
            assert (counts["posts"], counts["comments"], counts["follows"]) == (1, 1, 4)
            assert counts["votes"] in (1, 2)

            owner.page.goto(path)
            owner.type_into("Your comment", "We are on it.")
            owner.press_button("Comment")
            expect(owner.page.locator(".comment")).to_contain_text("We are on it.")
            expect_queued_email(sqlite.folder, noor)

            delete_account(person)
            person.page.goto(path)
            expect(person.page.locator(".byline").first).not_to_contain_text("Noor")
            assert query(sqlite.folder, "SELECT id FROM users WHERE email = ?", EMAIL) == []
            assert (owner.complaints, person.complaints) == ([], [])
        answer = httpx.get(f"{serving.address}/api/v1/posts", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200


def expect_queued_email(folder: Path, user: int) -> None:
    """Wait until the outbox has an email about the answer to the post."""
    sql = "SELECT kind, state FROM deliveries WHERE channel = 'email' AND user_id = ? AND kind = 'comment'"
    end = time.monotonic() + MAX_SECONDS
    while not (rows := query(folder, sql, user)) and time.monotonic() < end:
        time.sleep(0.05)
    assert rows == [("comment", "pending")]

"""Emails in a browser: in both colour schemes, on a phone and on a desktop, for assistive technology."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from app.adapters.translations import load_translation
from app.domain.notifications.content import Content
from app.domain.notifications.kinds import EMAIL_KINDS
from app.outbox.mail.letters import make_context
from app.outbox.mail.templating import render
from app.outbox.mail.words import Words
from tests.outbox.mail.contents import make_content, make_message, part_of
from tests.support.browser import Browser
from tests.web.test_appearance import find_violations
from tests.web.test_browser import browser

__all__ = ["browser"]

GROUNDS = {"light": "rgb(243, 245, 249)", "dark": "rgb(20, 23, 30)"}
SHEETS = {"light": "rgb(255, 255, 255)", "dark": "rgb(29, 34, 44)"}
WIDTHS = (390, 1200)


async def show(browser: Browser, html: str, *, scheme: str, width: int) -> list[object]:
    """What is wrong with the email at this width, in this scheme."""
    page = await browser.page()
    await page.do(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
    )
    await page.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await page.open("data:text/html;base64," + base64.b64encode(html.encode()).decode())
    body, sheet, sheet_width = await page.value(
        "[getComputedStyle(document.body).backgroundColor,"
        " getComputedStyle(document.querySelector('.sheet')).backgroundColor,"
        " document.querySelector('.sheet').getBoundingClientRect().width]"
    )
    problems = [*await find_violations(page), *page.complaints]
    if (body, sheet) != (GROUNDS[scheme], SHEETS[scheme]):
        problems.append(f"colours: {body}, {sheet}")
    if not 350 < sheet_width <= 600:
        problems.append(f"the sheet is {sheet_width} wide")
    # It opened the email, and nothing else.
    problems += [url for url in page.requested_urls if not url.startswith("data:text/html;")]
    return problems


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_every_email_is_readable_and_loads_nothing(browser: Browser, scheme: str, width: int) -> None:
    accents = ("#ffff00", "#000000", None, "#ff6600")
    problems = {}
    for number, kind in enumerate(EMAIL_KINDS):
        locale = "de" if number % 2 else "en"
        content = make_content(kind, locale=locale, accent=accents[number % len(accents)])
        html = part_of(make_message(content), "html")

        problems[kind] = await show(browser, html, scheme=scheme, width=width)

    assert problems == {kind: [] for kind in EMAIL_KINDS}


def render_arabic(content: Content, folder: Path) -> str:
    """The HTML of an email in a language that is written from right to left."""
    catalogue = Catalog("ar", charset="utf-8")
    catalogue.add("Hello %(name)s,", "مرحبا %(name)s،")
    catalogue.add("%(author)s commented on your post:", "علّق %(author)s على منشورك:")
    catalogue.add("Show the comment", "عرض التعليق")
    path = folder / "ar" / "LC_MESSAGES" / "earshot.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    translation = load_translation("ar", folder)
    template, context = make_context(content, Words(content, translation), translation)
    return render(f"{template}.html", translation, **context, unsubscribe_url="https://feedback.example.com/u")


@pytest.mark.parametrize("width", WIDTHS)
async def test_a_language_from_right_to_left_turns_the_email_round(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    content = replace(make_content("comment", locale="ar"), to_name="جين")
    html = render_arabic(content, tmp_path)

    assert '<html lang="ar" dir="rtl">' in html
    assert "border-right-width:3px" in html
    assert await show(browser, html, scheme="light", width=width) == []

"""The pages in both color schemes, on a phone and on a desktop, for assistive technology and by keyboard."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from app.domain.users import sign_on
from tests.support import interactive_page
from tests.support.browser import Browser, Page
from tests.support.factory import Factory
from tests.web.test_browser import address, browser, database_url

__all__ = ["address", "browser", "database_url"]

AXE = Path(__file__).parents[1] / "support" / "axe"
GROUNDS = {"light": "rgb(246, 246, 243)", "dark": "rgb(16, 18, 22)"}
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
FIND_VIOLATIONS = """
axe.run({resultTypes: ["violations"]}).then(({violations}) => violations.flatMap(
  ({id, nodes}) => nodes.map(({target, failureSummary}) => `${id}: ${target.join(" ")}: ${failureSummary}`)))
"""
# The luminance of each element's own background, from 0 (black) to 1; of transparent ones none.
FIND_BACKGROUNDS = """
(selectors) => selectors.map((selector) => {
  const element = document.querySelector(selector);
  if (!element) { return [selector, "missing"]; }
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  for (let each = element, stack = []; ; each = each.parentElement) {
    stack.push(getComputedStyle(each).backgroundColor);
    if (!each.parentElement) {
      stack.reverse().forEach((color) => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); });
      break;
    }
  }
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return [selector, (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255];
})
"""


async def show_page(browser: Browser, scheme: str, size: str) -> Page:
    page = await browser.page()
    width, height = SIZES[size]
    await page.do(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=size == "phone"
    )
    # No transitions, so that no color is measured on its way to another.
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    await page.do("Emulation.setEmulatedMedia", features=features)
    return page


async def find_violations(page: Page) -> Any:
    """What axe finds on the page, and whether it is wider than the screen."""
    await page.value(f"{(AXE / 'axe.min.js').read_text()};0")
    await page.value("Promise.all(document.getAnimations().map((animation) => animation.finished)).then(() => 0)")
    found = await page.value(FIND_VIOLATIONS)
    too_wide = await page.value("document.documentElement.scrollWidth > innerWidth")
    return [*found, *(["wider than the screen"] if too_wide else [])]


def test_the_file_of_axe_matches_its_checksum() -> None:
    listed = dict(reversed(line.split("  ")) for line in (AXE / "SHA256SUMS").read_text().splitlines())

    assert {name: hashlib.sha256((AXE / name).read_bytes()).hexdigest() for name in listed} == listed
    assert "axe.min.js" in listed


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_pages_have_the_color_scheme_and_no_violations(
    browser: Browser, address: str, make: Factory, scheme: str, size: str
) -> None:
    post = await make.post(
        title="Dark mode", description="Use `dark`, a [link](https://example.com)\n\n> quote", status="Planned"
    )
    await make.comment(post, body="Yes\n\n```\ncode\n```", official=True)
    await make.post(title="Export", status="Completed")
    page = await show_page(browser, scheme, size)

    for path in (
        *("/", "/docs", f"/p/dark-mode-{await make.code(post)}", "/nowhere"),
        *("/roadmap", "/changelog", "/t/feedback", "/t/roadmap", "/unsubscribe"),
    ):
        await page.open(address + path)

        assert await page.value("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme], path
        assert await find_violations(page) == [], path


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_the_pages_of_sign_on_have_the_color_scheme_and_no_violations(
    browser: Browser, address: str, make: Factory, scheme: str, size: str
) -> None:
    secret = "a secret of single sign-on, 0123456789"
    encrypted = make.server.services.cipher.encrypt(secret)
    await make.act(lambda work: sign_on.set_secret(work, encrypted))
    claims = {"email": "jane@example.com", "name": "Jane " + "W" * 95, "exp": 2**40}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(secret))
    page = await show_page(browser, scheme, size)

    for parameter in (f"{token}&redirect=/docs", "expired"):
        await page.open(f"{address}/sso?token={parameter}")

        assert await page.value("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme]
        assert await find_violations(page) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
@pytest.mark.parametrize("dialect", ["productlift", "astuto"])
async def test_interactive_pages_have_the_color_scheme_and_no_violations(
    browser: Browser, address: str, make: Factory, dialect: str, scheme: str, size: str
) -> None:
    await make.post(title="Dark mode")
    page = await show_page(browser, scheme, size)
    await interactive_page.open_page(page, f"{address}/{dialect}/api/v1/docs")
    in_dialog = [".modal-ux", ".modal-ux input", ".modal-ux .btn"]
    in_page = [
        "body", ".scheme-container", "#servers", ".operation-filter-input", ".opblock-get", ".opblock-section-header",
        ".parameters input", ".parameters-container table", ".live-responses-table", ".responses-table",
        ".model-box", ".json-schema-2020-12", "section.models", ".renderedMarkdown code", ".renderedMarkdown pre",
    ]  # fmt: skip

    await interactive_page.open_dialog(page)
    dialog_violations = await find_violations(page)
    backgrounds = await page.value(f"({FIND_BACKGROUNDS})({json.dumps(in_dialog)})")
    await page.value("document.querySelector('.close-modal').click()")
    await interactive_page.authorize(page, await make.key(make.owner, dialect))
    await interactive_page.open_operation(page, "get", "/posts")
    status, _ = await interactive_page.execute(page)
    await page.until("document.querySelector('.live-responses-table pre')")
    example_violations = await find_violations(page)
    await page.value(
        "document.querySelectorAll('.response .tabitem:not(.active) button').forEach((tab) => tab.click())"
    )
    await page.until("document.querySelector('.response .model-box button.json-schema-2020-12-accordion')")
    await page.value("document.querySelector('.response .model-box button.json-schema-2020-12-accordion').click()")
    await page.until("document.querySelector('.json-schema-2020-12-property')")
    backgrounds += await page.value(f"({FIND_BACKGROUNDS})({json.dumps(in_page)})")

    assert status == "200"
    is_right = {"light": lambda luminance: luminance > 0.85, "dark": lambda luminance: luminance < 0.2}[scheme]
    assert [each for each in backgrounds if each[1] == "missing" or not is_right(each[1])] == []
    assert (dialog_violations, example_violations, await find_violations(page)) == ([], [], [])


async def press(page: Page, key: str, *, modifiers: int = 0) -> None:
    code = {"Tab": 9, "Enter": 13, "Escape": 27}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        await page.do(
            "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, modifiers=modifiers,
            **(text if kind == "keyDown" else {}),
        )  # fmt: skip


async def test_the_interactive_page_works_by_keyboard(browser: Browser, address: str, make: Factory) -> None:
    await make.post(title="Dark mode")
    token = await make.key(make.owner, "productlift")
    page = await browser.page()
    await interactive_page.open_page(page, f"{address}/productlift/api/v1/docs")
    focus = "document.activeElement"

    await page.value("document.querySelector('.btn.authorize').focus()")
    await press(page, "Enter")
    await page.until(f"document.querySelector('[role=dialog] input') === {focus}")
    for modifiers in (0, 8):
        for _ in range(5):
            await press(page, "Tab", modifiers=modifiers)
            assert await page.value(f"document.querySelector('[role=dialog]').contains({focus})")
    await press(page, "Escape")
    await page.until("!document.querySelector('[role=dialog]')")
    assert await page.value(f"{focus}.className.includes('authorize')")
    await press(page, "Enter")
    await page.until(f"document.querySelector('[role=dialog] input') === {focus}")
    await page.do("Input.insertText", text=token)
    await press(page, "Enter")
    await page.until("document.querySelector('.auth-btn-wrapper button:not(.authorize)')")
    await press(page, "Escape")
    for selector in (".opblock-get .opblock-summary-control", ".try-out__btn", ".btn.execute"):
        await page.until(f"document.querySelector('{selector}')")
        await page.value(f"document.querySelector('{selector}').focus()")
        await press(page, "Enter")
    result = "document.querySelector('.live-responses-table tbody .response-col_status')"
    await page.until(result)

    assert await page.value(f"{result}.innerText") == "200"
    # No link is inside a button, where a keyboard would not reach it.
    assert await page.value("document.querySelectorAll('button a, button [tabindex]').length") == 0

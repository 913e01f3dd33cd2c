"""The script of widgets in a page of another site, in a real Chromium, under a strict Content-Security-Policy."""

from contextlib import ExitStack

import pytest

from app.settings import Settings
from tests.support.browser import Browser, Page
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.web.host_page import (
    DIALOG,
    FRAME,
    click,
    click_at,
    frame_value,
    serve_host_page,
    until_closed,
    until_open,
)
from tests.web.routes.test_widgets import UNKNOWN
from tests.web.test_appearance import GROUNDS, SIZES, find_violations, press, show_page
from tests.web.test_browser import address, browser, database_url

__all__ = ["address", "browser", "database_url"]

SURFACES = {"light": "rgb(255, 255, 255)", "dark": "rgb(24, 27, 33)"}
"""The backgrounds of pages in frames."""


@pytest.fixture
async def widget(make: Factory) -> str:
    """A widget that shows the roadmap, which has a post."""
    await make.post(title="Dark mode", status="Planned")
    return await make.widget(tab="roadmap")


@pytest.mark.parametrize(("attribute", "kind"), [("widget", "overlay"), ("sidebar", "sidebar")])
async def test_a_launcher_opens_its_widget_in_a_dialog(
    browser: Browser, address: str, widget: str, attribute: str, kind: str
) -> None:
    page = await browser.page()
    link = f'<a href="#here" id="link" data-productlift-{attribute}="{widget}">Give feedback</a>'
    with serve_host_page(address, link) as host:
        await page.open(host)
        await click(page, "#link")
        await until_open(page, kind)

        attributes = f"['role', 'aria-modal', 'aria-label'].map((name) => {DIALOG}.getAttribute(name))"
        assert await page.value(attributes) == ["dialog", "true", "Give feedback"]
        assert await page.value(f"[{FRAME}.src, {FRAME}.title]") == [f"{address}/widgets/{widget}", "Give feedback"]
        assert await frame_value(page, "location.href", title="Roadmap · Feedback") == (
            f"{address}/t/roadmap?widget_id={widget}"
        )
        assert await frame_value(
            page, "document.querySelector('.post-title a').textContent", title="Roadmap · Feedback"
        ) == ("Dark mode")
        # The link is not followed.
        assert await page.value("location.hash") == ""
        assert page.complaints == []


async def test_elements_that_are_added_later_are_launchers_too(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    with serve_host_page(address, "<p id='place'></p>") as host:
        await page.open(host)
        await page.value(
            f"""{{
              const button = document.createElement("button");
              button.dataset.productliftWidget = "{widget}";
              button.append(Object.assign(document.createElement("b"), {{textContent: "Feedback"}}));
              document.querySelector("#place").append(button);
            }}"""
        )
        await click(page, "#place b")
        await until_open(page, "overlay")
        await page.value(f"{DIALOG}.close()")
        # In a shadow root of a component, too.
        await page.value(
            f"""{{
              const root = document.querySelector("h1").attachShadow({{mode: "open"}});
              const button = document.createElement("button");
              button.dataset.productliftSidebar = "{widget}";
              root.append(button);
              button.click();
            }}"""
        )
        await until_open(page, "sidebar")
        assert page.complaints == []


@pytest.mark.parametrize("element", ["a href='#'", "button", "div tabindex='0' role='button'"])
async def test_a_widget_works_by_keyboard(browser: Browser, address: str, widget: str, element: str) -> None:
    page = await browser.page()
    launcher = f'<{element} id="launcher" data-productlift-widget="{widget}">Feedback</{element.split()[0]}>'
    with serve_host_page(address, f"{launcher}<a href='#' id='other'>Other</a>") as host:
        await page.open(host)
        for closing in ("Escape", "Enter"):
            await page.value("document.querySelector('#launcher').focus()")
            await press(page, "Enter")
            await until_open(page, "overlay")
            assert await page.value(f"{DIALOG}.matches(':modal')")
            # The close button has the focus, and the page behind can't get it.
            focused = f"{DIALOG}.getRootNode().activeElement"
            assert await page.value(f"{focused}.getAttribute('aria-label')") == "Close"
            await page.value("document.querySelector('#other').focus()")
            assert await page.value(f"{focused}.getAttribute('aria-label')") == "Close"
            await press(page, closing)
            await until_closed(page)
            assert await page.value("document.activeElement.id") == "launcher"
        assert page.complaints == []


async def test_escape_inside_the_frame_closes_the_widget(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    with serve_host_page(
        address, f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
    ) as host:
        await page.open(host)
        await click(page, "#launcher")
        await until_open(page, "overlay")
        await frame_value(page, "document.querySelector('.post-title a').focus()", title="Roadmap · Feedback")
        assert await page.value(f"{DIALOG}.getRootNode().activeElement.tagName") == "IFRAME"
        await press(page, "Escape")
        await until_closed(page)

        assert await page.value("document.activeElement.id") == "launcher"
        assert page.complaints == []


async def test_a_click_beside_a_widget_closes_it(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    with serve_host_page(
        address, f'<button id="launcher" data-productlift-sidebar="{widget}">Feedback</button>'
    ) as host:
        await page.open(host)
        await click(page, "#launcher")
        await until_open(page, "sidebar")
        await click_at(page, 5, 300)
        await until_closed(page)

        assert await page.value("document.activeElement.id") == "launcher"


async def test_a_script_that_is_loaded_twice_opens_one_dialog(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    body = f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>{{script}}'
    with serve_host_page(address, body) as host:
        await page.open(host)
        assert await page.value("document.scripts.length") == 2
        await click(page, "#launcher")
        await until_open(page, "overlay")

        opened = [url for url in page.requested_urls if f"/widgets/{widget}" in url]
        assert len(opened) == 1
        assert await page.value("[...document.body.children].filter((each) => each.shadowRoot).length") == 1


async def test_a_click_with_a_modifier_key_is_left_to_the_browser(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    with serve_host_page(address, f'<a href="#here" id="link" data-productlift-widget="{widget}">Feedback</a>') as host:
        await page.open(host)
        for modifier in ("ctrlKey", "metaKey", "shiftKey", "altKey"):
            prevented = await page.value(
                f"!document.querySelector('#link').dispatchEvent("
                f"new MouseEvent('click', {{bubbles: true, cancelable: true, composed: true, {modifier}: true}}))"
            )
            assert prevented is False, modifier
        assert await page.value(f"{DIALOG} ?? null") is None


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_only_the_sites_of_a_widget_can_show_it(
    browser: Browser, address: str, make: Factory, is_allowed: bool
) -> None:
    page = await browser.page()
    with serve_host_page(address, "<a href='#' id='launcher'>Feedback</a>") as host:
        sites = f"https://www.example.com {host}" if is_allowed else "https://www.example.com"
        widget = await make.widget(tab="roadmap", frame_ancestors=sites)
        await page.open(host)
        await page.value(f"document.querySelector('#launcher').dataset.productliftWidget = '{widget}'; 0")
        await click(page, "#launcher")
        await until_open(page, "overlay")
        if is_allowed:
            assert await frame_value(page, "document.title", title="Roadmap · Feedback") == "Roadmap · Feedback"
            assert page.complaints == []
            return
        while not page.complaints:
            await page.value("new Promise(requestAnimationFrame).then(() => 1)")
        assert "frame-ancestors" in page.complaints[0]
        assert await until_message(page) == "This can't be shown at the moment."


async def count_checks(page: Page) -> None:
    """Have the page count how often the script has checked whether its frame is ready, as `checks`."""
    await page.value(
        """{
          const wait = window.setTimeout;
          window.checks = 0;
          window.setTimeout = (check, delay) => wait(() => { check(); window.checks += 1; }, delay);
        }"""
    )


async def until_checked(page: Page, number: int) -> None:
    await page.value(
        f"""new Promise((done) => {{
          const look = () => window.checks >= {number} ? done(true) : requestAnimationFrame(look);
          look();
        }})"""
    )


async def until_message(page: Page) -> str:
    """The message of the script in place of the frame, as soon as it is shown."""
    message: str = await page.value(
        f"""new Promise((done) => {{
          const look = () => {{
            const text = {DIALOG}.querySelector("p").textContent;
            text && {FRAME}.hidden ? done(text) : requestAnimationFrame(look);
          }};
          look();
        }})"""
    )
    return message


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_an_unknown_widget_shows_a_message_with_a_close_button(
    browser: Browser, address: str, scheme: str, size: str
) -> None:
    page = await show_page(browser, scheme, size)
    title = "Not available · Earshot"
    body = f"""<button id="launcher" data-productlift-widget="{UNKNOWN}">Feedback</button>
        <iframe id="part" title="Roadmap" src="{address}/t/roadmap?widget_id={UNKNOWN}"></iframe>"""
    with serve_host_page(address, body) as host:
        await page.open(host)
        # A frame without a dialog has the message, but no button that would do nothing.
        assert await frame_value(page, "[...document.querySelectorAll('h1, button')].length", title=title) == 1
        await page.value("document.querySelector('#part').remove()")
        await count_checks(page)
        await click(page, "#launcher")
        await until_open(page, "overlay")
        assert await frame_value(page, "document.querySelector('h1').textContent", title=title) == "Not available"
        assert (
            await frame_value(page, "getComputedStyle(document.body).backgroundColor", title=title) == SURFACES[scheme]
        )
        await until_checked(page, 1)
        assert await page.value(f"[{FRAME}.hidden, {DIALOG}.querySelector('p').textContent]") == [False, ""]
        complaints = [each for each in page.complaints if "status of 404" not in each]
        assert complaints == []
        assert await find_violations(page) == []
        await frame_value(page, "document.querySelector('button').focus()", title=title)
        await press(page, "Enter")
        await until_closed(page)

        assert await page.value("document.activeElement.id") == "launcher"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_a_widget_of_a_portal_that_does_not_answer_shows_a_message(
    browser: Browser, settings: Settings, widget: str, scheme: str, size: str
) -> None:
    page = await show_page(browser, scheme, size)
    launcher = f'<button id="launcher" data-productlift-sidebar="{widget}">Feedback</button>'
    with ExitStack() as stack:
        with serve_in_thread(settings) as url:
            await page.open(stack.enter_context(serve_host_page(url, launcher)))
            await count_checks(page)
            await click(page, "#launcher")
            await until_open(page, "sidebar")
            await until_checked(page, 1)
            assert await page.value(f"[{FRAME}.hidden, {DIALOG}.querySelector('p').textContent]") == [False, ""]
            await page.value(f"{DIALOG}.close()")
        await click(page, "#launcher")
        await until_open(page, "sidebar")

        assert await until_message(page) == "This can't be shown at the moment."
        assert await find_violations(page) == []
        await press(page, "Escape")
        await until_closed(page)


async def test_the_next_page_of_a_widget_has_no_message_either(
    browser: Browser, address: str, make: Factory, widget: str
) -> None:
    for number in range(25):
        await make.post(title=f"Post {number}", status="Planned")
    page = await browser.page()
    with serve_host_page(
        address, f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
    ) as host:
        await page.open(host)
        await count_checks(page)
        await click(page, "#launcher")
        await until_open(page, "overlay")
        await frame_value(page, "document.querySelector('a[rel=next]').click()", title="Roadmap · Feedback")
        await until_checked(page, 2)

        assert await page.value(f"[{FRAME}.hidden, {DIALOG}.querySelector('p').textContent]") == [False, ""]
        assert await frame_value(page, "location.search", title="Roadmap · Feedback") == f"?widget_id={widget}&page=2"
        assert page.complaints == []


async def test_a_page_that_is_no_widget_is_not_shown_in_a_frame(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    with serve_host_page(address, f'<iframe title="Roadmap" src="{address}/t/roadmap"></iframe>') as host:
        await page.open(host)
        while not page.complaints:
            await page.value("new Promise(requestAnimationFrame).then(() => 1)")
        assert "frame-ancestors 'none'" in page.complaints[0]


async def test_the_script_works_below_a_public_path(
    browser: Browser, settings: Settings, make: Factory, widget: str
) -> None:
    values = settings.model_dump(exclude_unset=True) | {"base_url": "https://public.example.com/feedback"}
    page = await browser.page()
    with serve_in_thread(Settings(_env_file=None, **values)) as url:  # type: ignore[call-arg]
        launcher = f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
        with serve_host_page(f"{url}/feedback", launcher) as host:
            await page.open(host)
            await click(page, "#launcher")
            await until_open(page, "overlay")
            location = await frame_value(page, "location.href", title="Roadmap · Feedback")

    assert location == f"{url}/feedback/t/roadmap?widget_id={widget}"
    assert page.complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", GROUNDS)
async def test_widgets_have_the_color_scheme_and_no_violations(
    browser: Browser, address: str, make: Factory, widget: str, scheme: str, size: str
) -> None:
    for number in range(25):
        await make.post(title=f"Post {number} {'with a long title ' * (number % 9)}", status="Planned")
        await make.post(title=f"Release {number}", status="Completed")
    page = await show_page(browser, scheme, size)
    for path in ("/t/roadmap", "/t/changelog", f"/t/roadmap?widget_id={widget}", "/embedded_roadmap"):
        await page.open(address + path)

        ground = SURFACES if "embedded" in path or "widget_id" in path else GROUNDS
        assert await page.value("getComputedStyle(document.body).backgroundColor") == ground[scheme], path
        assert await find_violations(page) == [], path
    width, height = SIZES[size]
    body = "".join(
        f'<button id="{kind}" data-productlift-{kind}="{widget}">{kind}</button>' for kind in ("widget", "sidebar")
    )
    for direction in ("ltr", "rtl"):
        with serve_host_page(address, body, direction=direction) as host:
            for kind, name in (("widget", "overlay"), ("sidebar", "sidebar")):
                await page.open(host)
                await click(page, f"#{kind}")
                await until_open(page, name)
                await frame_value(page, "1", title="Roadmap · Feedback")

                assert page.complaints == []
                assert await find_violations(page) == [], (direction, kind)
                # axe sends a message to the frame, which has another origin.
                page.complaints.clear()
                left, right, top, bottom = await page.value(
                    f"(({{left, right, top, bottom}}) => [left, right, top, bottom])({DIALOG}.getBoundingClientRect())"
                )
                # Inside the screen, and at the end of the line for the sidebar.
                assert 0 <= left < right <= width, (direction, kind)
                assert 0 <= top < bottom <= height, (direction, kind)
                if kind == "sidebar" and size == "desktop":
                    assert (left == 0, right == width) == (direction == "rtl", direction == "ltr")


async def test_a_widget_appears_without_motion_if_the_visitor_wants_none(
    browser: Browser, address: str, widget: str
) -> None:
    with serve_host_page(
        address, f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
    ) as host:
        for preference, expected in (("reduce", "none"), ("no-preference", "appear")):
            page = await browser.page()
            features = [{"name": "prefers-reduced-motion", "value": preference}]
            await page.do("Emulation.setEmulatedMedia", features=features)
            await page.open(host)
            await click(page, "#launcher")
            await until_open(page, "overlay")

            assert await page.value(f"getComputedStyle({DIALOG}).animationName") == expected


async def test_the_lists_work_without_scripts(browser: Browser, address: str, make: Factory, widget: str) -> None:
    for number in range(25):
        await make.post(title=f"Post {number}", status="Planned")
    page = await browser.page(scripts=False)
    await page.open(f"{address}/t/roadmap?widget_id={widget}")
    document = await page.do("DOM.getDocument", depth=-1)
    found = await page.do("DOM.querySelector", nodeId=document["root"]["nodeId"], selector="a[rel=next]")
    attributes = (await page.do("DOM.getAttributes", nodeId=found["nodeId"]))["attributes"]

    assert attributes[attributes.index("href") + 1] == f"/t/roadmap?widget_id={widget}&page=2"
    assert page.complaints == []

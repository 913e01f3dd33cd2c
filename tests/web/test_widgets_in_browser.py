"""The script of widgets in a page of another site, in a real Chromium, under a strict Content-Security-Policy."""

import json
from contextlib import suppress
from typing import Any

import pytest

from app.settings import Settings
from tests.support.browser import Browser, Page
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.web.host_page import serve_host_page
from tests.web.test_appearance import GROUNDS, SIZES, find_violations, press, show_page
from tests.web.test_browser import address, browser, database_url

__all__ = ["address", "browser", "database_url"]

# The widget that is open, in the shadow root of the last element of the page.
DIALOG = "document.body.lastElementChild?.shadowRoot?.querySelector('dialog')"
FRAME = f"{DIALOG}?.querySelector('iframe')"
IDENTITY = '<script src="/identity.js"></script>'
# Runs in every frame; the scripts of the page can't see it, and a test reads what it stores.
RECORD_MESSAGES = """
window.addEventListener("message", ({data, origin}) => {
  const root = document.documentElement;
  root.dataset.received = JSON.stringify([...JSON.parse(root.dataset.received ?? "[]"), {...data, origin}]);
});
"""


async def click(page: Page, selector: str) -> None:
    """Click an element with the mouse."""
    x, y = await page.value(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
        f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
    )
    await click_at(page, x, y)


async def click_at(page: Page, x: float, y: float) -> None:
    for kind in ("mousePressed", "mouseReleased"):
        await page.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


async def until_open(page: Page, kind: str) -> None:
    """Wait for a widget of this class."""
    await page.value(
        f"""new Promise((done) => {{
          const look = () => {DIALOG}?.className === "{kind}" ? done(true) : requestAnimationFrame(look);
          look();
        }})"""
    )


async def until_closed(page: Page) -> None:
    await page.until("!document.body.lastElementChild.shadowRoot")


async def frame_value(page: Page, script: str, *, title: str) -> Any:
    """The value of a script in the child frame whose page has this title, as soon as it is loaded."""
    expression = (
        f"document.readyState === 'complete' && document.title === {json.dumps(title)} ? {{value: ({script})}} : null"
    )
    while True:
        tree = (await page.do("Page.getFrameTree"))["frameTree"]
        for child in tree.get("childFrames", []):
            # A frame that is just being loaded loses its context.
            with suppress(RuntimeError):
                world = await page.do("Page.createIsolatedWorld", frameId=child["frame"]["id"])
                response = await page.do(
                    "Runtime.evaluate",
                    expression=expression,
                    contextId=world["executionContextId"],
                    returnByValue=True,
                )
                if (value := response["result"].get("value")) is not None:
                    return value.get("value")


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
            page, "document.querySelector('.posts a').textContent", title="Roadmap · Feedback"
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
        await frame_value(page, "document.querySelector('.posts a').focus()", title="Roadmap · Feedback")
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


async def received(page: Page, *, title: str) -> list[dict[str, Any]]:
    """The identities that the frame received."""
    messages = await frame_value(page, "document.documentElement.dataset.received ?? '[]'", title=title)
    return [message for message in json.loads(messages) if message["type"] == "earshot:identify"]


async def until_received(page: Page, count: int, *, title: str) -> list[dict[str, Any]]:
    while len(messages := await received(page, title=title)) < count:
        pass
    return messages


async def test_the_identity_is_sent_to_frames_of_the_portal_in_messages(
    browser: Browser, address: str, widget: str
) -> None:
    page = await browser.page()
    await page.do("Page.addScriptToEvaluateOnNewDocument", source=RECORD_MESSAGES)
    embed = f'<iframe title="Roadmap" src="{address}/t/roadmap?widget_id={widget}" data-productlift-link></iframe>'
    with serve_host_page(address, embed, head=IDENTITY) as host:
        await page.open(host)
        # Queued before the script was loaded. Only the claims of single sign-on are sent.
        (first,) = await until_received(page, 1, title="Roadmap · Feedback")
        assert first == {
            "type": "earshot:identify",
            "origin": host,
            "user": {"email": "jane@example.com", "uid": "u1", "name": "Jane", "mrr": "99.99"},
        }
        await page.value("ProductLiftIdentify({email: 'joe@example.com', segment_10: 'x', arr: 5, segment_11: 'y'})")
        messages = await until_received(page, 2, title="Roadmap · Feedback")
        assert messages[1]["user"] == {"email": "joe@example.com", "segment_10": "x", "arr": 5}
        await page.value("PQ.push({email: 'jim@example.com'}); ProductLiftIdentify(null); ProductLiftIdentify('x')")
        assert (await until_received(page, 3, title="Roadmap · Feedback"))[2]["user"] == {"email": "jim@example.com"}

        assert not [url for url in page.requested_urls if "jane" in url or "example.com" in url]
        assert page.complaints == []


async def test_a_script_that_is_added_after_the_frames_works(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    await page.do("Page.addScriptToEvaluateOnNewDocument", source=RECORD_MESSAGES)
    body = (
        f'<iframe title="Roadmap" src="{address}/t/roadmap?widget_id={widget}" data-productlift-link></iframe>'
        f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
    )
    # As a component of a single-page application does: each time it is shown.
    add_script = f"""new Promise((done) => {{
      document.querySelector("script[src*=widgets_sdk]")?.remove();
      const script = document.createElement("script");
      script.src = "{address}/widgets_sdk";
      script.onload = () => done(1);
      document.head.append(script);
    }})"""
    with serve_host_page(address, body, head=IDENTITY, is_scripted=False) as host:
        await page.open(host)
        assert await received(page, title="Roadmap · Feedback") == []
        for _ in range(3):
            await page.value(add_script)

        (message,) = await until_received(page, 1, title="Roadmap · Feedback")
        assert message["user"]["name"] == "Jane"
        await click(page, "#launcher")
        await until_open(page, "overlay")
        assert await page.value("[...document.body.children].filter((each) => each.shadowRoot).length") == 1
        assert page.complaints == []


async def test_a_widget_gets_the_identity_when_it_opens(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    await page.do("Page.addScriptToEvaluateOnNewDocument", source=RECORD_MESSAGES)
    launcher = f'<button id="launcher" data-productlift-widget="{widget}">Feedback</button>'
    with serve_host_page(address, launcher, head=IDENTITY) as host:
        await page.open(host)
        await click(page, "#launcher")
        await until_open(page, "overlay")

        (message,) = await until_received(page, 1, title="Roadmap · Feedback")
        assert message["user"]["email"] == "jane@example.com"
        assert page.complaints == []


async def test_no_frame_of_another_site_gets_the_identity(browser: Browser, address: str, widget: str) -> None:
    page = await browser.page()
    await page.do("Page.addScriptToEvaluateOnNewDocument", source=RECORD_MESSAGES)
    ask = "parent.postMessage({type: 'earshot:ready'}, '*')"
    with (
        serve_host_page(address, "<p>Another</p>") as other,
        serve_host_page(
            address,
            f'<iframe id="other" data-productlift-link src="{other}/frame"></iframe>',
            head=IDENTITY,
            frames=other,
        ) as host,
    ):
        await page.open(host)
        await frame_value(page, f"({ask}, 1)", title="A product")
        # A message that arrives after all those before it.
        await page.value(
            "new Promise((done) => { const channel = new MessageChannel(); channel.port1.onmessage = done;"
            " channel.port2.postMessage(1); }).then(() => 1)"
        )
        await page.value("ProductLiftIdentify({email: 'joe@example.com'})")
        await page.value("document.querySelector('#other').contentWindow.postMessage({type: 'last'}, '*')")
        while True:
            text = await frame_value(page, "document.documentElement.dataset.received ?? '[]'", title="A product")
            if '"last"' in text:
                break

        assert "example.com" not in text
        assert "earshot:hello" in text


async def test_a_token_is_added_to_links_of_the_portal_only(browser: Browser, address: str) -> None:
    page = await browser.page()
    links = (
        f'<a id="own" href="{address}/t/roadmap?page=1#top" data-productlift-link>Roadmap</a>'
        f'<a id="plain" href="{address}/t/roadmap">Roadmap</a>'
        '<a id="other" href="https://other.example/t/roadmap" data-productlift-link>Other</a>'
    )
    address_of = "(id) => document.querySelector(`#${id}`).href"
    follow = "(id) => { const link = document.querySelector(`#${id}`); link.addEventListener('click', (event) => \
event.preventDefault(), {once: true}); link.click(); }"
    with serve_host_page(address, links, head=IDENTITY) as host:
        await page.open(host)
        for identity, added in (
            ("null", ""),
            ("{token: 'a.b-c_d'}", "&token=a.b-c_d"),
            ("{token: 'new'}", "&token=new"),
        ):
            await page.value(f"ProductLiftIdentify({identity})")
            await page.value(f"['own', 'plain', 'other'].forEach({follow})")
            assert await page.value(f"['own', 'plain', 'other'].map({address_of})") == [
                f"{address}/t/roadmap?page=1{added}#top",
                f"{address}/t/roadmap",
                "https://other.example/t/roadmap",
            ]


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
    page = await show_page(browser, scheme, size)
    for path in ("/t/roadmap", "/t/changelog", f"/t/roadmap?widget_id={widget}", "/embedded_roadmap"):
        await page.open(address + path)

        assert await page.value("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme], path
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

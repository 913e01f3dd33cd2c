"""Who the visitor is: what the script of widgets sends to frames of the portal, and adds to its links."""

import json
from typing import Any

from tests.support.browser import Browser, Page
from tests.web.host_page import click, frame_value, serve_host_page, until_open
from tests.web.test_browser import address, browser, database_url
from tests.web.test_widgets_in_browser import widget

__all__ = ["address", "browser", "database_url", "widget"]

IDENTITY = '<script src="/identity.js"></script>'
# Runs in every frame; the scripts of the page can't see it, and a test reads what it stores.
RECORD_MESSAGES = """
window.addEventListener("message", ({data, origin}) => {
  const root = document.documentElement;
  root.dataset.received = JSON.stringify([...JSON.parse(root.dataset.received ?? "[]"), {...data, origin}]);
});
"""

# As a component of a single-page application does: each time it is shown. %s is the address of the portal.
ADD_SCRIPT = """new Promise((done) => {
  document.querySelector("script[src*=widgets_sdk]")?.remove();
  const script = document.createElement("script");
  script.src = "%s/widgets_sdk";
  script.onload = () => done(1);
  document.head.append(script);
})"""


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
    with serve_host_page(address, body, head=IDENTITY, is_scripted=False) as host:
        await page.open(host)
        assert await received(page, title="Roadmap · Feedback") == []
        for _ in range(3):
            await page.value(ADD_SCRIPT % address)

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
            is_scripted=False,
        ) as host,
    ):
        await page.open(host)
        # Otherwise the script may run before the frame has its document, which then receives no greeting.
        await page.value(ADD_SCRIPT % address)
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

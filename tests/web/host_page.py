"""A page of another site, with a strict policy, that loads the script of a portal, and what a test does there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.browser import Page
from tests.support.http_server import serve_http

# The widget that is open, in the shadow root of the last element of the page.
DIALOG = "document.body.lastElementChild?.shadowRoot?.querySelector('dialog')"
FRAME = f"{DIALOG}?.querySelector('iframe')"


@contextmanager
def serve_host_page(
    portal: str, body: str, *, head: str = "", direction: str = "ltr", frames: str = "", is_scripted: bool = True
) -> Iterator[str]:
    """Serve the page at every path until the block ends; return its origin, which is not that of the portal.

    It loads the script if `is_scripted`; `{script}` in the body loads it once more. It allows scripts and frames of the
    portal only: no inline script or style. `frames` is another origin whose frames it allows.
    """
    script = f'<script defer src="{portal}/widgets_sdk?ver=6.5"></script>'
    head += script if is_scripted else ""
    html = (
        f'<!doctype html><html lang="en" dir="{direction}"><head><title>A product</title>'
        f'<meta name="viewport" content="width=device-width">'
        f"{head}</head><body><main><h1>A product</h1>{body.replace('{script}', script)}</main></body></html>"
    )
    origin = "/".join(portal.split("/")[:3])
    policy = (
        f"default-src 'none'; script-src 'self' {origin}; frame-src {origin} {frames}; style-src 'none'; img-src 'self'"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path.endswith(".js")
            content = SCRIPT.encode() if is_script else html.encode()
            self.send_response(200)
            self.send_header("content-type", "text/javascript" if is_script else "text/html; charset=utf-8")
            self.send_header("content-length", str(len(content)))
            self.send_header("content-security-policy", policy)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Write nothing."""

    with serve_http(Handler) as port:
        yield f"http://127.0.0.1:{port}"


SCRIPT = """
window.PQ = window.PQ || [];
window.ProductLiftIdentify = window.ProductLiftIdentify || function (user) { PQ.push(user); };
ProductLiftIdentify({ email: "jane@example.com", uid: "u1", name: "Jane", mrr: "99.99", secret: "s3", nested: {} });
"""
"""What a page does before the script of the portal has loaded, in a file of its own: `/identity.js`."""


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

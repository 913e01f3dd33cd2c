"""Makes the pictures of this folder: `.venv/bin/python -m docs.images.make`. It needs Chromium.

With the path of a folder as argument, it makes them there. It starts `earshot serve --demo` on a free port in a
temporary directory, and shows the interactive page of ProductLift's API with one executed operation, in both color
schemes.
"""

import asyncio
import base64
import json
import sys
import tempfile
from pathlib import Path

from tests.support import interactive_page
from tests.support.browser import Page, find_chromium, run_browser
from tests.support.commands import Earshot

NAMES = {"light": "interactive-api.png", "dark": "interactive-api-dark.png"}
WIDTH, MAX_HEIGHT = 1280, 1300
OPERATION = ("get", "/posts/search_duplicates")
TITLE = "dark theme"

# The port is a free one, and the key ends with the demo: the picture shows what a first start has.
REPLACE_TEXT = """
(pairs) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const [old, replacement] of pairs) {
      walker.currentNode.data = walker.currentNode.data.replaceAll(old, replacement);
    }
  }
}
"""
# Only the open operation is shown, below the line of the server.
PREPARE = """
(() => {
  const operation = document.querySelector('.opblock.is-open').parentElement;
  const siblings = [...operation.parentElement.children].filter((each) => each !== operation);
  const others = document.querySelectorAll('.information-container, .filter-container');
  [...siblings, ...others].forEach((each) => { each.hidden = true; });
  return document.querySelector('.live-responses-table').getBoundingClientRect().bottom + scrollY;
})()
"""


async def take_picture(page: Page, address: str, key: str, scheme: str) -> bytes:
    """The page after an executed request, as PNG."""
    await page.do(
        "Emulation.setDeviceMetricsOverride", width=WIDTH, height=MAX_HEIGHT, deviceScaleFactor=1, mobile=False
    )
    await page.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await page.do("Emulation.setScrollbarsHidden", hidden=True)
    await interactive_page.open_page(page, f"{address}/productlift/api/v1/docs")
    await interactive_page.authorize(page, key)
    await interactive_page.open_operation(page, *OPERATION)
    await page.value("document.querySelector('.parameters input').select()")
    await page.do("Input.insertText", text=TITLE)
    # The page reads the field when it loses the focus.
    await page.value("document.activeElement.blur()")
    status, text = await interactive_page.execute(page)
    if status != "200":
        sys.exit(f"the request was rejected: {text}")
    pairs = [[address, "http://127.0.0.1:8000"], [key, f"{key.partition('|')[0]}|…"]]
    await page.value(f"({REPLACE_TEXT})({json.dumps(pairs)})")
    bottom = await page.value(PREPARE)
    await page.value("Promise.all(document.getAnimations().map((animation) => animation.finished)).then(() => 0)")
    # Executing scrolls the page down, and Chromium needs a moment to draw what was out of sight.
    await page.value("scrollTo(0, 0)")
    await page.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")
    clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(bottom + 16, MAX_HEIGHT), "scale": 1}
    picture = await page.do("Page.captureScreenshot", format="png", clip=clip)
    return base64.b64decode(picture["data"])


async def main(target: Path) -> None:
    """Make both pictures in the folder `target`."""
    binary = find_chromium()
    if binary is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="earshot-images-") as name:
        folder = Path(name)
        earshot = Earshot(folder, folder / "cache", {})
        with earshot.serving("--demo") as serving:
            key = serving.output.partition("  ProductLift ")[2].split()[0]
            async with run_browser(binary) as browser:
                for scheme, file in NAMES.items():
                    picture = await take_picture(await browser.page(), serving.address, key, scheme)
                    (target / file).write_bytes(picture)
                    print(f"{target / file}: {len(picture) // 1000} kB")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent))

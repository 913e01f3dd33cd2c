"""A real Chromium, controlled over its debugging pipe, without a driver, a port or a package."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any

TIMEOUT_SECONDS = 60
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


def find_chromium() -> str | None:
    """Return the path of an installed browser."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab. `complaints` are its console errors and failed loads, `requested_urls` the URLs it requested."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        self.requested_urls: list[str] = []
        self._loaded = asyncio.Event()

    async def open(self, address: str) -> None:
        """Open a URL and wait until the page has loaded."""
        await self.until_loaded(self.do("Page.navigate", url=address))

    async def until_loaded(self, action: Awaitable[Any]) -> None:
        """Do what opens another page, and wait until that page has loaded."""
        self._loaded.clear()
        await action
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._loaded.wait()

    async def value(self, script: str) -> Any:
        """Return the value of a script; await a promise."""
        response = await self.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in response, response["exceptionDetails"]
        return response["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until a script returns a true value; the page runs it at each of its changes."""
        await self.value(
            f"""new Promise((done) => {{
              const look = () => {{ if ({script}) {{ watching.disconnect(); done(true); }} }};
              const watching = new MutationObserver(look);
              watching.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
              look();
            }})"""
        )

    async def do(self, method: str, **parameters: Any) -> Any:
        """One command of the debugging protocol."""
        return await self._browser.do(method, session=self._session, **parameters)

    def on_event(self, method: str, params: dict[str, Any]) -> None:
        """Handle an event of the browser."""
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requested_urls.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            # An `info` is no complaint, such as that an `autofocus` comes too late.
            if params["entry"]["level"] in ("warning", "error"):
                self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(" ".join(str(part.get("value")) for part in params["args"]))


class Browser:
    """A running browser with a fresh profile."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout
        self._process = process
        self._commands, self._messages = process.stdin, process.stdout
        self._responses: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}
        self._number = 0
        self._listening = asyncio.create_task(self._listen())

    async def page(self, *, scripts: bool = True, phone: bool = False) -> Page:
        """A new tab."""
        target = await self.do("Target.createTarget", url="about:blank")
        session = (await self.do("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Network", "Log", "Runtime"):
            await page.do(f"{domain}.enable")
        if not scripts:
            await page.do("Emulation.setScriptExecutionDisabled", value=True)
        if phone:
            await page.do("Emulation.setDeviceMetricsOverride", **PHONE)
        return page

    async def do(self, method: str, *, session: str | None = None, **parameters: Any) -> Any:
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        response = self._responses[self._number] = asyncio.get_running_loop().create_future()
        self._commands.write(json.dumps(command).encode() + b"\0")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await response

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._process.terminate()
        await self._process.wait()

    async def _listen(self) -> None:
        while True:
            message = json.loads((await self._messages.readuntil(b"\0"))[:-1])
            if "id" in message:
                response = self._responses.pop(message["id"])
                if "error" in message:
                    response.set_exception(RuntimeError(message["error"]["message"]))
                else:
                    response.set_result(message["result"])
            elif message.get("sessionId") in self._pages:
                self._pages[message["sessionId"]].on_event(message["method"], message["params"])


@asynccontextmanager
async def run_browser(binary: str) -> AsyncIterator[Browser]:
    """Run the browser until the block ends."""
    with tempfile.TemporaryDirectory(prefix="earshot-browser-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            # The descriptors of the debugging pipe are 3 and 4.
            *("sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null', "sh"),
            binary,
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
            "--no-first-run",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            # Its sandbox does not work in containers and as root; here it opens our own pages only.
            "--no-sandbox",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
            limit=64 * 1024 * 1024,
        )
        browser = Browser(process)
        try:
            yield browser
        finally:
            await browser.close()

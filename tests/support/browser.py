"""A real Chromium, spoken to over its debugging pipe: no driver, no port, no package."""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import uvicorn

from app.application import Application

PATIENCE_SECONDS = 60
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


def find_chromium() -> str | None:
    """Find an installed browser."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page:
    """One tab. `complaints` keeps what its console said and what it could not load, `asked` each address it wanted."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._loaded = asyncio.Event()

    async def open(self, address: str) -> None:
        """Go there and wait until everything has loaded."""
        self._loaded.clear()
        await self.do("Page.navigate", url=address)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._loaded.wait()

    async def value(self, script: str) -> Any:
        """What a script says; a promise is waited for."""
        said = await self.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until a script says something true; the page itself is asked at each of its changes."""
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

    def hears(self, method: str, told: dict[str, Any]) -> None:
        """What the browser tells of its own accord."""
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.complaints.append(" ".join(str(part.get("value")) for part in told["args"]))


class Browser:
    """A running browser with a fresh profile."""

    def __init__(self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writing: int) -> None:
        self._process = process
        self._reader = reader
        self._writing = writing
        self._answers: dict[int, asyncio.Future[Any]] = {}
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
        asked = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            asked["sessionId"] = session
        response = self._answers[self._number] = asyncio.get_running_loop().create_future()
        os.write(self._writing, json.dumps(asked).encode() + b"\0")
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await response

    async def close(self) -> None:
        self._listening.cancel()
        with suppress(asyncio.CancelledError):
            await self._listening
        self._process.terminate()
        await asyncio.to_thread(self._process.wait)

    async def _listen(self) -> None:
        while True:
            told = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            if "id" in told:
                response = self._answers.pop(told["id"])
                if "error" in told:
                    response.set_exception(RuntimeError(told["error"]["message"]))
                else:
                    response.set_result(told["result"])
            elif told.get("sessionId") in self._pages:
                self._pages[told["sessionId"]].hears(told["method"], told["params"])


@asynccontextmanager
async def browsing(binary: str) -> AsyncIterator[Browser]:
    """Run the browser. It ends with the block."""
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory(prefix="earshot-browser-", ignore_cleanup_errors=True) as profile:
        theirs_in, writing = os.pipe()
        reading, theirs_out = os.pipe()
        # High numbers, so that none of them is 3 or 4, where the browser looks for its pipe.
        high_in, high_out = (fcntl.fcntl(number, fcntl.F_DUPFD, 64) for number in (theirs_in, theirs_out))

        def wire() -> None:
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        process = subprocess.Popen(  # noqa: ASYNC220  it returns as soon as the browser has begun
            [
                binary,
                "--headless=new",
                "--remote-debugging-pipe",
                f"--user-data-dir={profile}",
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                # Its sandbox needs what containers and root do not have; here it sees our own pages alone.
                "--no-sandbox",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=wire,
            pass_fds=(3, 4),
            env={**os.environ, "HOME": profile},
        )
        for number in (theirs_in, theirs_out, high_in, high_out):
            os.close(number)
        reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", buffering=0)
        )
        browser = Browser(process, reader, writing)
        try:
            yield browser
        finally:
            await browser.close()
            transport.close()
            os.close(writing)


@asynccontextmanager
async def listening(server: Application) -> AsyncIterator[str]:
    """Serve an assembled, started server on a loopback port; its address."""
    # Who connects before the server has begun waits in the listener's queue.
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(server, lifespan="off", ws="none", log_config=None)
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        serving.should_exit = True
        await task

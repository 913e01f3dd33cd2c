"""Concurrent requests: threads, each with its own event loop, application and connections."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from app.adapters.database import Operation, PortalContext
from app.application import Application, create_app
from app.domain.errors import DomainError
from app.domain.permissions import OPERATOR
from app.settings import Settings
from tests.support.clients import Client


class Request(NamedTuple):
    """One request of a race."""

    token: str
    method: str
    path: str
    sent: Any = None


class Runner:
    """The application of one thread; no other thread may use it."""

    def __init__(self, settings: Settings) -> None:
        self._loop = asyncio.Runner()
        self._server: Application = self._loop.run(self._started(settings))

    async def _started(self, settings: Settings) -> Application:
        server = create_app(settings)
        await server.start()
        return server

    def send(self, start: Callable[[], object], request: Request) -> httpx.Response:
        async def once() -> httpx.Response:
            async with Client(self._server, token=request.token) as client:
                # All threads start here; from now on only the database orders them.
                start()
                return await client.request(request.method, request.path, json=request.sent)

        return self._loop.run(once())

    def act(self, start: Callable[[], object], portal: int, operation: Operation[Any]) -> DomainError | None:
        async def once() -> DomainError | None:
            start()
            try:
                await self._server.database.write(operation, PortalContext(portal, OPERATOR))
            except DomainError as refusal:
                return refusal
            return None

        return self._loop.run(once())

    def end(self) -> None:
        self._loop.run(self._server.stop())
        self._loop.close()


class Race:
    """`race(request, request, …)`: send all at the same time; return the responses in the same order."""

    def __init__(self, settings: Settings, lanes: int) -> None:
        self._threads = [ThreadPoolExecutor(1) for _ in range(lanes)]
        self._runners = [thread.submit(Runner, settings).result() for thread in self._threads]

    def __call__(self, *requests: Request) -> list[httpx.Response]:
        assert len(requests) <= len(self._threads)
        together = threading.Barrier(len(requests), timeout=30)
        responses = [
            thread.submit(runner.send, together.wait, request)
            for thread, runner, request in zip(self._threads, self._runners, requests, strict=False)
        ]
        return [response.result() for response in responses]

    def acts(self, portal: int, *acts: Operation[Any]) -> list[DomainError | None]:
        """Run all operations at the same time as the operator; return the error of each, None for success."""
        assert len(acts) <= len(self._threads)
        together = threading.Barrier(len(acts), timeout=30)
        ended = [
            thread.submit(runner.act, together.wait, portal, operation)
            for thread, runner, operation in zip(self._threads, self._runners, acts, strict=False)
        ]
        return [each.result() for each in ended]

    def beside(
        self, portal: int, operation: Operation[Any], request: Request
    ) -> tuple[DomainError | None, httpx.Response]:
        """Run an operation as the operator at the time of a request; return its error, if any, and the response."""
        together = threading.Barrier(2, timeout=30)
        ended = self._threads[0].submit(self._runners[0].act, together.wait, portal, operation)
        response = self._threads[1].submit(self._runners[1].send, together.wait, request)
        return ended.result(), response.result()

    def end(self) -> None:
        for thread, runner in zip(self._threads, self._runners, strict=True):
            thread.submit(runner.end).result()
            thread.shutdown()


@contextmanager
def racing(settings: Settings, lanes: int) -> Iterator[Race]:
    """A race with this number of threads, on the database of the settings."""
    race = Race(settings, lanes)
    try:
        yield race
    finally:
        race.end()


def statuses(responses: Sequence[httpx.Response]) -> list[int]:
    """The statuses of the responses, sorted."""
    return sorted(response.status_code for response in responses)

"""Concurrent writes: threads, each with its own event loop, application and connections."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import httpx

from app.adapters.database import Operation, PortalContext
from app.application import create_app
from app.domain.errors import DomainError
from app.domain.permissions import OPERATOR
from app.settings import Settings
from tests.support.clients import Client


class Request(NamedTuple):
    """A request to be sent at the time of others."""

    token: str
    method: str
    path: str
    payload: Any = None


class _Lane:
    """The application of one thread; no other thread may use it."""

    def __init__(self, settings: Settings, portal: int) -> None:
        self._loop = asyncio.Runner()
        self._context = PortalContext(portal, OPERATOR)
        self._server = create_app(settings)
        self._loop.run(self._server.start())

    def run(self, start: Callable[[], object], write: Request | Operation[Any]) -> Any:
        return self._loop.run(self._send(start, write) if isinstance(write, Request) else self._write(start, write))

    async def _send(self, start: Callable[[], object], request: Request) -> httpx.Response:
        async with Client(self._server, token=request.token) as client:
            # All threads start here; from now on only the database orders them.
            start()
            return await client.request(request.method, request.path, json=request.payload)

    async def _write(self, start: Callable[[], object], operation: Operation[Any]) -> DomainError | None:
        start()
        try:
            await self._server.database.write(operation, self._context)
        except DomainError as error:
            return error
        return None

    def close(self) -> None:
        self._loop.run(self._server.stop())
        self._loop.close()


class ConcurrentWriter:
    """`write(first, second, …)`: start all writes at the same time, and return their results in the same order.

    The result of a Request is its response. An operation is run as the operator; its result is its error, or None.
    """

    def __init__(self, settings: Settings, portal: int, lanes: int) -> None:
        self._threads = [ThreadPoolExecutor(1) for _ in range(lanes)]
        self._lanes = [thread.submit(_Lane, settings, portal).result() for thread in self._threads]

    def __call__(self, *writes: Request | Operation[Any]) -> list[Any]:
        assert len(writes) <= len(self._lanes)
        start = threading.Barrier(len(writes), timeout=30).wait
        results = [
            thread.submit(lane.run, start, write)
            for thread, lane, write in zip(self._threads, self._lanes, writes, strict=False)
        ]
        return [result.result() for result in results]

    def close(self) -> None:
        for thread, lane in zip(self._threads, self._lanes, strict=True):
            thread.submit(lane.close).result()
            thread.shutdown()


def statuses(responses: Sequence[httpx.Response]) -> list[int]:
    """The statuses of the responses, sorted."""
    return sorted(response.status_code for response in responses)

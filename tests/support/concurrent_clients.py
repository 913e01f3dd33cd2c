"""Concurrent requests to the portal under test, after which every counter must be right."""

from typing import Any

import httpx

from tests.support.concurrency import ConcurrentWriter, Request
from tests.support.expected_counters import counter_mismatches
from tests.support.factory import Factory
from tests.support.sample_portal import SamplePortal, populate

LANES = 4
ROUNDS = 5


class ConcurrentClients:
    """Concurrent requests to the portal under test, with keys of its owner."""

    def __init__(self, make: Factory, write: ConcurrentWriter, keys: dict[str, str]) -> None:
        self.make = make
        self._write = write
        self._keys = keys

    def request(self, dialect: str, method: str, path: str, payload: Any = None) -> Request:
        return Request(self._keys[dialect], method, path, payload)

    def astuto(self, method: str, path: str, payload: Any = None) -> Request:
        return self.request("astuto", method, path, payload)

    def productlift(self, method: str, path: str, payload: Any = None) -> Request:
        return self.request("productlift", method, path, payload)

    async def send(self, *requests: Request) -> list[httpx.Response]:
        """Send all at the same time. No response is a 5xx, and all counters are right afterwards."""
        responses = self._write(*requests)
        for request, response in zip(requests, responses, strict=True):
            assert response.status_code < 500, (request[1:], response.text)
        assert await counter_mismatches(self.make) == []
        return responses

    async def populate(self) -> SamplePortal:
        return await populate(self.make, self.make.portal, self.make.owner)

    async def count(self, query: str, **values: Any) -> int:
        return int(await self.make.value(f"SELECT count(*) FROM {query}", **values))


def bodies(responses: list[httpx.Response], status: int) -> list[Any]:
    return [response.json() for response in responses if response.status_code == status]

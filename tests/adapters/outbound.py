"""What the tests of outbound calls share: a client that may call loopback, and a resolver with chosen answers."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from app.adapters.outbound_http import OutboundClient

LOOPBACK = (ip_network("127.0.0.0/8"),)


class ChosenAddresses:
    """A resolver with one list of addresses for each look-up, and the names that were looked up."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.names: list[str] = []

    async def resolve(self, host: str) -> Sequence[str]:
        """The next list."""
        self.names.append(host)
        if not self._answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._answers.pop(0)

    def close(self) -> None:
        """Nothing to free."""


@asynccontextmanager
async def outbound_client(**options: Any) -> AsyncIterator[OutboundClient]:
    """A client that may call loopback addresses unless `allowed_networks` says otherwise."""
    client = OutboundClient(**{"allowed_networks": LOOPBACK, **options})
    try:
        yield client
    finally:
        await client.close()

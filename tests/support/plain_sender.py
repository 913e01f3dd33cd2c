"""A plain sender of webhook calls, and the command with it: it posts the payload of each delivery to an address.

`Channels` of a test that needs a real process, a real client and a real receiver, but none of what a webhook has.
"""

import os
import sys
from typing import Any

import httpx

from app.domain.outbox.deliveries import ClaimedDelivery
from app.outbox import assembly
from app.outbox.assembly import Channels
from app.outbox.base import Outcome, Result

ADDRESS = "RECEIVER"
"""The variable of the environment with the address."""
COMMAND = [sys.executable, "-c", "from tests.support.plain_sender import main; main()"]


class PlainSender:
    """Posts to one address, with the uuid of the delivery as `webhook-id`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: httpx.AsyncClient | None = None

    async def send(self, delivery: ClaimedDelivery) -> Outcome:
        if self._client is None:
            self._client = httpx.AsyncClient(trust_env=False)
        try:
            headers = {"webhook-id": delivery.uuid}
            response = await self._client.post(self._address, content=delivery.payload or "", headers=headers)
        except httpx.HTTPError as error:
            return Outcome(Result.RETRY, str(error))
        result = Result.DELIVERED if response.is_success else Result.RETRY
        return Outcome(result, None, response.status_code, response.text)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()


def build_channels(*_: Any) -> Channels:
    """As `app.outbox.assembly.build_channels`."""
    return Channels(senders={"webhook": PlainSender(os.environ[ADDRESS])})


def main() -> None:
    """Run `earshot` with this sender."""
    from app.cli import main as run

    assembly.build_channels = build_channels
    run()

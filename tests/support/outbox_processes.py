"""Workers of the outbox in processes of their own, endpoints made by the command, and requests to both APIs."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx
from standardwebhooks.webhooks import Webhook

from app.outbox.webhooks.signatures import standardize_secret
from tests.support.commands import SECONDS, Earshot, Serving
from tests.support.raw_receiver import ReceivedRequest
from tests.support.sql import rows

LOOPBACK: Final = {"EARSHOT_OUTBOUND_ALLOW": "127.0.0.0/8"}
"""Allows the receivers of tests."""


@contextmanager
def running_outbox(earshot: Earshot, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `earshot outbox run` until the block ends; it logs to `outbox.log`."""
    with (
        (earshot.folder / "outbox.log").open("ab") as log,
        subprocess.Popen(
            [*earshot.command, "outbox", "run", *arguments],
            cwd=earshot.folder,
            env=earshot.env(LOOPBACK | settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def run_json(earshot: Earshot, *arguments: str, stdin: str | None = None, **settings: str) -> Any:
    """The output of a command that succeeds, with --json."""
    done = earshot.run(*arguments, "--json", stdin=stdin, **settings)
    assert done.code == 0, done
    return json.loads(done.out)


def create_webhook(earshot: Earshot, url: str, *options: str, dialect: str = "productlift", body: str = "") -> Any:
    """An endpoint for all events unless `options` name some; `body` is the template of Astuto's format."""
    template = ("--body-stdin",) if body else ()
    return run_json(
        earshot, "webhooks", "create", "--url", url, "--dialect", dialect, *options, *template, stdin=body or None
    )


def count(url: str, query: str) -> int:
    """The number of rows of a query that begins after FROM."""
    ((number,),) = rows(url, f"SELECT count(*) FROM {query}")
    return int(number)


def verify_signature(request: ReceivedRequest, secret: str) -> str:
    """The `webhook-id` of a call with a valid signature of Standard Webhooks. Raises WebhookVerificationError."""
    Webhook(standardize_secret(secret)).verify(request.body, dict(request.headers))
    return request.values("webhook-id")[0]


class Api:
    """Sends requests with the key of a dialect, to the portal of a host where there are several."""

    def __init__(self, serving: Serving, key: str, *, host: str | None = None) -> None:
        self.log = serving.log
        self._url = f"{serving.address}/api/v1"
        self._headers = {"authorization": f"Bearer {key}"} | ({} if host is None else {"host": host})

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON of a successful response; ProductLift's without its member `data`."""
        response = httpx.request(method, f"{self._url}{path}", json=body, headers=self._headers, timeout=SECONDS)
        assert response.is_success, response.text
        result = response.json() if response.content else None
        return result["data"] if isinstance(result, dict) and "data" in result else result

    def post(self, path: str, **body: Any) -> Any:
        """The response to POST."""
        return self.request("POST", path, body)

    def put(self, path: str, **body: Any) -> Any:
        """The response to PUT."""
        return self.request("PUT", path, body)

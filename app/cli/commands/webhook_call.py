"""`earshot webhooks test`."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import uuid4

import orjson
import typer

from app.backends import open_database
from app.cli.base_url import find_base_url
from app.cli.database import run_read
from app.cli.errors import CommandError
from app.cli.output import print_result
from app.cli.params import JsonOption, PortalOption, id_argument
from app.cli.secret import require_secret
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks import calls, endpoints
from app.domain.webhooks.calls import CallSettings
from app.domain.webhooks.validation import EVENTS
from app.settings import Settings

if TYPE_CHECKING:
    from app.outbox.base import Outcome
    from app.outbox.webhooks.payload import CallPayload

_OTHER_KEY: Final = "the webhook was stored with another secret key of the server: set it again"


def add_commands(group: typer.Typer) -> None:
    """Add the command to `earshot webhooks`."""
    group.command("test")(call)


def call(
    webhook_id: Annotated[int, id_argument("webhooks")],
    event: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="Which event; by default its first one.")
    ] = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call a webhook with a sample event.

    It is called now, also if it is disabled, and the response is printed. The sample is about the newest post of
    the portal, or about an invented one; what it says did not happen. The exit code is 1 unless the response has a
    status from 200 to 299. Nothing is added to the log.

    \b
    earshot webhooks test 2 --event vote.created
    """
    settings = Settings.load()
    prepared = run_read(lambda work: _prepare(work, webhook_id, event, settings), portal=portal)
    started = time.monotonic()
    outcome = asyncio.run(_call(settings, *prepared))
    result = {
        "status": outcome.response_status,
        "duration_ms": round((time.monotonic() - started) * 1000),
        "body": outcome.response_body,
        "error": outcome.error,
        "request_body": prepared[1].body,
    }
    print_result(result, _format(result), as_json=as_json)
    if outcome.response_status is None or not 200 <= outcome.response_status < 300:
        raise typer.Exit(1)


def _prepare(
    work: UnitOfWork, webhook_id: int, event: str | None, settings: Settings
) -> tuple[CallSettings, "CallPayload"]:
    """The endpoint, and the sample."""
    # Here, because the serializers are needed by this command only.
    from app.adapters.database import utc_now
    from app.adapters.encryption import SecretCipher
    from app.adapters.storage.signed_urls import FileSigner
    from app.outbox.webhooks import astuto_samples, productlift_samples

    row = endpoints.get(work, webhook_id)
    found = calls.find_settings(work, webhook_id)
    assert found is not None
    name = choose_event(row, event)
    secret = require_secret(work, settings)
    base_url = find_base_url(work, settings)
    if row["dialect"] == "productlift":
        signer = FileSigner(secret, clock=utc_now)
        return found, productlift_samples.make_sample(work, name, base_url=base_url, signer=signer)
    with explain_templates():
        sample = astuto_samples.make_sample(work, row, name, base_url=base_url, cipher=SecretCipher(secret))
    if sample.error is not None:
        raise CommandError(f"{sample.error}; `earshot webhooks preview {webhook_id} --event {name}` prints it")
    return found, sample


def choose_event(endpoint: Row, event: str | None) -> str:
    """The event of a sample: the one given, else the first of the endpoint. Raises BadParameter."""
    known = EVENTS[endpoint["dialect"]]
    name = event or (orjson.loads(endpoint["events"]) or known)[0]
    if name not in known:
        raise typer.BadParameter(f"there is no event {name}: choose among {', '.join(known)}")
    return str(name)


@contextmanager
def explain_templates() -> Iterator[None]:
    """Raise CommandError for templates that can't be rendered or decrypted."""
    from app.adapters.encryption import UnreadableSecret
    from app.outbox.webhooks.liquid import TemplateError

    try:
        yield
    except TemplateError as error:
        raise CommandError(str(error)) from None
    except UnreadableSecret:
        raise CommandError(_OTHER_KEY) from None


async def _call(settings: Settings, found: CallSettings, payload: "CallPayload") -> "Outcome":
    from app.adapters.encryption import SecretCipher, UnreadableSecret
    from app.adapters.outbound_http import OutboundClient
    from app.outbox.webhooks.sender import WebhookSender

    client = OutboundClient(allowed_networks=settings.outbound_networks)
    sender = WebhookSender(open_database(settings), client, SecretCipher(settings.secret))
    try:
        return await sender.call(found, payload, delivery_id=str(uuid4()))
    except UnreadableSecret:
        raise CommandError(_OTHER_KEY) from None
    finally:
        await sender.close()


def _format(result: dict[str, Any]) -> str:
    if result["status"] is None:
        return f"the call failed: {result['error']}"
    head = f"{result['status']} after {result['duration_ms']} ms"
    return f"{head}\n\n{result['body']}" if result["body"] else head

"""`earshot webhooks preview`."""

from typing import Annotated, Any

import orjson
import typer

from app.cli.base_url import find_base_url
from app.cli.commands.webhook_call import choose_event, explain_templates
from app.cli.database import run_read
from app.cli.errors import CommandError
from app.cli.output import Note, print_result
from app.cli.params import JsonOption, PortalOption, id_argument
from app.cli.secret import require_secret
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.masking import mask_headers, mask_url
from app.settings import Settings


def add_commands(group: typer.Typer) -> None:
    """Add the command to `earshot webhooks`."""
    group.command()(preview)


def preview(
    webhook_id: Annotated[int, id_argument("webhooks")],
    event: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="Which event; by default its first one.")
    ] = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render the templates of a webhook for a sample event.

    Nobody is called. It is for webhooks in Astuto's format. The sample is about the newest post, comment, vote and
    user of the portal, or about invented ones. What may be a key in the address, and the values of headers, are
    masked. A body that is not JSON is printed as it was rendered, with the reason, and the exit code is 1.

    \b
    earshot webhooks preview 2 --event new_comment
    """
    result, text, note = run_read(lambda work: _render(work, webhook_id, event), portal=portal)
    print_result(result, text, note, as_json=as_json)
    if note is not None:
        raise typer.Exit(1)


def _render(work: UnitOfWork, webhook_id: int, event: str | None) -> tuple[dict[str, Any], str, Note | None]:
    """The request, and a note with the reason why it would not be sent."""
    from app.adapters.encryption import SecretCipher
    from app.outbox.webhooks import astuto_samples

    settings = Settings.load()
    row = endpoints.get(work, webhook_id)
    if row["dialect"] != "astuto":
        raise CommandError(
            f"webhook {webhook_id} is in ProductLift's format, which has no templates: "
            f"`earshot webhooks test {webhook_id}` sends a sample"
        )
    trigger = choose_event(row, event)
    cipher = SecretCipher(require_secret(work, settings))
    with explain_templates():
        base_url = find_base_url(work, settings)
        payload = astuto_samples.preview(work, row, trigger, base_url=base_url, cipher=cipher)
        url = mask_url(payload.url or cipher.decrypt(row["url"]))
        headers = mask_headers({} if row["headers"] is None else orjson.loads(cipher.decrypt(row["headers"])))
    if payload.content_type is not None and "content-type" not in {name.lower() for name in headers}:
        headers["Content-Type"] = payload.content_type
    result = {
        "event": trigger,
        "method": row["method"],
        "url": url,
        "headers": headers,
        "body": payload.body,
        "error": payload.error,
    }
    lines = [f"{row['method']} {url}", *(f"{name}: {value}" for name, value in headers.items())]
    text = "\n".join(lines) + ("" if payload.body is None else f"\n\n{payload.body}")
    return result, text, None if payload.error is None else Note(payload.error, with_json=False)

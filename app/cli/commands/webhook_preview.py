"""`earshot webhooks preview`."""

from typing import Annotated

import orjson
import typer

from app.cli.base_url import find_base_url
from app.cli.commands.webhook_call import choose_event, explain_templates
from app.cli.errors import CommandError
from app.cli.masking import mask_headers, mask_url
from app.cli.output import Output
from app.cli.params import id_argument
from app.cli.portal_commands import read_command
from app.cli.secret import require_secret
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.settings import Settings


def add_commands(group: typer.Typer) -> None:
    """Add the command to `earshot webhooks`."""
    read_command(group)(preview)


def preview(
    work: UnitOfWork,
    webhook_id: Annotated[int, id_argument("webhooks")],
    event: Annotated[
        str | None, typer.Option("--event", metavar="EVENT", help="Which event; by default its first one.")
    ] = None,
) -> Output:
    """Render the templates of a webhook for a sample event.

    Nobody is called. It is for webhooks in Astuto's format. The sample is about the newest post, comment, vote and
    user of the portal, or about invented ones. What may be a key in the address, and the values of headers, are
    masked.

    \b
    earshot webhooks preview 2 --event new_comment
    """
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
    result = {"event": trigger, "method": row["method"], "url": url, "headers": headers, "body": payload.body}
    lines = [f"{row['method']} {url}", *(f"{name}: {value}" for name, value in headers.items())]
    return result, "\n".join(lines) + ("" if payload.body is None else f"\n\n{payload.body}")

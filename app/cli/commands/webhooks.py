"""`earshot webhooks …`: the endpoints that are called for events, and their calls."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from app.cli import webhook_inputs as inputs
from app.cli.commands import webhook_call, webhook_preview
from app.cli.commands import webhook_log as log_commands
from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.output import Note, Output, format_fields, format_table, print_result
from app.cli.params import JsonOption, PortalOption, id_argument
from app.cli.portal_commands import read_command, write_command
from app.cli.secret import require_secret
from app.domain.outbox import webhook_log
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.masking import mask_headers, mask_url
from app.domain.webhooks.validation import MAX_SECRET
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.encryption import SecretCipher

group = typer.Typer(name="webhooks", help="Webhooks: addresses that are called for events.", no_args_is_help=True)
WebhookArgument = Annotated[int, id_argument("webhooks")]
log_commands.add_commands(group)
webhook_call.add_commands(group)
webhook_preview.add_commands(group)


@group.command()
def create(
    dialect: inputs.DialectOption,
    url: inputs.UrlOption = None,
    url_stdin: inputs.UrlStdinOption = False,
    event: inputs.EventsOption = None,
    description: inputs.DescriptionOption = None,
    secret_stdin: inputs.SecretStdinOption = False,
    signature_header: inputs.SignatureHeaderOption = None,
    signature_encoding: inputs.SignatureEncodingOption = None,
    method: inputs.MethodOption = None,
    header: inputs.HeadersOption = None,
    headers_stdin: inputs.HeadersStdinOption = False,
    body_stdin: inputs.BodyStdinOption = False,
    body_file: inputs.BodyFileOption = None,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a webhook. It is called for what happens from now on.

    The address, the headers and the secret are stored encrypted, and shown masked. Without its own secret, the calls
    are signed with the secret of the portal; the first webhook creates it and prints it. In Astuto's format, the
    address and the body are Liquid templates.

    \b
    earshot webhooks create --dialect productlift --url https://example.com/hooks --event vote.created
    printf %s "$URL" | earshot webhooks create --dialect astuto --url-stdin --body-file slack.liquid
    """
    settings = inputs.read_settings(
        EndpointSettings(
            url=inputs.convert_option(url),
            description=inputs.convert_option(description),
            events=event or (),
            method=inputs.convert_option(method),
            signature_header=inputs.convert_option(signature_header),
            signature_encoding=inputs.convert_option(signature_encoding),
        ),
        inputs.Stdin(url=url_stdin, secret=secret_stdin, headers=headers_stdin, body=body_stdin),
        headers=header,
        body_file=body_file,
    )
    if settings.url is UNSET:
        raise typer.BadParameter("give the address by --url or --url-stdin")

    def operation(work: UnitOfWork) -> Output:
        cipher = _cipher(work)
        webhook_id = endpoints.add(work, dialect=dialect, settings=settings, encrypt=cipher.encrypt)
        if dialect == "astuto":
            inputs.check_templates(settings)
        new_secret = None if secret_stdin else endpoints.ensure_secret(work, encrypt=cipher.encrypt)
        result = {**_serialize(endpoints.get(work, webhook_id), cipher), "new_secret": new_secret}
        text = f"webhook {webhook_id} was created"
        if dialect == "astuto":
            text += f"\n{_describe_calls(result)}"
        text += inputs.warn_of_address(str(settings.url), Settings.load().outbound_networks)
        if new_secret is None:
            return result, text
        note = Note("the receiver checks the signatures with this secret", with_json=False)
        return result, f"{text}\nsecret of the portal: {new_secret}", note

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@read_command(group, "list")
def list_(work: UnitOfWork) -> Output:
    """List webhooks. Addresses and headers are masked."""
    cipher = _cipher(work)
    webhooks = [_serialize(row, cipher) for row in endpoints.list_all(work)]
    rows = [_summarize(webhook) for webhook in webhooks]
    return {"webhooks": webhooks}, format_table(rows) if rows else "no webhooks"


@read_command(group)
def show(work: UnitOfWork, webhook_id: WebhookArgument) -> Output:
    """Show a webhook. The values in its address and its headers are masked."""
    webhook = _serialize(endpoints.get(work, webhook_id), _cipher(work))
    fields = {name: value for name, value in webhook.items() if name not in ("body", "headers")}
    fields["events"] = ", ".join(webhook["events"]) or "all"
    text = format_fields(fields)
    if webhook["headers"]:
        text += "\n\nheaders:\n" + "\n".join(f"{name}: {value}" for name, value in webhook["headers"].items())
    return webhook, f"{text}\n\nbody:\n{webhook['body']}" if webhook["body"] else text


@group.command()
def edit(
    webhook_id: WebhookArgument,
    url: inputs.UrlOption = None,
    url_stdin: inputs.UrlStdinOption = False,
    event: inputs.EventsOption = None,
    all_events: Annotated[bool, typer.Option("--all-events", help="Call it for all events.")] = False,
    description: inputs.DescriptionOption = None,
    secret_stdin: inputs.SecretStdinOption = False,
    portal_secret: Annotated[bool, typer.Option("--portal-secret", help="Sign with the secret of the portal.")] = False,
    signature_header: inputs.SignatureHeaderOption = None,
    signature_encoding: inputs.SignatureEncodingOption = None,
    method: inputs.MethodOption = None,
    header: inputs.HeadersOption = None,
    headers_stdin: inputs.HeadersStdinOption = False,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="Astuto: remove all headers.")] = False,
    body_stdin: inputs.BodyStdinOption = False,
    body_file: inputs.BodyFileOption = None,
    no_body: Annotated[bool, typer.Option("--no-body", help="Astuto: send no body.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a webhook; options left out change nothing. Events and headers replace all former ones.

    \b
    earshot webhooks edit 2 --event post.created --event post.deleted
    """
    inputs.reject_both(all_events, event, "--event or --all-events")
    inputs.reject_both(portal_secret, secret_stdin, "--secret-stdin or --portal-secret")
    inputs.reject_both(no_headers, header or headers_stdin, "--header or --no-headers")
    inputs.reject_both(no_body, body_stdin or body_file is not None, "a body or --no-body")
    before = EndpointSettings(
        url=inputs.convert_option(url),
        description=inputs.convert_option(description),
        events=() if all_events else inputs.convert_option(event or None),
        method=inputs.convert_option(method),
        headers=None if no_headers else UNSET,
        body=None if no_body else UNSET,
        secret=None if portal_secret else UNSET,
        signature_header=inputs.convert_option(signature_header),
        signature_encoding=inputs.convert_option(signature_encoding),
    )
    stdin = inputs.Stdin(url=url_stdin, secret=secret_stdin, headers=headers_stdin, body=body_stdin)
    settings = inputs.read_settings(before, stdin, headers=header, body_file=body_file)
    if settings == EndpointSettings():
        raise typer.BadParameter("give the settings to change: see earshot webhooks edit --help")

    def operation(work: UnitOfWork) -> Output:
        cipher = _cipher(work)
        endpoints.edit(work, webhook_id, settings, encrypt=cipher.encrypt)
        if endpoints.get(work, webhook_id)["dialect"] == "astuto":
            inputs.check_templates(settings)
        if portal_secret:
            endpoints.ensure_secret(work, encrypt=cipher.encrypt)
        return _serialize(endpoints.get(work, webhook_id), cipher), f"webhook {webhook_id} was changed"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


@write_command(group)
def delete(work: UnitOfWork, webhook_id: WebhookArgument) -> Output:
    """Delete a webhook. Calls that wait are not made; its calls stay in the log, without its id."""
    endpoints.delete(work, webhook_id)
    return {"id": webhook_id, "deleted": True}, f"webhook {webhook_id} was deleted"


@write_command(group)
def enable(work: UnitOfWork, webhook_id: WebhookArgument) -> Output:
    """Enable a webhook again.

    Also one that was switched off after five failures in a row. It is called for the events that are taken up from
    now on. To repeat earlier calls: earshot webhooks replay.
    """
    endpoints.enable(work, webhook_id)
    lost = webhook_log.count_lost(work, webhook_id)
    result = {"id": webhook_id, "enabled": True, "lost_calls": lost.total}
    text = f"webhook {webhook_id} is enabled"
    if lost.since is None:
        return result, text
    calls = "1 call" if lost.total == 1 else f"{lost.total} calls"
    since = format_seconds(lost.since)
    text += f"\n{calls} failed or cancelled; to repeat: earshot webhooks replay --since {since} --endpoint {webhook_id}"
    return result, f"{text} --failed"


@write_command(group)
def disable(work: UnitOfWork, webhook_id: WebhookArgument) -> Output:
    """Disable a webhook until it is enabled again. Calls that wait are cancelled, and events meanwhile have none."""
    endpoints.disable(work, webhook_id)
    return {"id": webhook_id, "enabled": False}, f"webhook {webhook_id} is disabled"


@group.command()
def secret(
    rotate: Annotated[bool, typer.Option("--rotate", help="Replace the secret by a new one.")] = False,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the secret from standard input, such as the one used before.")
    ] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the secret of the portal.

    It signs the calls to webhooks without a secret of their own. The first call creates it. A replaced secret is
    used from the next call on, also for calls that wait.

    \b
    earshot webhooks secret
    earshot webhooks secret --rotate
    printf %s "$SECRET" | earshot webhooks secret --stdin
    """
    if rotate and from_stdin:
        raise typer.BadParameter("give --rotate or --stdin, not both")
    given = inputs.read_stdin(MAX_SECRET).strip() if from_stdin else endpoints.make_secret() if rotate else None

    def operation(work: UnitOfWork) -> str:
        cipher = _cipher(work)
        if given is not None:
            endpoints.set_secret(work, given, encrypt=cipher.encrypt)
            return given
        new = endpoints.ensure_secret(work, encrypt=cipher.encrypt)
        stored = endpoints.get_secret(work)
        assert stored is not None
        return new or _decrypt(cipher, stored, remedy="replace it with --rotate or --stdin")

    value = run_write(operation, portal=portal)
    print_result({"secret": value}, value, as_json=as_json)


def _cipher(work: UnitOfWork) -> "SecretCipher":
    # Here, because `earshot webhooks --help` must not import cryptography.
    from app.adapters.encryption import SecretCipher

    return SecretCipher(require_secret(work, Settings.load()))


def _decrypt(cipher: "SecretCipher", stored: str, *, remedy: str) -> str:
    from app.adapters.encryption import UnreadableSecret

    try:
        return cipher.decrypt(stored)
    except UnreadableSecret:
        raise CommandError(
            f"it was encrypted with another secret key of the server and can't be read: {remedy}"
        ) from None


def _serialize(row: Row, cipher: "SecretCipher") -> dict[str, Any]:
    """A webhook with its secrets masked."""
    remedy = "set it again with `earshot webhooks edit`, or delete the webhook"
    texts = {
        name: None if row[name] is None else _decrypt(cipher, row[name], remedy=remedy)
        for name in ("url", "headers", "body")
    }
    is_productlift = row["dialect"] == "productlift"
    return {
        "id": row["id"],
        "dialect": row["dialect"],
        "description": row["description"],
        "url": mask_url(texts["url"] or ""),
        "events": orjson.loads(row["events"]),
        "method": row["method"],
        "headers": None if texts["headers"] is None else mask_headers(orjson.loads(texts["headers"])),
        "body": texts["body"],
        "signed_with": "the secret of the portal" if row["secret"] is None else "its own secret",
        "signature_header": row["signature_header"] if is_productlift else None,
        "signature_encoding": row["signature_encoding"] if is_productlift else None,
        "enabled": bool(row["is_enabled"]),
        "failures_in_a_row": row["failures_in_row"],
        "disabled_at": None if row["disabled_at"] is None else format_seconds(row["disabled_at"]),
        "created_at": format_seconds(row["created_at"]),
        "updated_at": format_seconds(row["updated_at"]),
    }


def _describe_calls(webhook: dict[str, Any]) -> str:
    """What is sent to a webhook in Astuto's format."""
    call = f"each call is {webhook['method']} {webhook['url']}"
    if webhook["body"]:
        return f"{call}, with the body that the template makes: see earshot webhooks preview {webhook['id']}"
    return f"{call} without a body; to add one: earshot webhooks edit {webhook['id']} --body-file FILE"


def _summarize(webhook: dict[str, Any]) -> dict[str, Any]:
    """The row of a table."""
    names: Sequence[str] = ("id", "dialect", "description", "url", "enabled", "failures_in_a_row")
    return {**{name: webhook[name] for name in names}, "events": ", ".join(webhook["events"]) or "all"}

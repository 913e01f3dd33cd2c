"""`earshot outbox …`: runs a worker in a process of its own, and shows and repeats deliveries."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli.database import run_read
from app.cli.errors import CommandError
from app.cli.output import Output, format_fields, format_table, print_result
from app.cli.params import JsonOption, LimitOption, PortalOption, choice_param, id_argument, id_param, whole_number
from app.cli.portal_commands import read_command, write_command
from app.domain.models.outbox import CHANNELS, DELIVERY_STATES
from app.domain.outbox import delivery_list
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.encryption import SecretCipher

EMPTIED: Final = "(deleted, because it contained a secret)"

group = typer.Typer(name="outbox", help="Emails and webhook calls: deliver, list, show, repeat.", no_args_is_help=True)


MetricsPortOption = Annotated[
    int | None,
    typer.Option(
        parser=whole_number(0, 65535),
        metavar="NUMBER",
        help="Port of this process's metrics, instead of EARSHOT_METRICS_PORT; 0 takes any free one.",
    ),
]


@group.command()
def run(metrics_port: MetricsPortOption = None) -> None:
    """Deliver emails and webhook calls in this process.

    It runs until SIGTERM or Ctrl-C. The server does the same itself unless EARSHOT_OUTBOX=off. Any number of these
    processes may run on one database, also beside the server; on SQLite several are not faster, because its file has
    one writer. On SIGTERM it finishes the deliveries in progress for a few seconds, and stops.

    \b
    EARSHOT_OUTBOX=off earshot serve
    earshot outbox run
    earshot outbox run --metrics-port 9465          where the server has the port 9464
    """
    from app.server.signals import exit_on_signals

    exit_on_signals()
    raise typer.Exit(_run_worker(Settings.load(metrics_port=metrics_port)))


def _run_worker(settings: Settings) -> int:
    """Run a worker until a signal arrives, and return the exit code."""
    from app.cli.database import require_current_database
    from app.observability import logging
    from app.server import outbox, startup

    logging.configure(logging.choose_format(settings.log_format))
    asyncio.run(require_current_database(settings))
    asyncio.run(startup.check_secret(settings))
    return outbox.run(settings)


StateOption = Annotated[
    str | None,
    typer.Option(callback=choice_param(DELIVERY_STATES), metavar="|".join(DELIVERY_STATES), help="Only in this state."),
]
ChannelOption = Annotated[
    str | None,
    typer.Option(callback=choice_param(CHANNELS), metavar="|".join(CHANNELS), help="Only mail, or only webhook calls."),
]


@read_command(group, "list")
def list_(
    work: UnitOfWork, state: StateOption = None, channel: ChannelOption = None, limit: LimitOption = 50
) -> Output:
    """List mail and webhook calls, the newest first.

    A pending one is attempted at the time in the column due at, or is being attempted until then. A call may wait for
    an earlier one about the same post first.

    \b
    earshot outbox list --state failed
    earshot outbox list --channel email --limit 10
    """
    rows = delivery_list.list_newest(work, state=state, channel=channel, limit=limit)
    found = [_serialize(row, delivery_list.SUMMARY) for row in rows]
    return {"deliveries": found}, format_table(list(map(_to_text, found))) if found else "no deliveries"


def _serialize(row: Row, names: Sequence[str]) -> dict[str, Any]:
    values = {name: format_seconds(row[name]) if row[name] and name.endswith("_at") else row[name] for name in names}
    # A finished one keeps the time of its last attempt in the database.
    return values if row["state"] == "pending" else {**values, "due_at": None}


def _to_text(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values for a person: in place of a due time that is past, what the call waits for."""
    shown = {name: value for name, value in values.items() if name != "waits_for"}
    earlier = values["waits_for"]
    return shown if earlier is None else {**shown, "due_at": f"waits for call {earlier}"}


@group.command()
def show(
    delivery_id: Annotated[int, id_argument("outbox")], portal: PortalOption = None, as_json: JsonOption = False
) -> None:
    """Show a delivery with its content and the last response.

    Of an email it prints the headers and the text as they would be sent now, also without a mail server.

    The output may contain secrets, such as the link of an invitation.

    \b
    earshot outbox show 7
    """
    from app.adapters.encryption import SecretCipher, UnreadableSecret
    from app.outbox.assembly import render_email

    settings = Settings.load()

    def operation(work: UnitOfWork) -> Output:
        row = delivery_list.get(work, delivery_id)
        payload, cipher = row["payload"], SecretCipher(settings.secret)
        if payload is not None:
            try:
                payload = cipher.decrypt(payload) if row["is_encrypted"] else payload
                payload = _decrypt_body(payload, cipher) if row["channel"] == "webhook" else payload
            except UnreadableSecret:
                raise CommandError(
                    f"the content of delivery {delivery_id} was encrypted with another secret key of the server"
                ) from None
        email = None
        if row["channel"] == "email":
            email = render_email(settings, work, delivery_list.to_claimed(row, payload=payload))
        result = _serialize(row, delivery_list.DETAILS)
        result |= {"is_encrypted": bool(row["is_encrypted"]), "payload": payload, "email": email}
        return result, _format(result)

    print_result(*run_read(operation, portal=portal), as_json=as_json)


def _decrypt_body(payload: str, cipher: "SecretCipher") -> str:
    """The payload of a call with the body that was made of a template as text. Raises UnreadableSecret."""
    from app.outbox.webhooks.payload import CallPayload, InvalidPayload

    try:
        call = CallPayload.from_json(payload)
    except InvalidPayload:
        return payload
    return payload if call.encrypted_body is None else call.decrypt_body(cipher).to_json()


def _format(result: dict[str, Any]) -> str:
    texts = {name: result[name] for name in ("payload", "response_body", "email")}
    if result["is_encrypted"] and texts["payload"] is None:
        texts["payload"] = EMPTIED
    parts = [format_fields({name: value for name, value in _to_text(result).items() if name not in texts})]
    parts += [f"{name.replace('_', ' ')}:\n{text}" for name, text in texts.items() if text]
    return "\n\n".join(parts)


@write_command(group)
def retry(
    work: UnitOfWork,
    delivery_ids: Annotated[
        list[int] | None,
        typer.Argument(parser=id_param, metavar="[ID]...", help="As `earshot outbox list` shows them."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All failed ones of the portal.")] = False,
) -> Output:
    """Repeat deliveries at once, whatever their state, with the same ids.

    All attempts are ahead of them again. A receiver recognises a repeated one by its id. Calls of webhooks that are
    disabled or deleted are not repeated.

    \b
    earshot outbox retry 7 8
    earshot outbox retry --failed
    """
    if failed == bool(delivery_ids):
        raise typer.BadParameter("give ids or --failed, one of the two")
    if delivery_ids:
        delivery_list.retry(work, delivery_ids)
    count = len(set(delivery_ids)) if delivery_ids else delivery_list.retry_failed(work)
    return {"retried": count}, f"{count} {'delivery is' if count == 1 else 'deliveries are'} repeated"

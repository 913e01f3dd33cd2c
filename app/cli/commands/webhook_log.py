"""`earshot webhooks log` and `replay`."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import orjson
import typer

from app.adapters.database import utc_now
from app.cli.errors import CommandError
from app.cli.output import Note, Output, format_table
from app.cli.params import id_param, whole_number
from app.cli.portal_commands import read_command, write_command
from app.domain.outbox import delivery_list, webhook_log
from app.domain.outbox.webhook_log import FinishedCalls
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.masking import DOTS, mask_url
from app.settings import Settings

MAX_CALLS: Final = 1000
"""Of one output, because each may have a response of 64 KiB."""
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_SUMMARY: Final = (
    *("id", "created_at", "webhook_id", "event", "state", "attempts", "response_status", "duration_ms", "error"),
)


def since_param(value: str) -> datetime:
    """Parse a time in UTC, such as 2027-01-31 or 2027-01-31T09:30, or how long ago, such as 90m, 6h or 2d."""
    ago = re.fullmatch(r"([0-9]{1,5})([mhd])", value)
    if ago:
        return utc_now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?)?", value):
            raise ValueError
        return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(
            "must be a time in UTC such as 2027-01-31 or 2027-01-31T09:30, or how long ago, such as 90m, 6h or 2d"
        ) from None


SinceOption = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=since_param, metavar="TIME", help="From a time in UTC on, or from 90m, 6h or 2d ago on."
    ),
]
FailedOption = Annotated[
    bool,
    typer.Option(
        "--failed",
        help="Only those that failed for good, or were cancelled because the webhook was switched off or disabled.",
    ),
]


def add_commands(group: typer.Typer) -> None:
    """Add the commands to `earshot webhooks`."""
    read_command(group, "log")(log)
    write_command(group, "replay")(replay)


def log(
    work: UnitOfWork,
    webhook_id: Annotated[
        int | None, typer.Argument(parser=id_param, metavar="[ID]", help="Only of this webhook.")
    ] = None,
    failed: FailedOption = False,
    since: SinceOption = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            parser=whole_number(1, MAX_CALLS),
            metavar="NUMBER",
            help=f"At most this many, up to {MAX_CALLS}.",
        ),
    ] = 50,
) -> Output:
    """List calls with their last response, the newest first. With --json also the request and the response.

    What may be a key in the address, and the values of headers, are masked.

    \b
    earshot webhooks log 2 --failed --since 2d
    earshot webhooks log --limit 1 --json
    """
    if webhook_id is not None:
        endpoints.get(work, webhook_id)
    rows = webhook_log.list_calls(work, webhook_id=webhook_id, since=since, is_lost=failed, limit=limit, details=True)
    calls = [_serialize(row) for row in rows]
    table = format_table([{name: call[name] for name in _SUMMARY} for call in calls]) if calls else "no calls"
    return {"calls": calls}, table


def replay(
    work: UnitOfWork,
    calls: Annotated[
        list[int] | None,
        typer.Argument(parser=id_param, metavar="[CALL]...", help="As `earshot webhooks log` shows them."),
    ] = None,
    since: SinceOption = None,
    endpoint: Annotated[
        int | None,
        typer.Option("--endpoint", parser=id_param, metavar="ID", help="With --since: only the calls of this webhook."),
    ] = None,
    failed: FailedOption = False,
    waiting: Annotated[
        bool,
        typer.Option("--waiting", help="Those that wait for another attempt: make it now. Their attempts count on."),
    ] = False,
) -> Output:
    """Repeat calls now.

    They have the same id and body, so that a receiver recognizes what it has already. Name them, or repeat all
    since a time that are not waiting already, also those that succeeded. A webhook that is disabled must be enabled
    first. A call that could not be rendered is not repeated.

    \b
    earshot webhooks replay 71 72
    earshot webhooks replay --since 2027-01-31T09:30 --endpoint 2 --failed
    earshot webhooks replay --since 2d --endpoint 2 --waiting
    """
    if bool(calls) == (since is not None):
        raise typer.BadParameter("give calls or --since, one of the two")
    if failed and waiting:
        raise typer.BadParameter("give --failed or --waiting, not both")
    if since is None:
        if endpoint is not None or failed or waiting:
            raise typer.BadParameter("--endpoint, --failed and --waiting are for --since")
        ids = list(dict.fromkeys(calls or ()))
        webhook_log.require_calls(work, ids)
        note = None
    else:
        if endpoint is not None and not endpoints.get(work, endpoint)["is_enabled"]:
            raise CommandError(
                f"webhook {endpoint} is disabled, so its calls can't be repeated: enable it first "
                f"(earshot webhooks enable {endpoint})"
            )
        if waiting:
            count = webhook_log.advance_waiting(work, since=since, webhook_id=endpoint)
            return {"replayed": count}, f"{_count(count)} attempted now, instead of later"
        found = webhook_log.find_finished(work, since=since, webhook_id=endpoint, is_lost=failed)
        ids, note = found.repeatable, _explain_left_out(found)
    delivery_list.retry(work, ids)
    return {"replayed": len(ids)}, f"{_count(len(ids))} repeated", note


def _explain_left_out(found: FinishedCalls) -> Note | None:
    reasons = [
        (len(found.unreachable), "calls of webhooks that are disabled or deleted"),
        (len(found.unrendered), "calls that could not be rendered"),
    ]
    texts = [f"{_count(count)} left out: {reason}" for count, reason in reasons if count]
    return Note("; ".join(texts), with_json=True) if texts else None


def _count(calls: int) -> str:
    return f"{calls} {'call is' if calls == 1 else 'calls are'}"


def _serialize(row: Row) -> dict[str, Any]:
    payload = {} if row["payload"] is None or row["is_encrypted"] else orjson.loads(row["payload"])
    request = _read_request(row["request"], rendered_url=payload.get("url"))
    return {
        "id": row["id"],
        "uuid": row["uuid"],
        "created_at": format_seconds(row["created_at"]),
        "webhook_id": row["webhook_id"],
        "event": row["kind"],
        "post_id": row["post_id"],
        "state": row["state"],
        "attempts": row["attempts"],
        "due_at": format_seconds(row["due_at"]) if row["state"] == "pending" else None,
        "attempted_at": _format_time(row["attempted_at"]),
        "finished_at": _format_time(row["finished_at"]),
        "request_method": request["method"],
        "request_url": request["url"],
        "request_headers": request["headers"],
        "request_body": _read_body(payload),
        "response_status": row["response_status"],
        "response_body": row["response_body"],
        "duration_ms": row["duration_ms"],
        "error": row["error"],
    }


def _read_request(stored: str | None, *, rendered_url: str | None) -> dict[str, Any]:
    """Method, URL and headers of the last attempt. Before the first one, the URL that was made of a template, if any.

    Both texts are encrypted.
    """
    # Here, because `earshot webhooks --help` must not import cryptography.
    from app.adapters.encryption import SecretCipher, UnreadableSecret

    unknown = {"method": None, "url": None, "headers": None}
    if stored is None and rendered_url is None:
        return unknown
    cipher = SecretCipher(Settings.load().secret)
    try:
        if stored is not None:
            return dict(orjson.loads(cipher.decrypt(stored)))
        return {**unknown, "url": mask_url(cipher.decrypt(rendered_url or ""))}
    except UnreadableSecret:
        return {**unknown, "url": DOTS}


def _read_body(payload: dict[str, Any]) -> str | None:
    """The body. That which was made of a template is encrypted."""
    from app.adapters.encryption import SecretCipher, UnreadableSecret

    encrypted = payload.get("encrypted_body")
    if encrypted is None:
        return payload.get("body")
    try:
        return SecretCipher(Settings.load().secret).decrypt(encrypted)
    except UnreadableSecret:
        return DOTS


def _format_time(value: Any) -> str | None:
    return None if value is None else format_seconds(value)

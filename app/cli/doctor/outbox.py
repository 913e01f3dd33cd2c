"""Checks of the deliveries: a backlog, and endpoints that fail."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from app.adapters.database import NO_PORTAL, Database
from app.adapters.problem import Problem
from app.cli.doctor.finding import Finding, check
from app.domain.outbox import backlog
from app.domain.outbox.backlog import FailingEndpoint
from app.domain.sql import timestamps

MAX_DELAY: Final = timedelta(minutes=10)
"""After an interruption of the database a worker needs less."""


async def check_outbox(database: Database, *, now: datetime, is_on: bool, channels: Collection[str]) -> list[Finding]:
    """The findings. `is_on`: the server delivers itself; `channels`: those that are delivered."""
    event = await database.read(backlog.find_oldest_event, NO_PORTAL)
    due = await database.read(lambda work: backlog.find_oldest_due(work, channels), NO_PORTAL)
    endpoints = await database.read(backlog.find_failing_endpoints, NO_PORTAL)
    return [_check_backlog(now, event=event, due=due, is_on=is_on), _check_endpoints(endpoints)]


@check("outbox")
def _check_backlog(now: datetime, *, event: datetime | None, due: datetime | None, is_on: bool) -> str:
    remedy = (
        "start the server with `earshot serve`; if it runs, its log says why it does not deliver"
        if is_on
        else "EARSHOT_OUTBOX is off: start a process with `earshot outbox run`, or remove the setting"
    )
    if event is not None and now - event > MAX_DELAY:
        raise Problem(f"no process has taken up events since {timestamps.format_seconds(event)}", remedy)
    if due is not None and now - due > MAX_DELAY:
        raise Problem(f"no process has sent what has been due since {timestamps.format_seconds(due)}", remedy)
    return "nothing is late"


@check("endpoints")
def _check_endpoints(endpoints: Sequence[FailingEndpoint]) -> str:
    if not endpoints:
        return "none fails"
    descriptions = ", ".join(
        f"{each.id} of portal {each.portal_id}" + (" (off)" if each.is_off else "") for each in endpoints
    )
    first = endpoints[0]
    remedy = f"earshot webhooks log {first.id} --portal {first.portal_id} shows why"
    if first.is_off:
        remedy += f"; when it works again: earshot webhooks enable {first.id} --portal {first.portal_id}"
    raise Problem(f"webhook endpoints fail: {descriptions}", remedy)

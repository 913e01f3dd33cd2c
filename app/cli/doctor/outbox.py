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
RECENT: Final = timedelta(days=3)
"""From when on emails are counted that failed for good."""


async def check_outbox(database: Database, *, now: datetime, is_on: bool, channels: Collection[str]) -> list[Finding]:
    """The findings. `is_on`: the server delivers itself; `channels`: those that are delivered."""
    event = await database.read(backlog.find_oldest_event, NO_PORTAL)
    due = await database.read(lambda work: backlog.find_oldest_due(work, channels), NO_PORTAL)
    endpoints = await database.read(backlog.find_failing_endpoints, NO_PORTAL)
    failed = await database.read(lambda work: backlog.count_failed_emails(work, since=now - RECENT), NO_PORTAL)
    return [
        _check_backlog(now, event=event, due=due, is_on=is_on, failed_emails=failed),
        _check_endpoints(endpoints),
    ]


@check("outbox")
def _check_backlog(
    now: datetime, *, event: datetime | None, due: datetime | None, is_on: bool, failed_emails: int
) -> str:
    remedy = (
        "start the server with `earshot serve`; if it runs, its log says why it does not deliver"
        if is_on
        else "EARSHOT_OUTBOX is off: start a process with `earshot outbox run`, or remove the setting"
    )
    if event is not None and now - event > MAX_DELAY:
        raise Problem(f"no process has taken up events since {timestamps.format_seconds(event)}", remedy)
    if due is not None and now - due > MAX_DELAY:
        raise Problem(f"no process has sent what has been due since {timestamps.format_seconds(due)}", remedy)
    if not failed_emails:
        return "nothing is late"
    emails = "1 email" if failed_emails == 1 else f"{failed_emails} emails"
    return (
        f"nothing is late; {emails} failed for good in the last {RECENT.days} days "
        "(earshot outbox list --state failed --channel email)"
    )


@check("endpoints")
def _check_endpoints(endpoints: Sequence[FailingEndpoint]) -> str:
    if not endpoints:
        return "none fails"
    has_portals = len({each.portal_id for each in endpoints}) > 1
    descriptions = "; ".join(_describe(each, with_portal=has_portals) for each in endpoints)
    first = endpoints[0]
    remedy = f"earshot webhooks log {first.id} --portal {first.portal_id} shows why"
    if first.is_off:
        remedy += f"; when it works again: earshot webhooks enable {first.id} --portal {first.portal_id}"
    raise Problem(f"webhook endpoints fail: {descriptions}", remedy)


def _describe(endpoint: FailingEndpoint, *, with_portal: bool) -> str:
    text = f"webhook {endpoint.id}"
    if endpoint.description is not None:
        text += f" ({endpoint.description})"
    if with_portal:
        text += f" of portal {endpoint.portal_id}"
    if endpoint.is_off:
        return f"{text}, switched off"
    return f"{text}, whose last call could not be rendered" if endpoint.is_unrendered else text

"""Emails that are due at a time of the day: digests and staff summaries. The worker looks for them once a minute."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeAlias

from app.adapters.database import NO_PORTAL, Database, PortalContext
from app.domain.notifications import digests, recaps
from app.domain.notifications.kinds import DIGEST, RECAP
from app.domain.notifications.loading import encode_digest, encode_recap
from app.domain.outbox import deliveries
from app.domain.outbox.deliveries import NewDelivery
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork

INTERVAL_SECONDS: Final = 60

BaseUrl: TypeAlias = Callable[[int], Awaitable[str]]
"""Finds the public address of a portal."""


async def queue_scheduled_mail(database: Database, find_base_url: BaseUrl) -> None:
    """Make the deliveries of all digests and staff summaries that are due. Writes nothing if there are none.

    Several processes may call it at the same time: each email is made once.
    """
    for portal_id in await database.read(digests.portals_with_due, NO_PORTAL, in_thread=True):
        context = PortalContext(portal_id, OPERATOR)
        base_url = await find_base_url(portal_id)
        while await database.write(partial(_queue_digests, base_url=base_url), context, in_thread=True):
            pass
    for portal_id in await database.read(recaps.portals_with_recaps, NO_PORTAL, in_thread=True):
        context = PortalContext(portal_id, OPERATOR)
        if await database.read(recaps.find_due, context, in_thread=True):
            base_url = await find_base_url(portal_id)
            await database.write(partial(_queue_recaps, base_url=base_url), context, in_thread=True)


def _queue_digests(work: UnitOfWork, *, base_url: str) -> bool:
    """Make the digests of some users; return whether there were any."""
    due = digests.take_due(work)
    if not due:
        return False
    deliveries.add_all(
        work,
        [
            NewDelivery("email", DIGEST, user_id=digest.user_id, payload=encode_digest(base_url, digest.items))
            for digest in due
        ],
    )
    return True


def _queue_recaps(work: UnitOfWork, *, base_url: str) -> None:
    # Another worker that makes them at the same time has finished then, so they are not found again.
    work.lock_portal()
    due = recaps.find_due(work)
    if not due:
        return
    deliveries.add_all(
        work,
        [
            NewDelivery(
                "email",
                RECAP,
                user_id=recap.user_id,
                payload=encode_recap(
                    base_url, frequency=recap.frequency, published=recap.published, pending=recap.pending
                ),
                dedup_key=recap.dedup_key,
            )
            for recap in due
        ],
    )

"""Connects the parts of the outbox: what makes deliveries, what sends them, what is repeated meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from app.adapters.database import NO_PORTAL, Database, utc_now
from app.adapters.encryption import SecretCipher
from app.adapters.outbound_http import OutboundClient
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.unsubscribe_tokens import UnsubscribeTokens
from app.backends import open_smtp_client
from app.background import Job
from app.domain.notifications.content import Content
from app.domain.notifications.kinds import ACCOUNT_KINDS
from app.domain.notifications.loading import load_content
from app.domain.outbox import sweep
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Expander, Sender
from app.outbox.expansion import Expansion
from app.outbox.mail import accounts, messages, scheduled
from app.outbox.mail.expansion import expand_notifications
from app.outbox.mail.scheduled import queue_scheduled_mail
from app.outbox.mail.sender import MailSender
from app.outbox.mail.unsubscribe_links import build_unsubscribe_url
from app.outbox.portal_urls import PortalUrls
from app.outbox.recorder import AfterAttempt, Recorder
from app.outbox.webhooks.astuto import AstutoExpander
from app.outbox.webhooks.productlift import ProductLiftExpander
from app.outbox.webhooks.sender import StateRecorder, WebhookSender
from app.outbox.worker import Limits, Worker
from app.public_url import PublicUrl
from app.settings import Settings

SWEEP_SECONDS: Final = 3600.0
MAX_NOTIFICATION_AGE: Final = timedelta(days=3)
"""Longer than the retries take. Mail about an account ends with its link."""
TOO_OLD: Final = "it is older than three days"


@dataclass(frozen=True, slots=True)
class Channels:
    """What the channels give to the worker. A channel without a sender is not delivered: its deliveries wait."""

    expanders: Sequence[Expander] = ()
    """They run in the transaction that stores what they return, so they may write, too."""
    call_expanders: Sequence[Expander] = ()
    """They make webhook calls. They run before that transaction, and only read."""
    senders: Mapping[str, Sender] = field(default_factory=dict)
    after_attempt: Sequence[AfterAttempt] = ()
    jobs: Sequence[Job] = ()


def build_channels(settings: Settings, database: Database, cipher: SecretCipher, urls: PortalUrls) -> Channels:
    """Mail and webhooks, as the settings say."""
    calls = WebhookSender(database, OutboundClient(allowed_networks=settings.outbound_networks), cipher)
    senders: dict[str, Sender] = {"webhook": calls}
    client = open_smtp_client(settings)
    if client is not None and settings.sender is not None:
        senders["email"] = MailSender(
            client,
            database,
            mail_from=settings.sender,
            cipher=cipher,
            load_content=load_email,
            make_unsubscribe_url=build_unsubscribe_url(UnsubscribeTokens(settings.secret)),
        )
    return Channels(
        expanders=(
            expand_notifications,
            accounts.build_expander(cipher),
        ),
        call_expanders=(
            ProductLiftExpander(secret=settings.secret, signer=FileSigner(settings.secret, clock=utc_now)),
            AstutoExpander(cipher=cipher),
        ),
        senders=senders,
        after_attempt=(StateRecorder(),),
        jobs=(
            Job("digests and summaries", scheduled.INTERVAL_SECONDS, lambda: queue_scheduled_mail(database, urls.find)),
        ),
    )


def load_email(work: UnitOfWork, delivery: ClaimedDelivery) -> Content | str:
    """The content of an email of any kind, or the reason why it must not be sent any more."""
    if delivery.kind in ACCOUNT_KINDS:
        return accounts.load_account_content(work, delivery)
    # The first mail server of a portal would send what was queued for weeks. What was repeated on demand is wanted.
    if delivery.earlier_attempts == 0 and work.now - to_datetime(delivery.created_at) > MAX_NOTIFICATION_AGE:
        return TOO_OLD
    return load_content(work, delivery)


def build_urls(settings: Settings, database: Database) -> PortalUrls:
    """The base URLs of portals, for links outside of responses."""
    return PortalUrls(database, PublicUrl(settings.base_url), address=(settings.host, settings.port))


def build_worker(
    settings: Settings,
    database: Database,
    cipher: SecretCipher,
    *,
    channels: Channels | None = None,
    limits: Limits | None = None,
) -> Worker:
    """A worker for this database, not yet started. `channels` replace those of `build_channels`."""
    urls = build_urls(settings, database)
    limits = limits or Limits()
    if channels is None:
        channels = build_channels(settings, database, cipher, urls)
    senders = channels.senders
    keep = timedelta(days=settings.outbox_keep_days)
    return Worker(
        database,
        Expansion(
            database,
            channels.expanders,
            urls,
            call_expanders=channels.call_expanders,
            retry_seconds=limits.poll_seconds,
        ),
        senders,
        Recorder(database, after_attempt=channels.after_attempt),
        jobs=[
            Job("the sweep of the outbox", SWEEP_SECONDS, lambda: sweep_all(database, keep, channels=senders)),
            *channels.jobs,
        ],
        limits=limits,
    )


async def sweep_all(database: Database, keep: timedelta, *, channels: Mapping[str, Sender]) -> None:
    """Delete what is older than `keep`, in batches; without a sender of emails, cancel those that wait for longer."""
    await database.write(sweep.end_expired_emails, NO_PORTAL, in_thread=True)
    steps: list[Callable[[UnitOfWork], bool]] = [lambda work: sweep.delete_old(work, keep=keep)]
    if "email" not in channels:
        steps.append(lambda work: sweep.cancel_unsent_emails(work, keep=keep))
    for step in steps:
        while await database.write(step, NO_PORTAL, in_thread=True):
            pass


def render_email(settings: Settings, work: UnitOfWork, delivery: ClaimedDelivery) -> str:
    """The headers and the text of an email as it would be sent now, or the reason why it would not be sent.

    `delivery` has its payload decrypted.
    """
    content = load_email(work, delivery)
    if isinstance(content, str):
        return f"It would not be sent now: {content}."
    return messages.render_email(
        content,
        uuid=delivery.uuid,
        mail_from=settings.sender,
        unsubscribe_url=build_unsubscribe_url(UnsubscribeTokens(settings.secret))(content),
        now=work.now,
    )

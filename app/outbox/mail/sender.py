"""Sends emails: loads what one says at the moment of sending, builds it, and passes it to the mail server."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from app.adapters.database import Clock, Database, PortalContext, utc_now
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.mailbox import Mailbox
from app.adapters.smtp import SmtpClient
from app.adapters.smtp_errors import SmtpError
from app.domain.errors import ServiceUnavailable
from app.domain.notifications.content import Content
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result
from app.outbox.mail.messages import build_message

ContentLoader: TypeAlias = Callable[[UnitOfWork, ClaimedDelivery], Content | str]
"""The content of an email, or the reason why it must not be sent any more."""
UnsubscribeUrl: TypeAlias = Callable[[Content], str | None]

UNREADABLE: Final = "it is encrypted with another secret of the server"


class MailSender:
    """The sender of emails. Its emails go over one connection, one after the other."""

    def __init__(
        self,
        client: SmtpClient,
        database: Database,
        *,
        mail_from: Mailbox,
        cipher: SecretCipher,
        load_content: ContentLoader,
        make_unsubscribe_url: UnsubscribeUrl,
        base_url: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`load_content` gets the decrypted payload, and a unit of work with this `base_url`."""
        self._client = client
        self._database = database
        self._mail_from = mail_from
        self._cipher = cipher
        self._load_content = load_content
        self._make_unsubscribe_url = make_unsubscribe_url
        self._base_url = base_url
        self._clock = clock

    async def send(self, delivery: ClaimedDelivery) -> Outcome:
        """Make one attempt, of at most the time of `SmtpTimeouts` after the emails before it."""
        if delivery.is_encrypted and delivery.payload is not None:
            try:
                delivery = replace(delivery, payload=self._cipher.decrypt(delivery.payload))
            except UnreadableSecret:
                # The operator can restore the secret of the server.
                return Outcome(Result.RETRY, UNREADABLE, log_error=UNREADABLE)
        context = PortalContext(delivery.portal_id, OPERATOR, self._base_url)
        try:
            content = await self._database.read(
                lambda work: self._load_content(work, delivery), context, in_thread=True, snapshot=True
            )
        except ServiceUnavailable:
            return Outcome(Result.RETRY, "the database is not available")
        if isinstance(content, str):
            return Outcome(Result.CANCELLED, content)
        build = partial(
            build_message,
            uuid=delivery.uuid,
            mail_from=self._mail_from,
            unsubscribe_url=self._make_unsubscribe_url(content),
            now=self._clock(),
        )
        # A long text takes some tenths of a second.
        message = await asyncio.to_thread(build, content)
        try:
            status, reply = await self._client.send(message, sender=self._mail_from.address, recipient=content.to_email)
        except SmtpError as error:
            result = Result.FAILED if error.is_permanent else Result.RETRY
            return Outcome(result, str(error), response_status=error.status, log_error=error.summary)
        return Outcome(Result.DELIVERED, response_status=status, response_body=reply)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

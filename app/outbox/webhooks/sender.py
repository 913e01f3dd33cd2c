"""Sends webhook calls, and records at an endpoint how its deliveries end."""

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from app.adapters.database import Clock, Database, PortalContext, utc_now
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.outbound_http import InvalidOutboundRequest, OutboundClient, OutboundError, OutboundResponse
from app.domain.errors import ServiceUnavailable
from app.domain.outbox.claims import State
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.permissions import OPERATOR
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import calls
from app.domain.webhooks.calls import DELETED, SWITCHED_OFF, CallSettings
from app.domain.webhooks.signing_secrets import WHSEC, InvalidSecret
from app.outbox.base import Outcome, Result
from app.outbox.failure_log import log_warning
from app.outbox.webhooks.payload import CallPayload, InvalidPayload
from app.outbox.webhooks.request import CallRequest, build_request

OFF_AFTER_FAILURES: Final = f"a webhook was switched off after {calls.MAX_FAILURES_IN_ROW} failed deliveries in a row"
OFF_AFTER_GONE: Final = "a webhook was switched off because its receiver responded 410 Gone"
"""What the log says."""

UNREADABLE: Final = "its content can't be read"
UNRENDERED: Final = "the template could not be rendered"
"""What the log says of a call that could not be sent."""
_GONE_STATUS: Final = 410


class WebhookSender:
    """The Sender of webhook calls. A call is sent with the settings that its endpoint has at the time of the call."""

    def __init__(
        self, database: Database, client: OutboundClient, cipher: SecretCipher, *, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._client = client
        self._cipher = cipher
        self._clock = clock

    async def send(self, delivery: ClaimedDelivery) -> Outcome:
        """Make one attempt. 410 Gone switches the endpoint off at once; `record_state` records any other outcome."""
        if delivery.webhook_id is None:
            return Outcome(Result.CANCELLED, DELETED)
        webhook_id, context = delivery.webhook_id, PortalContext(delivery.portal_id, OPERATOR)
        try:
            settings = await self._database.read(lambda work: calls.find_settings(work, webhook_id), context)
            if settings is None:
                return Outcome(Result.CANCELLED, DELETED)
            if not settings.is_enabled:
                return Outcome(Result.CANCELLED, SWITCHED_OFF)
            payload = self._read_payload(delivery)
            outcome = await self.call(settings, payload, delivery_id=delivery.uuid)
            if outcome.response_status == _GONE_STATUS and await self._database.write(
                lambda work: calls.switch_off(work, webhook_id, reason=calls.GONE), context, in_thread=True
            ):
                log_warning(OFF_AFTER_GONE, delivery)
        except InvalidPayload:
            return Outcome(Result.FAILED, UNREADABLE, is_unsendable=True, log_error=UNREADABLE)
        except UnreadableSecret:
            # The operator can restore the secret of the server.
            return Outcome(Result.RETRY, "it is encrypted with another secret of the server")
        except ServiceUnavailable:
            return Outcome(Result.RETRY, "the database is not available")
        return outcome

    async def call(self, settings: CallSettings, payload: CallPayload, *, delivery_id: str) -> Outcome:
        """Call the endpoint once, even if it is switched off, and store nothing. Raises UnreadableSecret."""
        if payload.error is not None:
            return Outcome(Result.FAILED, payload.error, is_unsendable=True, log_error=UNRENDERED)
        now = self._clock()
        try:
            request = build_request(settings, payload, cipher=self._cipher, delivery_id=delivery_id, now=now)
        except InvalidSecret:
            error = f"the secret of the endpoint begins with {WHSEC}, but is not Base64"
            return Outcome(Result.FAILED, error, is_unsendable=True, log_error=error)
        outcome = await self._send_request(request)
        # Encrypted, because a part of the URL that is not masked may be a key all the same.
        return replace(outcome, request=self._cipher.encrypt(request.describe()))

    async def _send_request(self, request: CallRequest) -> Outcome:
        try:
            response = await self._client.call(
                request.method, request.url, headers=request.headers, content=request.content
            )
        except InvalidOutboundRequest as error:
            # Its texts are constant.
            return Outcome(Result.FAILED, str(error), is_unsendable=True, log_error=str(error))
        except OutboundError as error:
            return Outcome(Result.RETRY, str(error))
        return _to_outcome(response, self._clock())

    async def close(self) -> None:
        """Close connections."""
        await self._client.close()

    def _read_payload(self, delivery: ClaimedDelivery) -> CallPayload:
        """The payload of the delivery. Raises InvalidPayload and UnreadableSecret."""
        if delivery.payload is None:
            raise InvalidPayload
        text = self._cipher.decrypt(delivery.payload) if delivery.is_encrypted else delivery.payload
        return CallPayload.from_json(text).decrypt_body(self._cipher)


def after_success(work: UnitOfWork, webhook_id: int) -> None:
    """Record at the endpoint that a delivery succeeded."""
    calls.record_success(work, webhook_id)


def after_final_failure(work: UnitOfWork, webhook_id: int) -> bool:
    """Record at the endpoint that a delivery failed and is not retried. Whether this one, the fifth in a row, switched
    the endpoint off."""
    return calls.record_failure(work, webhook_id, reason=calls.FAILED_IN_A_ROW)


def record_state(work: UnitOfWork, delivery: ClaimedDelivery, state: State, outcome: Outcome) -> str | None:
    """Record at its endpoint the state that a delivery has after an attempt, in the transaction that stores the state.

    What could not be sent at all says nothing about the receiver, and is not counted. Deliveries of other channels, and
    those of deleted endpoints, have no endpoint. Returns what is to be logged.
    """
    if delivery.webhook_id is None:
        return None
    if state == "delivered":
        after_success(work, delivery.webhook_id)
    elif state == "pending":
        calls.cancel_unreachable(work, delivery.id)
    elif state == "failed" and not outcome.is_unsendable and after_final_failure(work, delivery.webhook_id):
        return OFF_AFTER_FAILURES
    return None


class StateRecorder:
    """Calls `record_state`, but among deliveries of one transaction once for successes of an endpoint in a row.

    Many outcomes are stored in one transaction, and a second success in a row changes nothing.
    """

    def __init__(self) -> None:
        self._work: UnitOfWork | None = None
        self._succeeded: set[int] = set()
        """The endpoints whose last final state in this transaction was `delivered`."""

    def __call__(self, work: UnitOfWork, delivery: ClaimedDelivery, state: State, outcome: Outcome) -> str | None:
        """Record the state of a delivery after an attempt. Returns what is to be logged."""
        if self._work is not work:
            self._work, self._succeeded = work, set()
        webhook_id = delivery.webhook_id
        if webhook_id is None or (state == "delivered" and webhook_id in self._succeeded):
            return None
        if state == "delivered":
            self._succeeded.add(webhook_id)
        elif state == "failed":
            self._succeeded.discard(webhook_id)
        return record_state(work, delivery, state, outcome)


def _to_outcome(response: OutboundResponse, now: datetime) -> Outcome:
    if 200 <= response.status < 300:
        return Outcome(Result.DELIVERED, response_status=response.status, response_body=response.body)
    return Outcome(
        Result.FAILED if response.status == _GONE_STATUS else Result.RETRY,
        f"the receiver responded {response.status}",
        response_status=response.status,
        response_body=response.body,
        retry_after_seconds=_parse_retry_after(response.headers.get("retry-after"), now),
    )


def _parse_retry_after(value: str | None, now: datetime) -> float | None:
    """How many seconds to wait, from 0; `choose_delay` limits them. None if the header is absent or invalid."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return max(seconds, 0.0)

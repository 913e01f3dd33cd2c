"""Webhook calls in Astuto's format. docs/contracts/astuto.md, section 3.5."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.webhooks import endpoints
from app.outbox.webhooks import astuto_variables
from app.outbox.webhooks.astuto_variables import Gone, Variables
from app.outbox.webhooks.liquid import TemplateError, is_static, render
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.subscriptions import PerTransaction, find_subscribed

DIALECT: Final = "astuto"
CONTENT_TYPE: Final = "application/json"

_TRIGGERS: Final = {
    "post.deleted": "delete_post",
    "post.status_changed": "post_status_change",
    "comment.written": "new_comment",
    "vote.cast": "new_vote",
    "user.registered": "new_user",
}
_NEW_POST: Final = {"approved": "new_post", "pending": "new_post_pending_approval"}
_URL_CHARACTERS: Final = "!#$%&'()*+,/:;=?@[]~"


class _NotJson(TemplateError):
    """The rendered body is no JSON that can be sent."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason)
        # It may be the half of a surrogate pair that is to blame, which can't be stored.
        self.text = text.encode(errors="replace").decode()


class AstutoExpander:
    """The calls of an event: one for each endpoint of Astuto's format that wants it, rendered by its templates."""

    def __init__(self, *, cipher: SecretCipher) -> None:
        self._cipher = cipher
        self._portals = PerTransaction(_Portal)

    def __call__(self, work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        trigger = find_trigger(event)
        if trigger is None:
            return ()
        portal = self._portals.get(work)
        webhook_ids = find_subscribed(portal.subscriptions, event, name=trigger)
        if not webhook_ids:
            return ()
        try:
            variables = {"tenant": portal.tenant(), **astuto_variables.load_variables(work, event, trigger)}
        except Gone:
            return ()
        return [
            NewDelivery(
                "webhook",
                trigger,
                event_id=event.id,
                webhook_id=webhook_id,
                post_id=event.post_id,
                payload=self._make_payload(work, portal, webhook_id, variables).to_json(),
            )
            for webhook_id in webhook_ids
        ]

    def _make_payload(self, work: UnitOfWork, portal: "_Portal", webhook_id: int, variables: Variables) -> CallPayload:
        """The payload to store, encrypted, or with the reason why the call can't be made."""
        try:
            endpoint = portal.endpoint(webhook_id)
            return work.compute(lambda: render_call(endpoint, variables, self._cipher).encrypt(self._cipher))
        except TemplateError as error:
            return CallPayload(None, error=str(error))
        except UnreadableSecret:
            return CallPayload(None, error="its templates are encrypted with another secret of the server")


class _Portal:
    """What all events of a transaction share."""

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self.subscriptions = endpoints.list_subscriptions(work, DIALECT)
        self._tenant: Variables | None = None
        self._endpoints: Mapping[int, Row] | None = None

    def tenant(self) -> Variables:
        """The variable `tenant`."""
        if self._tenant is None:
            self._tenant = astuto_variables.load_tenant(self._work)
        return self._tenant

    def endpoint(self, webhook_id: int) -> Row:
        """The endpoint with its templates, encrypted."""
        if self._endpoints is None:
            self._endpoints = {row["id"]: row for row in endpoints.list_all(self._work)}
        return self._endpoints[webhook_id]


def find_trigger(event: StoredEvent) -> str | None:
    """Astuto's name of the event; None if it has none."""
    if event.kind == "post.submitted":
        return _NEW_POST.get(event.body.get("moderation", "approved"))
    if event.kind == "vote.cast" and event.user_id is None:
        # Astuto has no anonymous votes.
        return None
    return _TRIGGERS.get(event.kind)


def render_call(endpoint: Row, variables: Variables, cipher: SecretCipher) -> CallPayload:
    """What is sent to the endpoint; `url` is not encrypted, and None if its template has no tags.

    If the body is not JSON, it is the rendered text, with an error. Raises TemplateError and UnreadableSecret.
    """
    url, body = cipher.decrypt(endpoint["url"]), endpoint["body"]
    rendered_url = None if is_static(url) else _render_url(url, variables)
    try:
        rendered_body = None if body is None else _render_body(cipher.decrypt(body), variables)
    except _NotJson as error:
        return CallPayload(error.text, None, rendered_url, error=str(error))
    return CallPayload(rendered_body, None if rendered_body is None else CONTENT_TYPE, rendered_url)


def encrypt_url(payload: CallPayload, cipher: SecretCipher) -> CallPayload:
    """The payload as it is stored."""
    return payload if payload.url is None else replace(payload, url=cipher.encrypt(payload.url))


def _render_url(template: str, variables: Variables) -> str:
    """The URL. Characters that a URL can't have are escaped, except in the name of the host."""
    try:
        url = render(template, variables).strip()
    except TemplateError as error:
        raise TemplateError(f"the URL could not be rendered: {error}") from None
    scheme, separator, rest = url.partition("://")
    length = next((index for index, character in enumerate(rest) if character in "/?#"), len(rest))
    return f"{scheme}{separator}{rest[:length]}{quote(rest[length:], safe=_URL_CHARACTERS)}"


def _render_body(template: str, variables: Variables) -> str | None:
    """The body as compact JSON; None if nothing but white space is rendered. Raises TemplateError, also _NotJson."""
    try:
        text = render(template, variables)
    except TemplateError as error:
        raise TemplateError(f"the body could not be rendered: {error}") from None
    if not text.strip():
        return None
    try:
        value = json.loads(text, parse_constant=_reject_constant)
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        body.encode()
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno} of the rendered text"
        raise _NotJson(f"the rendered body is not JSON: {error.msg} at {position}", text) from None
    except UnicodeEncodeError:
        raise _NotJson("the rendered body has half of a surrogate pair", text) from None
    except ValueError:
        raise _NotJson("the rendered body has a number that JSON can't have", text) from None
    except RecursionError:
        raise _NotJson("the rendered body is nested too deeply", text) from None
    return body


def _reject_constant(name: str) -> Any:
    raise ValueError(name)

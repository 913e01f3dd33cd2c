"""The way through a dialect's door, in the order that its contract prescribes. What is said there is the dialect's."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic, perf_counter
from typing import Any, Final, Protocol

from app.adapters.database import Standing
from app.api.request import AskedCall
from app.api.router import Found, RouteTable, WrongVerb
from app.api.services import Services
from app.domain.permissions import Actor
from app.domain.users.api_keys import Admission
from app.http.body import NO_BODY, Body, BodyTooLarge, ClientGone, close, read_body
from app.http.request import GONE, Answer, Header, Note, Receive, Send, Visit, report

log = logging.getLogger("earshot.requests")

MOST_BODY: Final = 28 * 1024 * 1024
MOST_JSON: Final = 5 * 1024 * 1024
QUIET_SECONDS: Final = 60.0
MOST_CAUSES: Final = 20
LOOK_AGAIN_SECONDS: Final = 0.05
"""A request that has come so far only after this long has its key looked up again: it may have ended meanwhile."""


class Manners(Protocol):
    """What a dialect says and how it listens. The order of steps is the door's `serve`."""

    table: RouteTable

    async def pace(self, visit: Visit) -> tuple[Answer | None, tuple[Header, ...]]:
        """Count the request: a refusal, or headers for every answer."""
        ...

    def misdirected(self, visit: Visit, found: WrongVerb | None) -> Answer: ...

    def unknown_key(self, visit: Visit) -> Answer: ...

    def asked(self, visit: Visit, body: Body) -> dict[str, Any]: ...

    def may_name_verb(self, visit: Visit) -> bool:
        """Whether a POST may say that another verb is meant: by a header, or in a body of this kind."""
        ...

    def overridden(self, visit: Visit, asked: Mapping[str, Any]) -> str: ...

    def refused(self, error: Exception) -> Answer | None:
        """The words for a refusal, or None for an error that nobody foresaw."""
        ...

    def crashed(self) -> Answer: ...

    def finished(self, visit: Visit, answer: Answer, extra: tuple[Header, ...]) -> Answer:
        """Add what every answer of the dialect carries."""
        ...


class Door:
    """Serves one dialect's requests."""

    def __init__(self, services: Services, manners: Manners) -> None:
        self._services = services
        self._manners = manners
        self._note: Note | None = None
        self._told: dict[str, float] = {}
        """Causes of outages that were logged, and until when nothing more is said of each."""

    def noting(self, note: Note) -> None:
        """Have every request noted from now on."""
        self._note = note

    async def serve(self, visit: Visit, send: Send) -> None:
        """Answer one request: count, find the route, admit, read, call, word. Never raises but for a lost client."""
        manners = self._manners
        head = visit.method == "HEAD"
        if head:
            visit.method = "GET"
        extra: tuple[Header, ...] = ()
        unforeseen: Exception | None = None
        try:
            refusal, extra = await manners.pace(visit)
            answer = refusal or await self._answer(visit)
        except ClientGone:
            if self._note is not None:
                self._note(visit, GONE, perf_counter() - visit.began)
            return
        except Exception as error:
            refused = manners.refused(error)
            if refused is None:
                unforeseen = error
            elif refused.status == 503:
                self._tell_once(error)
            answer = refused or manners.crashed()
        answer = manners.finished(visit, answer, extra)
        if unforeseen is not None:
            report(visit, unforeseen)
        try:
            await _send(answer, visit.receive, send, head=head)
        except Exception as error:
            # In the midst of an answer that is written in pieces: it can only be broken off.
            report(visit, error)
            raise
        finally:
            if self._note is not None:
                self._note(visit, answer, perf_counter() - visit.began)

    def _tell_once(self, error: Exception) -> None:
        """Log why nothing could be answered: once a minute for each cause, for an outage refuses every request."""
        cause, at = " ".join(str(error).split()), monotonic()
        if at < self._told.get(cause, 0.0):
            return
        self._told = {told: until for told, until in self._told.items() if until > at}
        if len(self._told) >= MOST_CAUSES:
            return
        self._told[cause] = at + QUIET_SECONDS
        log.warning("answering 503, because of %s", cause)

    async def _answer(self, visit: Visit) -> Answer:
        manners = self._manners
        found = manners.table.find(visit.method, visit.path)
        may_be_overridden = visit.method == "POST" and manners.may_name_verb(visit)
        if not isinstance(found, Found) and not (may_be_overridden and isinstance(found, WrongVerb)):
            return manners.misdirected(visit, found)
        if isinstance(found, Found):
            visit.template = found.template
        admission = visit.admission
        if admission is None:
            if visit.untold is not None:
                raise visit.untold
            return manners.unknown_key(visit)
        body = await self._body(visit)
        try:
            if perf_counter() - visit.began > LOOK_AGAIN_SECONDS:
                # A client may take hours for a body.
                admission = await self._admitted_still(visit)
                if admission is None:
                    return manners.unknown_key(visit)
            asked = manners.asked(visit, body)
            if may_be_overridden:
                meant = manners.overridden(visit, asked)
                if meant != "POST":
                    found = manners.table.find(meant, visit.path)
                if not isinstance(found, Found):
                    return manners.misdirected(visit, found)
                visit.template = found.template
            assert isinstance(found, Found)
            call = AskedCall(
                self._services,
                admission,
                Standing(
                    admission.portal_id,
                    Actor(admission.user_id, admission.role, admission.key_id),
                    self._base_url(visit, admission),
                ),
                found.path,
                asked,
            )
            return await found.endpoint(call)
        finally:
            if body.fields:
                await close(body)

    async def _admitted_still(self, visit: Visit) -> Admission | None:
        assert visit.token is not None
        admission = await self._services.admissions.of(visit.token)
        return admission if admission is not None and admission.answers_on(visit.host) else None

    async def _body(self, visit: Visit) -> Body:
        length = visit.headers.get(b"content-length")
        if length is None and b"transfer-encoding" not in visit.headers:
            return NO_BODY
        return await read_body(
            visit.receive,
            content_type=visit.header(b"content-type"),
            content_length=int(length) if length is not None and length.isdigit() else None,
            cap=MOST_BODY,
            json_cap=MOST_JSON,
        )

    def _base_url(self, visit: Visit, admission: Admission) -> str:
        public = self._services.public
        if public.url is None:
            return visit.address
        if admission.only_portal or admission.host is None:
            return public.url
        return public.on(admission.host)


async def _send(answer: Answer, receive: Receive, send: Send, *, head: bool) -> None:
    status, body, headers = answer
    if isinstance(body, bytes):
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    if not head:
        gone = asyncio.create_task(_until_gone(receive))
        try:
            async for piece in body:
                if gone.done():
                    # Nobody would get the rest, which has yet to be read from the database.
                    break
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        finally:
            gone.cancel()
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    """Return when the client has hung up; what still comes of a body is thrown away."""
    while (await receive())["type"] != "http.disconnect":
        pass


__all__ = ["BodyTooLarge", "Door", "Manners", "Visit", "report"]

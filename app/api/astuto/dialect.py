"""Astuto's manners at the door: what is counted, what is said, and the headers that every answer carries.

docs/contracts/astuto.md, section 1.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

from app.api.astuto import errors, messages, params
from app.api.router import RouteTable, WrongVerb
from app.api.services import Services
from app.http.body import Body, kind_of
from app.http.request import Answer, Header, Visit

JSON: Final = (b"content-type", b"application/json; charset=utf-8")
_ALWAYS: Final[tuple[Header, ...]] = (
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_FRESH: Final = (b"cache-control", b"max-age=0, private, must-revalidate")
_NO_CACHE: Final = (b"cache-control", b"no-cache")
_VERBS: Final = ("PUT", "PATCH", "DELETE")
_NO_ROUTE: Final = Answer(404, messages.NO_ROUTE_BODY, (JSON,))
_OPTIONS: Final = Answer(200, b"", ())


class AstutoManners:
    """See `app.api.dialect.Manners`."""

    def __init__(self, services: Services, table: RouteTable) -> None:
        self._services = services
        self.table = table

    async def pace(self, visit: Visit) -> tuple[Answer | None, tuple[Header, ...]]:
        # Section 1.9: slots aligned to the epoch, so the slot's number is part of the counter's name.
        paces, now = self._services.paces, self._services.clock().timestamp()
        counted = []
        if paces.astuto_ip is not None:
            slot = int(now // paces.astuto_ip.seconds)
            counted.append((f"ai:{slot}:{visit.peer}", paces.astuto_ip))
        if paces.astuto_key is not None:
            # What follows an admitted key is the client's to choose, so that counting it would bound nothing.
            admitted, header = visit.admission is not None, visit.headers.get(b"authorization")
            word = visit.token if admitted else params.last_word(header)
            if word is not None:
                slot = int(now // paces.astuto_key.seconds)
                # A digest, because a key must not lie about in memory dumps or in Redis.
                digest = hashlib.blake2b(word.encode("latin-1", "replace"), digest_size=16).hexdigest()
                counted.append((f"ak:{slot}:{digest}", paces.astuto_key))
        if not counted:
            return None, ()
        counts = await self._services.counters.hit([(name, pace.seconds) for name, pace in counted], now)
        for count, (_, pace) in zip(counts, counted, strict=True):
            if count.hits > pace.limit:
                left = max(1, math.ceil((now // pace.seconds + 1) * pace.seconds - now))
                return Answer(
                    429,
                    messages.RETRY_LATER_BODY,
                    (
                        (b"content-type", b"text/plain"),
                        (b"retry-after", b"%d" % left),
                        (b"ratelimit-limit", b"%d" % pace.limit),
                        (b"ratelimit-remaining", b"0"),
                        (b"ratelimit-reset", b"%d" % left),
                    ),
                ), ()
        return None, ()

    def misdirected(self, visit: Visit, found: WrongVerb | None) -> Answer:
        if visit.is_preflight:
            # Section 1.13: a preflight is answered, but nothing is allowed to other origins.
            return _OPTIONS
        return _NO_ROUTE

    def unknown_key(self, visit: Visit) -> Answer:
        return errors.ACCESS_DENIED

    def asked(self, visit: Visit, body: Body) -> dict[str, Any]:
        said: dict[str, Any] = params.asked(visit.header(b"content-type"), visit.query, body)
        if "_method" in said:
            # Section 1.1: only a form names another verb so, neither the query nor JSON.
            said["_method"] = params.form_field(body, "_method")
        return said

    def may_name_verb(self, visit: Visit) -> bool:
        return b"x-http-method-override" in visit.headers or (
            visit.has_body and kind_of(visit.header(b"content-type")) in ("form", "multipart")
        )

    def overridden(self, visit: Visit, asked: Mapping[str, Any]) -> str:
        wanted = asked.get("_method")
        verb = wanted if isinstance(wanted, str) else visit.header(b"x-http-method-override")
        verb = verb.strip().upper()
        return verb if verb in _VERBS else "POST"

    def refused(self, error: Exception) -> Answer | None:
        return errors.refused(error)

    def crashed(self) -> Answer:
        return errors.UNEXPECTED

    def finished(self, visit: Visit, answer: Answer, extra: tuple[Header, ...]) -> Answer:
        status, body, headers = answer
        request_id = (b"x-request-id", visit.request_id.encode())
        if visit.method == "GET" and status == 200:
            if not isinstance(body, bytes):
                # Written in pieces, so nobody knows the whole yet by which to tag it.
                return Answer(status, body, (*headers, _FRESH, request_id, *_ALWAYS))
            # Section 1.13: a weak tag of the body, and 304 for who has it already.
            tag = b'W/"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
            held = visit.headers.get(b"if-none-match")
            if held is not None and _holds(held, tag):
                return Answer(304, b"", (_FRESH, (b"etag", tag), request_id, *_ALWAYS))
            return Answer(status, body, (*headers, _FRESH, (b"etag", tag), request_id, *_ALWAYS))
        return Answer(status, body, (*headers, _NO_CACHE, request_id, *_ALWAYS))


def _holds(if_none_match: bytes, tag: bytes) -> bool:
    """Whether the client has this version: one of several tags, weak or not."""
    held = [one.strip() for one in if_none_match.split(b",")]
    return tag in held or tag[2:] in held or b"*" in held

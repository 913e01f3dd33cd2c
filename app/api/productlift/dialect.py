"""ProductLift's manners at the door: what is counted, what is said, and the headers that every answer carries.

docs/contracts/productlift.md, sections 1 to 5.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from app.api.productlift import errors, params
from app.api.router import RouteTable, WrongVerb
from app.api.services import Services
from app.http.body import Body
from app.http.request import Answer, Header, Visit

_ALWAYS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-cache, private"),
    (b"access-control-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
)
_PREFLIGHT: Final = Answer(
    204,
    b"",
    (
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type, accept"),
        (b"access-control-max-age", b"86400"),
    ),
)


class ProductLiftManners:
    """See `app.api.dialect.Manners`."""

    def __init__(self, services: Services, table: RouteTable) -> None:
        self._services = services
        self.table = table

    async def pace(self, visit: Visit) -> tuple[Answer | None, tuple[Header, ...]]:
        # Section 2: the scheme word is matched exactly here, unlike at the door.
        if not visit.headers.get(b"authorization", b"").startswith(b"Bearer "):
            visit.admission = None
        pace = self._services.paces.productlift
        if pace is None or visit.method == "OPTIONS":
            return None, ()
        now = self._services.clock().timestamp()
        bucket = f"p:{visit.admission.key_id}" if visit.admission is not None else f"pi:{visit.peer}"
        (count,) = await self._services.counters.hit(((bucket, pace.seconds),), now)
        left = pace.limit - count.hits
        limit = (b"x-ratelimit-limit", b"%d" % pace.limit)
        remaining = (b"x-ratelimit-remaining", b"%d" % max(0, left))
        if left >= 0:
            return None, (limit, remaining)
        # Clients give up on more than a minute; in a longer window they ask again, and are told again.
        wait = min(60, max(1, math.ceil(count.ends_at - now)))
        refusal = errors.message(
            429,
            "Too Many Attempts.",
            (b"retry-after", b"%d" % wait),
            (b"x-ratelimit-reset", b"%d" % math.ceil(count.ends_at)),
        )
        return refusal, (limit, remaining)

    def misdirected(self, visit: Visit, found: WrongVerb | None) -> Answer:
        if visit.method == "OPTIONS":
            return _PREFLIGHT
        if found is None:
            return errors.NO_ROUTE
        verbs = sorted({*found.allowed, *(["HEAD"] if "GET" in found.allowed else [])}, key=_VERBS.index)
        text = f"The {visit.method} method is not supported for this route. Supported methods: {', '.join(verbs)}."
        return errors.message(405, text, (b"allow", ", ".join(verbs).encode()))

    def unknown_key(self, visit: Visit) -> Answer:
        return errors.UNAUTHENTICATED

    def asked(self, visit: Visit, body: Body) -> dict[str, Any]:
        return params.asked(visit.method, visit.header(b"content-type"), visit.query, body)

    def may_name_verb(self, visit: Visit) -> bool:
        return visit.has_body or visit.query != b"" or b"x-http-method-override" in visit.headers

    def overridden(self, visit: Visit, asked: Mapping[str, Any]) -> str:
        return params.overridden("POST", lambda name: visit.header(name.encode()) or None, asked)

    def refused(self, error: Exception) -> Answer | None:
        return errors.refused(error)

    def crashed(self) -> Answer:
        return errors.SERVER_ERROR

    def finished(self, visit: Visit, answer: Answer, extra: tuple[Header, ...]) -> Answer:
        request_id = (b"x-request-id", visit.request_id.encode())
        return Answer(answer.status, answer.body, (*answer.headers, *_ALWAYS, request_id, *extra))


_VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

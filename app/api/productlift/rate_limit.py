"""Counts requests for ProductLift's rate limit, and makes its headers and its 429. The contract, section 3."""

import math

from app.adapters.rate_limiter import RateLimit
from app.api.productlift import errors
from app.api.services import Services
from app.http.request import Header, RequestContext
from app.http.response import ApiResponse


async def count_request(
    services: Services, rate_limit: RateLimit, counter: str, request: RequestContext, *, refusal: str
) -> tuple[ApiResponse | None, tuple[Header, ...]]:
    """Count the request: a response above the limit, or headers for every response. Above it, sets `refusal`."""
    now = services.clock().timestamp()
    (count,) = await services.rate_limiter.hit(((counter, rate_limit.seconds),), now)
    remaining = rate_limit.limit - count.hits
    headers = (
        (b"x-ratelimit-limit", b"%d" % rate_limit.limit),
        (b"x-ratelimit-remaining", b"%d" % max(0, remaining)),
    )
    if remaining >= 0:
        return None, headers
    request.refusal = refusal
    # Clients give up on more than a minute; in a longer window they retry, and get another 429.
    wait = min(60, max(1, math.ceil(count.ends_at - now)))
    response = errors.message_response(
        429,
        "Too Many Attempts.",
        (b"retry-after", b"%d" % wait),
        (b"x-ratelimit-reset", b"%d" % math.ceil(count.ends_at)),
    )
    return response, headers

"""The description of Astuto's OpenAPI document."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from app.api.openapi import OpenApiDocument, describe_rate_limit
from app.api.services import RateLimits
from app.public_url import PublicUrl

_TEXT: Final = """\
The feedback of one portal, by **Astuto's API (v1)**. Clients of Astuto work unchanged with this server's address and
an API key of this dialect.

## Authentication

Every request carries `Authorization: Bearer KEY`. A key looks like `tkn_admin_…` (an administrator's) or `tkn_mod_…`
(a moderator's), belongs to one user of one portal, and is shown once, when it is created:

    earshot keys create --user owner@example.com --dialect astuto

Without a valid key the response is 401 `{"errors":["Access denied."]}`. It is also 401 when the key's user lacks a
permission. To try requests on this page, press *Authorize* and paste the key.

## URLs

The same routes are served at `{path}/astuto/api/v1` and at `{path}/api/v1`. At `{path}/api/v1` the key
determines the dialect, so an existing client keeps its paths. This document is also at
`{path}/api-docs/v1/swagger.yaml`, with the paths of an existing client, such as `/api/v1/posts`.

## A first request

    curl -H 'Authorization: Bearer KEY' '{address}/api/v1/posts?limit=20'
    curl -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\
         -d '{"title": "Dark mode", "board_id": 1}' {address}/api/v1/posts

## Impersonation

With an administrator's key, `impersonated_user_id` creates posts, comments, votes and status changes as another user.

## Rate limits

{limits}

## Errors

Errors are `{"errors": [one or more messages]}`: 400 for parameters that are missing or malformed, 401, 404, and 422
for invalid values.
"""
_TAGS: Final = {
    "Boards": "Lists of posts; every post is on one.",
    "Posts": "Ideas and requests.",
    "Votes": "Votes for posts. One vote for each user and post.",
    "Comments": "Comments on posts; official ones are updates by the team.",
    "Users": "The users of the portal.",
    "Post statuses": "The stages of posts, such as planned or completed.",
}


def document(rate_limits: RateLimits, public: PublicUrl, routers: Sequence[APIRouter]) -> OpenApiDocument:
    """The OpenAPI document of the dialect."""
    by_key, by_ip = describe_rate_limit(rate_limits.astuto_key), describe_rate_limit(rate_limits.astuto_ip)
    limits = f"{by_key} for each key, and {by_ip} for each address"
    text = f"{limits[:1].upper()}{limits[1:]}."
    too_many = "This server has no rate limit"
    if rate_limits.astuto_key is not None or rate_limits.astuto_ip is not None:
        text += " Above that the response is 429 `Retry later`, with `Retry-After` in seconds."
        too_many = f"Too many requests: the limit is {limits}"
    return OpenApiDocument(
        product="Astuto",
        description=_TEXT.replace("{limits}", text),
        key="tkn_admin_…",
        too_many=too_many,
        public=public,
        tags=_TAGS,
        routers=routers,
    )

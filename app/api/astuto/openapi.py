"""What Astuto's interface tells those who read its document, before the first route."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from app.api.openapi import OpenApiDocument, describe_rate_limit
from app.api.services import RateLimits
from app.public_url import PublicUrl

_TEXT: Final = """\
The feedback of one portal, as **Astuto's API (v1)** speaks of it. Programs written for Astuto work here unchanged:
give them this server's address and a key of this dialect.

## The key

Every request carries `Authorization: Bearer KEY`. A key looks like `tkn_admin_…` (an administrator's) or `tkn_mod_…`
(a moderator's), belongs to one user of one portal, and is shown once, when it is made:

    earshot keys create --user owner@example.com --dialect astuto

Without a valid key the answer is 401 `{"errors":["Access denied."]}`; when the key's user may not do something it is
401, too. To try requests on this page, press *Authorize* and paste the key.

## The address

The same routes are served at `{path}/astuto/api/v1` and at `{path}/api/v1`. At `{path}/api/v1` the key decides which
dialect answers, so an existing client keeps its paths. This document is also at `{path}/api-docs/v1/swagger.yaml`.

## A first request

    curl -H 'Authorization: Bearer KEY' '{address}/api/v1/posts?limit=20'
    curl -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\
         -d '{"title": "Dark mode", "board_id": 1}' {address}/api/v1/posts

## In somebody else's name

An administrator's key may name `impersonated_user_id` where posts, comments, votes and status changes are written.

## How often

{key_pace} for each key, and {ip_pace} for each address. Above that the answer is 429 `Retry later`, with
`Retry-After` in seconds.

## When something is wrong

Errors are `{"errors": [one or more sentences]}`: 400 for parameters that are missing or can't be read, 401, 404, and
422 for values that break a rule.
"""
_TAGS: Final = {
    "Boards": "Lists of posts; every post is on one.",
    "Posts": "Ideas and wishes.",
    "Votes": "Who wants a post. One vote for each user and post.",
    "Comments": "What is said about a post; official ones are updates by the team.",
    "Users": "The people of the portal.",
    "Post statuses": "Where posts stand.",
}


def document(paces: RateLimits, public: PublicUrl, routers: Sequence[APIRouter]) -> OpenApiDocument:
    """The dialect's document."""
    key_pace = describe_rate_limit(paces.astuto_key)
    text = _TEXT.replace("{key_pace}", key_pace[:1].upper() + key_pace[1:])
    text = text.replace("{ip_pace}", describe_rate_limit(paces.astuto_ip))
    return OpenApiDocument(
        dialect="astuto",
        title="Earshot: Astuto's API",
        description=text.replace("{address}", public.url or "http://127.0.0.1:8000").replace("{path}", public.path),
        key="A key of the Astuto dialect, such as `tkn_admin_…`.",
        servers=(
            (public.link("/astuto/api/v1"), "Astuto's dialect, whatever the key"),
            (public.link("/api/v1"), "Where existing clients ask: the key decides the dialect"),
        ),
        tags=_TAGS,
        routers=routers,
    )

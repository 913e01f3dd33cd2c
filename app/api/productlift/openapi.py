"""The description of ProductLift's OpenAPI document."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from app.api.openapi import OpenApiDocument, describe_rate_limit
from app.api.services import RateLimits
from app.public_url import PublicUrl

_TEXT: Final = """\
The feedback of one portal, by **ProductLift's API (v1)**. Clients of ProductLift work unchanged with this server's
address and an API key of this dialect.

## Authentication

Every request carries `Authorization: Bearer KEY`, with `Bearer` in exactly this case. A key looks like
`2|x0…` and belongs to an administrator or the owner of one portal. It is shown once, when it is created:

    earshot keys create --user owner@example.com --dialect productlift

Without a valid key the response is 401 `{"message":"Unauthenticated."}`. To try requests on this page, press
*Authorize* and paste the key.

## URLs

The same routes are served at `{path}/productlift/api/v1` and at `{path}/api/v1`. At `{path}/api/v1` the key determines
the dialect, so an existing client keeps its paths.

## A first request

    curl -H 'Authorization: Bearer KEY' '{address}/api/v1/posts?order_by=votes_count&limit=20'
    curl -H 'Authorization: Bearer KEY' -F title='Dark mode' -F image=@screenshot.png {address}/api/v1/posts

## Input

Parameters may be in the query, in a form, in multipart or in JSON; a JSON body is also read with GET. Strings
are trimmed, and an empty string is null. A PATCH changes only the fields that are sent. A POST with `_method=PATCH`
(or `PUT`, `DELETE`) is handled as that method, which is how files are sent with an update.

## Rate limits

{limits}

## Errors

Errors are `{"message": …}`. For invalid input the response is 422, and `errors` has the messages by field:
`{"message":"The given data was invalid.","errors":{"title":["The title field is required."]}}`.
"""
_TAGS: Final = {
    "Posts": "Ideas and requests. A post is identified by its six-character code or by its number.",
    "Votes": "Votes for posts, of users or anonymous. One vote for each user, and for each anonymous id, and post.",
    "Comments": "Comments on posts.",
    "Users": "The users of the portal, identified by UUID.",
    "Groups": "Sets of users, filled by hand. They only hold members: no board or post is limited to a group.",
    "Categories": "Labels that visitors see; a post may have several.",
    "Tags": "Labels that only the team sees; a post may have several.",
    "Statuses": "The stages of posts. One is the default of new posts.",
    "Sections": "Groups of posts inside a tab.",
    "Tabs": "Pages of the portal; each shows the posts of its statuses.",
    "Moderation": "Posts that are pending approval.",
    "Feedback": "The team's inbox, which visitors don't see.",
    "Product vision": "What the product is to become: one document, for the team.",
    "Portal": "The portal itself.",
    "Text assistance": "Operations that need a language model, which this server does not have.",
}


def document(rate_limits: RateLimits, public: PublicUrl, routers: Sequence[APIRouter]) -> OpenApiDocument:
    """The OpenAPI document of the dialect."""
    limits = f"{describe_rate_limit(rate_limits.productlift)} for each key, and for each address without a valid one"
    text = f"{limits[:1].upper()}{limits[1:]}."
    too_many = "This server has no rate limit"
    if rate_limits.productlift is not None:
        text += (
            " Every response has `x-ratelimit-limit` and\n`x-ratelimit-remaining`; 429 has `retry-after` in seconds."
        )
        too_many = f"Too many requests: the limit is {limits}"
    return OpenApiDocument(
        product="ProductLift",
        description=_TEXT.replace("{limits}", text),
        key="2|x0…",
        too_many=too_many,
        public=public,
        tags=_TAGS,
        routers=routers,
    )

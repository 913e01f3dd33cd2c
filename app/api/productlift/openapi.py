"""What ProductLift's interface tells those who read its document, before the first route."""

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter

from app.api.openapi import OpenApiDocument, describe_rate_limit
from app.api.services import RateLimits
from app.public_url import PublicUrl

_TEXT: Final = """\
The feedback of one portal, as **ProductLift's API (v1)** speaks of it. Programs written for ProductLift work here
unchanged: give them this server's address and a key of this dialect.

## The key

Every request carries `Authorization: Bearer KEY`, with the word `Bearer` spelt so. A key looks like
`2|x0…` and belongs to one administrator of one portal; it is shown once, when it is made:

    earshot keys create --user owner@example.com --dialect productlift

Without a valid key the answer is 401 `{"message":"Unauthenticated."}`. To try requests on this page, press
*Authorize* and paste the key.

## The address

The same routes are served at `{path}/productlift/api/v1` and at `{path}/api/v1`. At `{path}/api/v1` the key decides
which dialect answers, so an existing client keeps its paths.

## A first request

    curl -H 'Authorization: Bearer KEY' '{address}/api/v1/posts?order_by=votes_count&limit=20'
    curl -H 'Authorization: Bearer KEY' -F title='Dark mode' -F image=@screenshot.png {address}/api/v1/posts

## What goes in

Parameters may come in the query, as a form, as multipart or as JSON; on GET, too, a JSON body is read. Texts are
trimmed, and an empty text counts as null. A PATCH changes only what it names. A POST with `_method=PATCH` (or `PUT`,
`DELETE`) is taken for that verb, which is how files are sent with an update.

## How often

{pace} for each key, and for each address without a valid one. Every answer tells `x-ratelimit-limit` and
`x-ratelimit-remaining`; 429 tells `retry-after` in seconds.

## When something is wrong

Errors are `{"message": …}`. When the input breaks a rule the answer is 422, and `errors` tells it by field:
`{"message":"The given data was invalid.","errors":{"title":["The title field is required."]}}`.
"""
_TAGS: Final = {
    "Posts": "Ideas and wishes. A post is named by its six-character code or by its number.",
    "Votes": "Who wants a post. One vote for each user and post.",
    "Comments": "What is said about a post.",
    "Users": "The people of the portal, named by UUID.",
    "Categories": "Labels that visitors see; a post may carry several.",
    "Statuses": "Where posts stand. One is the default of new posts.",
    "Sections": "Groups of posts inside a tab.",
    "Tabs": "Pages of the portal; each shows the posts of its statuses.",
    "Moderation": "Posts that wait for approval.",
    "Portal": "The portal itself.",
}


def document(paces: RateLimits, public: PublicUrl, routers: Sequence[APIRouter]) -> OpenApiDocument:
    """The dialect's document."""
    pace = describe_rate_limit(paces.productlift)
    text = _TEXT.replace("{pace}", pace[:1].upper() + pace[1:])
    return OpenApiDocument(
        dialect="productlift",
        title="Earshot: ProductLift's API",
        description=text.replace("{address}", public.url or "http://127.0.0.1:8000").replace("{path}", public.path),
        key="A key of the ProductLift dialect, such as `2|x0…`.",
        servers=(
            (public.link("/productlift/api/v1"), "ProductLift's dialect, whatever the key"),
            (public.link("/api/v1"), "Where existing clients ask: the key decides the dialect"),
        ),
        tags=_TAGS,
        routers=routers,
    )

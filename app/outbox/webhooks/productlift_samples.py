"""Sample events in ProductLift's format, to try an endpoint with."""

import secrets
import string
from typing import Final

from app.adapters.storage.signed_urls import FileSigner
from app.api.productlift.post_links import PostLinks
from app.api.productlift.serializers import POST_IDS, POSTS, serialize_comment, serialize_post, serialize_user
from app.domain.portals import statuses
from app.domain.posts.filters import PostFilter
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.outbox.webhooks import productlift_resources as resources
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.productlift import ID_LENGTH, make_payload
from app.outbox.webhooks.productlift_resources import Resource

_UUID: Final = "00000000-0000-4000-8000-000000000001"
_USER: Final = (_UUID, "Jane Roe", "jane.roe@example.com", "user", 3, 2, 1, None, 1)


def make_sample(work: UnitOfWork, name: str, *, base_url: str, signer: FileSigner) -> CallPayload:
    """The call of an event that did not happen, about the newest post of the portal, or about an invented one.

    The vote and the comment are always invented. Each sample has another id, so that no receiver takes it for a
    repetition.
    """
    portal, is_private = resources.load_portal(work)
    post = _load_post(work, PostLinks(base_url, signer, is_private))
    user = post["author"] or serialize_user(*_USER)
    data: Resource = {"post": post, "user": user, "portal": portal}
    if name.startswith("vote."):
        data = {"vote": resources.serialize_vote(1, created_at=work.now, voter=user), **data}
    elif name.startswith("comment."):
        row = (1, None, "A sample comment", False, False, None, work.now, work.now, False, *_USER)
        data = {"comment": {**serialize_comment(row, post["url"]), "author": user}, **data}
    elif name == "post.status_changed":
        data |= {"old_status": _load_first_status(work), "new_status": post["status"]}
    envelope_id = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(ID_LENGTH))
    return make_payload(envelope_id, name, format_seconds(work.now), data)


def _load_post(work: UnitOfWork, links: PostLinks) -> Resource:
    newest = POST_IDS.page(work, PostFilter(), order="created_at", descending=True, offset=0, limit=1)
    if newest:
        # Not in the page, which rejects long texts.
        return serialize_post(POSTS.by_id(work, newest[0][0]), links)
    row = (
        *(1, "Sample", "sample-post", "A sample post", "This post is invented.", "This post is invented.", ""),
        *(None, False, 1, 1, 0, work.now, work.now, work.now),
        *_USER,
        *("[]", None, None, None, None, None, "approved", None, None, None, None, None, None),
    )  # fmt: skip
    return serialize_post(row, links)


def _load_first_status(work: UnitOfWork) -> Resource | None:
    for status_id, name, color, _, tab_name, *_ in statuses.list_all(work):
        return {"id": status_id, "name": name, "color": color, "tab_name": tab_name}
    return None

"""Sample variables for Astuto's templates, to preview a call and to try an endpoint with."""

from typing import Final

from app.adapters.encryption import SecretCipher
from app.api.astuto.serializers import BOARDS, COMMENTS, POSTS, USERS, VOTES
from app.domain.posts.filters import PostFilter
from app.domain.unit_of_work import Row, UnitOfWork
from app.outbox.webhooks import astuto_variables as variables
from app.outbox.webhooks.astuto import encrypt_url, render_call
from app.outbox.webhooks.astuto_variables import Variables
from app.outbox.webhooks.payload import CallPayload

_TIMES: Final = {"created_at": "2026-01-12T09:30:00.000Z", "updated_at": "2026-01-12T09:30:00.000Z"}
_USER: Final = {
    "id": 1,
    "email": "jane.roe@example.com",
    "full_name": "Jane Roe",
    "role": "user",
    "status": "active",
    **_TIMES,
}
_BOARD: Final = {"id": 1, "name": "Feature Requests", "description": None, "slug": "feature-requests", **_TIMES}
_STATUS: Final = {"id": 1, "name": "Planned", "color": "#0096ff", "show_in_roadmap": True, **_TIMES}
_COMMENT: Final = {"id": 1, "body": "A sample comment", "user_id": 1, "post_id": 1, **_TIMES}
_SLUG: Final = "sample-post"


def make_sample(work: UnitOfWork, endpoint: Row, trigger: str, *, base_url: str, cipher: SecretCipher) -> CallPayload:
    """The call of an event that did not happen, as it is stored. Raises TemplateError and UnreadableSecret."""
    return encrypt_url(preview(work, endpoint, trigger, base_url=base_url, cipher=cipher), cipher)


def preview(work: UnitOfWork, endpoint: Row, trigger: str, *, base_url: str, cipher: SecretCipher) -> CallPayload:
    """What the endpoint's templates make of a sample; the URL is not encrypted, and None if it has no tags.

    Raises TemplateError and UnreadableSecret.
    """
    return render_call(endpoint, load_sample(work, trigger, base_url=base_url), cipher)


def load_sample(work: UnitOfWork, trigger: str, *, base_url: str) -> Variables:
    """The variables of a trigger, about the newest rows of the portal. What the portal does not have is invented."""
    tenant = {"tenant": variables.load_tenant(work)}
    if trigger == "delete_post":
        return {**tenant, "post": {"id": _load_newest_post(work, base_url)["post"]["id"]}}
    if trigger == "new_user":
        return {**tenant, "user": _load_newest_user(work)}
    if trigger == "new_vote":
        return {**tenant, **_load_vote(work, base_url)}
    if trigger == "new_comment":
        return {**tenant, **_load_comment(work, base_url)}
    post = _load_newest_post(work, base_url)
    if trigger == "post_status_change":
        statuses = variables.load_statuses(work)
        return {**tenant, **post, "post_status": statuses[-1] if statuses else _STATUS}
    return {**tenant, **post}


def _load_newest_post(work: UnitOfWork, base_url: str) -> Variables:
    ids = POSTS.ids(work, PostFilter(), order="created_at", descending=True, offset=0, limit=1)
    return variables.load_post(work, ids[0], base_url=base_url) if ids else _invent_post(work, base_url)


def _invent_post(work: UnitOfWork, base_url: str) -> Variables:
    boards = [variables.make_board(row) for row in BOARDS.all(work)] or [_BOARD]
    author = _load_newest_user(work)
    return {
        "post": {
            "id": 1,
            "title": "A sample post",
            "description": "This post is invented.",
            "slug": _SLUG,
            "board_id": boards[0]["id"],
            "user_id": author["id"],
            **_TIMES,
            "url": f"{base_url}/posts/{_SLUG}",
        },
        "post_author": author,
        "board": boards[0],
    }


def _load_newest_user(work: UnitOfWork) -> Variables:
    ids = USERS.ids(work, newest_first=True, offset=0, limit=1)
    return (variables.load_user(work, ids[0]) if ids else None) or _USER


def _load_vote(work: UnitOfWork, base_url: str) -> Variables:
    ids = VOTES.ids(work, offset=0, limit=1)
    if not ids:
        return {"vote_author": _load_newest_user(work), **_load_newest_post(work, base_url)}
    _, post_id, _, _, voter_id, *_ = VOTES.by_id(work, ids[0])
    return {
        "vote_author": variables.load_user(work, voter_id),
        **variables.load_post(work, post_id, base_url=base_url),
    }


def _load_comment(work: UnitOfWork, base_url: str) -> Variables:
    ids = COMMENTS.ids(work, offset=0, limit=1)
    if ids:
        comment = variables.load_comment(work, ids[0])
        return {**comment, **variables.load_post(work, comment["comment"]["post_id"], base_url=base_url)}
    post, author = _load_newest_post(work, base_url), _load_newest_user(work)
    comment = {**_COMMENT, "user_id": author["id"], "post_id": post["post"]["id"]}
    return {"comment": comment, "comment_author": author, **post}

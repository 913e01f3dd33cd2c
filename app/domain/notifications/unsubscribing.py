"""What the link in an email ends, and how it is started again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import and_, bindparam, case, select

from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import Follow, Post
from app.domain.notifications import choices
from app.domain.notifications.choices import Choices
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.posts import follows
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork

FOLLOWER_KINDS: Final = frozenset({"post_update", "status_change"})
"""The kinds that the followers of a post get: unsubscribing ends the follow of the post, and of no other one."""
COLLECTED: Final = ("daily", "weekly")
"""The cadences whose kinds are sent in a digest."""

_LINKED_POST: Final = Statement(
    select(case((IS_PUBLIC, Post.title)).label("title"), Follow.user_id.is_not(None).label("is_followed"))
    .outerjoin(
        Follow,
        and_(Follow.post_id == Post.id, Follow.portal_id == Post.portal_id, Follow.user_id == bindparam("user")),
    )
    .where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post"))
)


@dataclass(frozen=True, slots=True)
class LinkedPost:
    """The post of an email; the title is None while visitors can't see the post."""

    title: str | None
    is_followed: bool


@dataclass(frozen=True, slots=True)
class Resumption:
    """What starts the emails of a link again. It is empty if that is not known, so that the user has to choose."""

    cadences: Mapping[str, str] = field(default_factory=dict)
    """By kind."""
    recap: str | None = None
    follow: bool = False
    """Whether to follow the post again."""


def find_linked_post(work: UnitOfWork, user_id: int, post_id: int | None) -> LinkedPost | None:
    """The post, if it exists. Raises as `choices.get_choices`."""
    choices.get_choices(work, user_id)
    row = None if post_id is None else work.fetch_one(_LINKED_POST, post=post_id, user=user_id)
    return None if row is None else LinkedPost(row["title"], bool(row["is_followed"]))


def find_resumption(work: UnitOfWork, user_id: int, *, kind: str, post_id: int | None) -> Resumption | None:
    """What starts the emails of this kind again; None while they are sent.

    Raises Forbidden, NotFound("user") also for a deleted one, ValidationFailed for another kind.
    """
    chosen = choices.get_choices(work, user_id)
    if kind not in (*NOTIFICATION_KINDS, RECAP, DIGEST):
        raise ValidationFailed([FieldError("kind", "invalid")])
    if not chosen.enabled:
        return Resumption()
    if kind in FOLLOWER_KINDS and post_id is not None:
        post = find_linked_post(work, user_id, post_id)
        if post is not None and post.is_followed:
            return None if chosen.cadences[kind] != "never" else Resumption()
        return Resumption(follow=post is not None and post.title is not None)
    if kind == RECAP:
        return None if chosen.recap not in (None, "never") else Resumption()
    if kind == DIGEST:
        return None if _find_collected(chosen) else Resumption()
    cadence = chosen.cadences.get(kind)
    if cadence is None:
        return Resumption()
    return Resumption({kind: "at_once"}) if cadence == "never" else None


def unsubscribe(work: UnitOfWork, user_id: int, *, kind: str, post_id: int | None) -> Resumption:
    """End what sent an email of this kind to the user, and return what undoes that. Doing so again changes nothing.

    An email to the followers of a post: the user does not follow this post any more. A digest: the kinds that the user
    gets in digests are not sent at all. The staff summary, and any other kind: it is not sent any more.

    Raises as `find_resumption`.
    """
    chosen = choices.get_choices(work, user_id)
    is_sent = find_resumption(work, user_id, kind=kind, post_id=post_id) is None
    undoing = None
    if kind in FOLLOWER_KINDS and post_id is not None:
        choices.stop_following(work, user_id, post_id)
    elif kind == RECAP:
        undoing = Resumption(recap=chosen.recap)
        choices.set_recap(work, user_id, "never")
    elif kind == DIGEST:
        undoing = Resumption(_find_collected(chosen))
        for collected in undoing.cadences:
            choices.set_choice(work, user_id, collected, "never")
    else:
        undoing = Resumption({kind: chosen.cadences.get(kind, "never")})
        choices.set_choice(work, user_id, kind, "never")
    if is_sent and undoing is not None:
        return undoing
    return find_resumption(work, user_id, kind=kind, post_id=post_id) or Resumption()


def resume(
    work: UnitOfWork, user_id: int, *, kind: str, post_id: int | None, cadences: Mapping[str, str], recap: str | None
) -> None:
    """Start the emails of this kind again, as a Resumption says. Other kinds than those of the link are ignored.

    Raises as `find_resumption`, ValidationFailed also for an unknown cadence, NotFound("post") for a post that visitors
    can't see.
    """
    if kind in FOLLOWER_KINDS and post_id is not None:
        follows.resume(work, post_id=post_id, user_id=user_id)
    elif kind == RECAP:
        if recap is not None:
            choices.set_recap(work, user_id, recap)
    elif kind == DIGEST or kind in NOTIFICATION_KINDS:
        for name, cadence in cadences.items():
            if kind in (DIGEST, name):
                choices.set_choice(work, user_id, name, cadence)
    else:
        raise ValidationFailed([FieldError("kind", "invalid")])


def _find_collected(chosen: Choices) -> dict[str, str]:
    """The kinds that are sent in a digest, with their cadences."""
    return {kind: cadence for kind, cadence in chosen.cadences.items() if cadence in COLLECTED}

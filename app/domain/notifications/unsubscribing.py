"""What the link in an email ends."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, bindparam, case, select

from app.domain.errors import FieldError, ValidationFailed
from app.domain.models import Follow, Post
from app.domain.notifications import choices
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork

FOLLOWER_KINDS: Final = frozenset({"post_update", "status_change"})
"""The kinds that the followers of a post get: unsubscribing ends the follow of the post, and of no other one."""

_FOLLOWED: Final = Statement(
    select(case((IS_PUBLIC, Post.title)).label("title"))
    .join(Follow, and_(Follow.post_id == Post.id, Follow.portal_id == Post.portal_id))
    .where(Post.portal_id == PORTAL_ID, Post.id == bindparam("post"), Follow.user_id == bindparam("user"))
)


@dataclass(frozen=True, slots=True)
class FollowedPost:
    """A post that a user follows; the title is None while visitors can't see the post."""

    title: str | None


def find_followed_post(work: UnitOfWork, user_id: int, post_id: int | None) -> FollowedPost | None:
    """The post, if the user follows it. Raises as `choices.get_choices`."""
    choices.get_choices(work, user_id)
    row = None if post_id is None else work.fetch_one(_FOLLOWED, post=post_id, user=user_id)
    return None if row is None else FollowedPost(row["title"])


def unsubscribe(work: UnitOfWork, user_id: int, *, kind: str, post_id: int | None) -> None:
    """End what sent an email of this kind to the user. Doing so again changes nothing.

    An email to the followers of a post: the user does not follow this post any more. A digest: the kinds that the user
    gets in digests are not sent at all. The staff summary, and any other kind: it is not sent any more.

    Raises Forbidden, NotFound("user") also for a deleted one, ValidationFailed for another kind.
    """
    chosen = choices.get_choices(work, user_id)
    if kind in FOLLOWER_KINDS and post_id is not None:
        choices.stop_following(work, user_id, post_id)
    elif kind == RECAP:
        choices.set_recap(work, user_id, "never")
    elif kind == DIGEST:
        for collected, cadence in chosen.cadences.items():
            if cadence in ("daily", "weekly"):
                choices.set_choice(work, user_id, collected, "never")
    elif kind in NOTIFICATION_KINDS:
        choices.set_choice(work, user_id, kind, "never")
    else:
        raise ValidationFailed([FieldError("kind", "invalid")])

"""The place of a post among others, where a list is sorted by hand. New posts come last."""

from typing import Final

from sqlalchemy import bindparam, update

from app.domain.model import Post
from app.domain.model.feedback import UNPLACED
from app.domain.policy import Act
from app.domain.refusals import Invalid, NotFound, Problem
from app.domain.statements import Statement, portal
from app.domain.work import Work

_PLACE: Final = Statement(
    update(Post).where(Post.portal_id == portal, Post.id == bindparam("post")).values(position=bindparam("position"))
)


def place(work: Work, post_id: int, position: int | None) -> None:
    """Put a post in a place, smaller ones first; None puts it behind all that have one.

    Its `updated_at` stays. Raises Forbidden, NotFound("post"), Invalid for a place below 0 or beyond all.
    """
    work.require(Act.MANAGE_CATALOGUE)
    if position is not None and not 0 <= position < UNPLACED:
        raise Invalid([Problem("position", "invalid")])
    if not work.run(_PLACE, post=post_id, position=UNPLACED if position is None else position):
        raise NotFound("post", post_id)

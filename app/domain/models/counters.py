"""Stored counts of posts, so that the total of a list is exact without counting all rows."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.models.base import Base, BigId, check_in

COUNTER_KINDS = ("portal", "board", "status", "category")
SHARDS = 16
"""A count is spread over this many rows, so that concurrent creates seldom wait for each other."""


class PostCounter(Base):
    """A count of posts is the sum over the shards.

    `portal` and `board` count all their posts. `status` counts every post once, by its status and section; `category`
    counts a post once for each of its categories, by category, status and section. So the total of a list that is
    filtered by any of these three is a sum over some of these rows.
    """

    __tablename__ = "tallies"
    __table_args__ = (
        CheckConstraint(check_in("kind", *COUNTER_KINDS), name="kind"),
        {"sqlite_with_rowid": False, "postgresql_with": {"fillfactor": "50"}},
    )

    portal_id: Mapped[int] = mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    ref_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    """The board or category; 0 for the other kinds."""
    status_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    """0 for none, and for the kinds that don't distinguish it."""
    section_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    """0 for none, and for the kinds that don't distinguish it."""
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    posts: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))

"""Queries for posts with their tags, which cost nothing where there are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, case, literal_column

from app.domain.models import Post, PostTag, Tag
from app.domain.posts.filters import PostFilter
from app.domain.posts.queries import PostQuery, select_labels
from app.domain.unit_of_work import Row, UnitOfWork

TAGS: Final[ColumnElement[str | None]] = case(
    (Post.tags_count > literal_column("0"), select_labels(Tag, PostTag, PostTag.tag_id))
)
"""The tags of the post as JSON text: id, name, color. Null without tags."""


@dataclass(eq=False)
class TaggedPostQuery(PostQuery):
    """As PostQuery, with one more column after the others: the tags as JSON text, or 0 or None without tags.

    A subquery for the tags costs PostgreSQL a tenth of the time of a get, whether or not the post has any. So the
    statements select the number of tags instead, until a process reads a post with tags. It reads this page again with
    the tags, and from then on all pages of this portal.
    """

    def __post_init__(self) -> None:
        self._with_tags = PostQuery((*self.columns, TAGS), bounded=self.bounded)
        self._portals_with_tags: set[int] = set()
        self._tags_index = len(self.columns)
        self.columns = (*self.columns, Post.tags_count)
        super().__post_init__()

    def by_id(self, work: UnitOfWork, post_id: int) -> Row:
        if work.portal_id not in self._portals_with_tags:
            row = super().by_id(work, post_id)
            if not self._has_tags(work, (row,)):
                return row
        return self._with_tags.by_id(work, post_id)

    def by_code(self, work: UnitOfWork, code: str) -> Row:
        if work.portal_id not in self._portals_with_tags:
            row = super().by_code(work, code)
            if not self._has_tags(work, (row,)):
                return row
        return self._with_tags.by_code(work, code)

    def by_ids(self, work: UnitOfWork, ids: Sequence[int]) -> list[Row]:
        if work.portal_id not in self._portals_with_tags:
            rows = super().by_ids(work, ids)
            if not self._has_tags(work, rows):
                return rows
        return self._with_tags.by_ids(work, ids)

    def page(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> Sequence[Row]:
        if work.portal_id not in self._portals_with_tags:
            rows = super().page(work, filters, order=order, descending=descending, offset=offset, limit=limit)
            if not self._has_tags(work, rows):
                return rows
        return self._with_tags.page(work, filters, order=order, descending=descending, offset=offset, limit=limit)

    def page_with_total(
        self, work: UnitOfWork, filters: PostFilter, *, order: str, descending: bool, offset: int, limit: int
    ) -> tuple[Sequence[Row], int]:
        if work.portal_id not in self._portals_with_tags:
            rows, total = super().page_with_total(
                work, filters, order=order, descending=descending, offset=offset, limit=limit
            )
            if not self._has_tags(work, rows):
                return rows, total
        return self._with_tags.page_with_total(
            work, filters, order=order, descending=descending, offset=offset, limit=limit
        )

    def _has_tags(self, work: UnitOfWork, rows: Sequence[Row]) -> bool:
        """Whether any of the rows has tags. If so, the next statements for this portal select them."""
        index = self._tags_index
        for row in rows:
            if row[index]:
                self._portals_with_tags.add(work.portal_id)
                return True
        return False

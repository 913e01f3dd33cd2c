"""Reading posts: one row each, with what belongs to it, in one constant statement however the list is filtered.

A door says once which columns it shows (`PostView`); this module knows how to fetch them. Nothing is built at a request
but a look-up of the statement for the shape of its filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Select, and_, bindparam, cast, func, literal_column, select
from sqlalchemy.orm import QueryableAttribute, aliased

from app.domain.model import Board, Category, Post, PostCategory, Status, Tab, Tally, User
from app.domain.refusals import NotFound
from app.domain.statements import Column, Statement, among, json_objects, portal
from app.domain.windows import Window, window
from app.domain.work import Row, Work

AUTHOR: Final = aliased(User, name="author")
"""The post's author, as columns of a post's row; all null for an anonymous post."""

CATEGORIES: Final = json_objects(
    select(Category.id, Category.name, Category.color)
    .join(PostCategory, PostCategory.category_id == Category.id)
    .where(PostCategory.post_id == Post.id)
    # The same order as by the category's own id, but one in which the index already is.
    .order_by(PostCategory.category_id)
    .correlate(Post)
    .subquery()
)
"""The post's categories as ready JSON text: id, name, color."""

ORDERS: Final[dict[str, Column]] = {
    "title": Post.title,
    "created_at": Post.created_at,
    "updated_at": Post.updated_at,
    "votes_count": Post.votes_count,
    "comments_count": Post.comments_count,
    "latest_status_change": Post.status_changed_at,
    "order": Post.position,
}
"""What lists may be sorted by. Every order ends with the id, so that pages neither repeat nor miss a post."""

CODE_LENGTH: Final = 6

MOST_IN_ONE_PIECE: Final = 1000
"""Longer lists are answered in pieces; see `page_in_pieces`."""


@dataclass(frozen=True, slots=True)
class PostFilter:
    """What a list is narrowed to; all that are given must hold. A list means any of."""

    board_ids: Sequence[int] | None = None
    user_ids: Sequence[int] | None = None
    status_ids: Sequence[int] | None = None
    category_ids: Sequence[int] | None = None
    section_ids: Sequence[int] | None = None
    tab_url: str | None = None

    def given(self) -> dict[str, Any]:
        """The filters in use, by their parameter's name."""
        found: dict[str, Any] = {}
        for name in ("board_ids", "user_ids", "status_ids", "category_ids", "section_ids", "tab_url"):
            value = getattr(self, name)
            if value is not None:
                found[name] = value
        return found


ALL: Final = PostFilter()

_TAB_STATUSES: Final = (
    select(Status.id)
    .join(Tab, Tab.id == Status.tab_id)
    .where(Tab.portal_id == portal, Tab.url == bindparam("tab_url"))
    .scalar_subquery()
)

_CONDITIONS: Final[dict[str, ColumnElement[bool]]] = {
    "board_ids": among(Post.board_id, "board_ids"),
    "board_id": Post.board_id == bindparam("board_id"),
    "user_ids": among(Post.user_id, "user_ids"),
    "user_id": Post.user_id == bindparam("user_id"),
    "status_ids": among(Post.status_id, "status_ids"),
    "status_id": Post.status_id == bindparam("status_id"),
    "section_ids": among(Post.section_id, "section_ids"),
    "section_id": Post.section_id == bindparam("section_id"),
    "category_ids": Post.id.in_(select(PostCategory.post_id).where(among(PostCategory.category_id, "category_ids"))),
    "category_id": Post.id.in_(
        select(PostCategory.post_id).where(PostCategory.category_id == bindparam("category_id"))
    ),
    "tab_url": Post.status_id.in_(_TAB_STATUSES),
}

_TALLIED: Final[dict[str, tuple[str, ColumnElement[bool]]]] = {
    "board_id": ("board", Tally.ref_id == bindparam("board_id")),
    "status_id": ("status", Tally.ref_id == bindparam("status_id")),
    "status_ids": ("status", among(Tally.ref_id, "status_ids")),
    "section_id": ("section", Tally.ref_id == bindparam("section_id")),
    "category_id": ("category", Tally.ref_id == bindparam("category_id")),
    "tab_url": ("status", Tally.ref_id.in_(_TAB_STATUSES)),
}
"""Single filters whose number of posts is kept. Several categories at once are not: a post may carry two of them."""


@dataclass(frozen=True, slots=True)
class PostPage:
    """One page of posts, in order, and how many there are altogether."""

    rows: Sequence[Row]
    total: int


@dataclass(eq=False)
class PostView:
    """The columns of a post that a door shows, in its order, and the statements that fetch them."""

    columns: Sequence[Column]
    _statements: dict[Any, Statement] = field(default_factory=dict)

    def by_id(self, work: Work, post_id: int) -> Row:
        """The post's row. Raises NotFound("post")."""
        statement = self._statements.get("id") or self._kept("id", self._card(Post.id == bindparam("id")))
        row = work.one(statement, id=post_id)
        if row is None:
            raise NotFound("post", post_id)
        return row

    def by_code(self, work: Work, code: str) -> Row:
        """The row of the post with this six-character code, exact case. Raises NotFound("post")."""
        statement = self._statements.get("code") or self._kept("code", self._card(Post.code == bindparam("code")))
        row = work.one(statement, code=code)
        if row is None:
            raise NotFound("post", code)
        return row

    def by_key(self, work: Work, key: str) -> Row:
        """The row of the post that a ProductLift address names. Raises NotFound("post") with the key as it was sent."""
        named = named_by(work, key)
        try:
            return self.by_code(work, named) if isinstance(named, str) else self.by_id(work, named)
        except NotFound as missing:
            raise NotFound("post", key) from missing

    def page(
        self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int
    ) -> Sequence[Row]:
        """The rows of one page, at most `limit`."""
        given = _single(wanted.given())
        shape = (tuple(given), order, descending, window(skip, limit))
        statement = self._statements.get(shape) or self._kept(shape, self._list(*shape))
        return work.rows(statement, limit=limit, skip=skip, **given)

    def page_with_total(
        self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int
    ) -> PostPage:
        """As `page`, and the number of all posts that match, from the kept numbers where one filter alone is given."""
        given = _single(wanted.given())
        shape = (tuple(given), order, descending, window(skip, limit), "total")
        statement = self._statements.get(shape)
        if statement is None:
            counted = _total(tuple(given)).label("total")
            statement = self._kept(shape, self._list(*shape[:4]).add_columns(counted))
        rows = work.rows(statement, limit=limit, skip=skip, **given)
        if rows:
            return PostPage(rows, rows[0][-1])
        return PostPage(rows, total(work, wanted))

    def ids(self, work: Work, wanted: PostFilter, *, order: str, descending: bool, skip: int, limit: int) -> list[int]:
        """Only the ids of a page, from the index: the plan of an answer that is written in pieces."""
        given = _single(wanted.given())
        shape = (tuple(given), order, descending, window(skip, limit))
        statement = self._statements.get(("ids", shape)) or self._kept(("ids", shape), _ids(*shape))
        return [row[0] for row in work.rows(statement, limit=limit, skip=skip, **given)]

    def by_ids(self, work: Work, ids: Sequence[int]) -> list[Row]:
        """The rows of these posts in this order; those gone meanwhile are left out. The id is the first column."""
        statement = self._statements.get("ids") or self._kept("ids", self._many())
        found = {row[0]: row for row in work.rows(statement, ids=list(ids))}
        return [found[post_id] for post_id in ids if post_id in found]

    def _kept(self, shape: Any, source: Select[Any]) -> Statement:
        statement = self._statements[shape] = Statement(source)
        return statement

    def _card(self, condition: ColumnElement[bool]) -> Select[Any]:
        return self._joined(select(*self.columns).select_from(Post)).where(Post.portal_id == portal, condition)

    def _many(self) -> Select[Any]:
        # The sum hides the portal from SQLite's planner, which else walks the whole portal instead of its few ids.
        of_portal = Post.portal_id + literal_column("0") == portal
        return self._joined(select(*self.columns).select_from(Post)).where(of_portal, among(Post.id, "ids"))

    def _list(self, given: tuple[str, ...], order: str, descending: bool, shown: Window) -> Select[Any]:
        if not shown.deep:
            conditions = (_CONDITIONS[name] for name in given)
            rows = self._joined(select(*self.columns).select_from(Post)).where(Post.portal_id == portal, *conditions)
            return shown.of(rows.order_by(*_sorting(order, descending)))
        picked = _ids(given, order, descending, shown).subquery("picked")
        rows = self._joined(select(*self.columns).select_from(picked).join(Post, Post.id == picked.c.id))
        return rows.order_by(*_sorting(order, descending))

    def _joined(self, rows: Select[Any]) -> Select[Any]:
        """Join what the columns speak of."""
        shown = {column.parent.entity for column in self.columns if isinstance(column, QueryableAttribute)}
        if Board in shown:
            rows = rows.join(Board, Board.id == Post.board_id)
        if AUTHOR in shown:
            rows = rows.outerjoin(AUTHOR, AUTHOR.id == Post.user_id)
        if Status in shown:
            rows = rows.outerjoin(Status, Status.id == Post.status_id)
        if Tab in shown:
            rows = rows.outerjoin(Tab, Tab.id == Status.tab_id)
        return rows


_BY_CODE: Final = Statement(select(Post.id).where(Post.portal_id == portal, Post.code == bindparam("code")))


def named_by(work: Work, key: str) -> int | str:
    """What a ProductLift address names, a number or a code: as `key_of`, but six digits are a code if there is one.

    Our codes are never all digits; one that was taken over from elsewhere may be.
    """
    named = key_of(key)
    if isinstance(named, int) and named and len(key) == CODE_LENGTH:
        code_of: int | None = work.value(_BY_CODE, code=key)
        return named if code_of is None else code_of
    return named


def key_of(key: str) -> int | str:
    """What a ProductLift address names: a post's number when it is all digits, else its code. No code is all digits.

    0, which no post has, for what can be neither.
    """
    if not key.isascii() or not key.isalnum():
        return 0
    if key.isdigit():
        return int(key) if len(key) < 19 else 0
    return key


def total(work: Work, wanted: PostFilter) -> int:
    """How many posts match."""
    given = _single(wanted.given())
    shape = tuple(given)
    statement = _TOTALS.get(shape)
    if statement is None:
        statement = _TOTALS[shape] = Statement(select(_total(shape)))
    return int(work.value(statement, **given))


_TOTALS: Final[dict[tuple[str, ...], Statement]] = {}


def _total(given: tuple[str, ...]) -> ColumnElement[int]:
    """The number as one uncorrelated subquery, which the database computes once a statement."""
    if len(given) > 1 or (given and given[0] not in _TALLIED):
        conditions = [_CONDITIONS[name] for name in given]
        inner = select(Post.id).where(Post.portal_id == portal, *conditions).subquery("matching")
        return select(func.count()).select_from(inner).scalar_subquery()
    kind, condition = _TALLIED[given[0]] if given else ("portal", Tally.ref_id == literal_column("0"))
    kept = and_(Tally.portal_id == portal, Tally.kind == literal_column(f"'{kind}'"), condition)
    return select(cast(func.coalesce(func.sum(Tally.posts), 0), BigInteger)).where(kept).scalar_subquery()


def _ids(given: tuple[str, ...], order: str, descending: bool, shown: Window) -> Select[Any]:
    rows = select(Post.id).where(Post.portal_id == portal, *(_CONDITIONS[name] for name in given))
    return shown.of(rows.order_by(*_sorting(order, descending)))


def _sorting(order: str, descending: bool) -> list[ColumnElement[Any]]:
    columns = (ORDERS[order], Post.id)
    return [column.desc() if descending else column.asc() for column in columns]


def _single(given: dict[str, Any]) -> dict[str, Any]:
    """Lists of one become plain equality, which every index serves in order."""
    single: dict[str, Any] = {}
    for name, value in given.items():
        if name.endswith("_ids") and len(value) == 1:
            single[name[:-1]] = value[0]
        else:
            single[name] = value
    return single

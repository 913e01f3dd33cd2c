"""Rules about boards: add, find, edit, order, delete. One per portal is the default, for posts that name none."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, literal_column, select, update
from sqlalchemy import delete as sql_delete

from app.domain import identifiers
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.models import Board, Post
from app.domain.permissions import Act
from app.domain.portals import portals
from app.domain.posts import delete as post_deletions
from app.domain.sql.statement import Column, Statement, now, portal, upsert
from app.domain.unit_of_work import Row, Work
from app.domain.unset import KEEP, Kept

MAX_NAME: Final = 512
"""Names are unique, and PostgreSQL can't hold a longer one in an index whatever its letters are."""
MAX_SLUG: Final = 512
MAX_DESCRIPTION: Final = 1024

_PLACE: Final = Statement(select(func.coalesce(func.max(Board.position) + 1, 0)).where(Board.portal_id == portal))
_BY_NAME: Final = Statement(select(Board.id).where(Board.portal_id == portal, Board.name == bindparam("name")))
_BY_SLUG: Final = Statement(select(Board.id).where(Board.portal_id == portal, Board.slug == bindparam("slug")))
_INSERT: Final = Statement(
    upsert(Board)
    .values(
        portal_id=portal,
        name=bindparam("name"),
        slug=bindparam("slug"),
        description=bindparam("description"),
        position=bindparam("position"),
        created_at=now,
        updated_at=now,
    )
    .on_conflict_do_nothing()
    .returning(Board.id)
)


class BoardView:
    """The columns of a board that a door shows, in its order, and the statements that fetch them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        rows = select(*columns).where(Board.portal_id == portal)
        self._by_id = Statement(rows.where(Board.id == bindparam("id")))
        self._by_slug = Statement(rows.where(Board.slug == bindparam("slug")))
        self._all = Statement(rows.order_by(Board.id))
        self._in_order = Statement(rows.order_by(Board.position, Board.id))

    def by_id(self, work: Work, board_id: int) -> Row:
        """The board's row. Raises NotFound("board")."""
        row = work.one(self._by_id, id=board_id)
        if row is None:
            raise NotFound("board", board_id)
        return row

    def by_slug(self, work: Work, slug: str) -> Row:
        """The row of the board with this slug, exact case. Raises NotFound("board")."""
        row = work.one(self._by_slug, slug=slug)
        if row is None:
            raise NotFound("board", slug)
        return row

    def all(self, work: Work) -> Sequence[Row]:
        """The rows of all boards of the portal, by id."""
        return work.rows(self._all)

    def in_order(self, work: Work) -> Sequence[Row]:
        """The rows of all boards of the portal, in the order that people gave them."""
        return work.rows(self._in_order)


def add(work: Work, *, name: str, slug: str | None = None, description: str | None = None) -> int:
    """A new board, in the last place; its id.

    A wanted slug is cleaned; when nothing of it is left, or it is taken, the slug comes from the name. Raises
    Forbidden, Invalid (name taken, blank, too long; description too long).
    """
    work.require(Act.ADD_BOARD)
    portals.lock(work)
    problems = _wrong_with(work, name, description, board_id=None)
    if problems:
        raise Invalid(problems)
    place = work.value(_PLACE)
    values = {"name": name, "description": description, "position": place}
    board_id = work.value(_INSERT, slug=_free_slug(work, name, slug), **values)
    while board_id is None:
        # Somebody was quicker with the name or with the slug.
        if work.value(_BY_NAME, name=name) is not None:
            raise Invalid([Problem("name", "taken")])
        board_id = work.value(_INSERT, slug=_free_slug(work, name, slug), **values)
    return int(board_id)


def _free_slug(work: Work, name: str, wanted: str | None) -> str:
    cleaned = "" if wanted is None else identifiers.parameterize(wanted[:MAX_SLUG])[:MAX_SLUG].strip("-")
    if cleaned and cleaned not in identifiers.RESERVED and work.value(_BY_SLUG, slug=cleaned) is None:
        return cleaned
    from_name = identifiers.parameterize(name)
    return identifiers.free_slug(from_name, taken=work.value(_BY_SLUG, slug=from_name) is not None)


def _wrong_with(work: Work, name: str, description: str | None, *, board_id: int | None) -> list[Problem]:
    problems = []
    # A blank name is no name: two of them are told that it is blank, not that it is taken.
    blank = not name.strip()
    if not blank and len(name) <= MAX_NAME and work.value(_BY_NAME, name=name) not in (None, board_id):
        problems.append(Problem("name", "taken"))
    if blank:
        problems.append(Problem("name", "blank"))
    if len(name) > MAX_NAME:
        problems.append(Problem("name", "too_long", {"maximum": MAX_NAME}))
    if description is not None and len(description) > MAX_DESCRIPTION:
        problems.append(Problem("description", "too_long", {"maximum": MAX_DESCRIPTION}))
    return problems


_CARD: Final = Statement(
    select(Board.name, Board.slug, Board.description, Board.is_default)
    .where(Board.portal_id == portal, Board.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_this = (Board.portal_id == portal, Board.id == bindparam("id"))
_EDIT: Final = Statement(
    update(Board)
    .where(*_this)
    .values(name=bindparam("name"), slug=bindparam("slug"), description=bindparam("description"), updated_at=now)
)
_IDS: Final = Statement(select(Board.id).where(Board.portal_id == portal).order_by(Board.position, Board.id))
_PUT: Final = Statement(update(Board).where(*_this).values(position=bindparam("position")))
_NO_DEFAULT: Final = Statement(
    update(Board).where(Board.portal_id == portal, Board.is_default).values(is_default=False)
)
_DEFAULT: Final = Statement(update(Board).where(*_this).values(is_default=True))
_HOLD: Final = Statement(select(Board.is_default).where(*_this).with_for_update())
# Written as a sum, the portal is no way into an index, so that SQLite goes by the board.
_POSTS: Final = Statement(
    select(Post.id)
    .where(Post.portal_id + literal_column("0") == portal, Post.board_id == bindparam("id"))
    .order_by(Post.id)
)
_COUNT: Final = Statement(
    select(func.count()).select_from(Post).where(Post.portal_id == portal, Post.board_id == bindparam("id"))
)
_DELETE: Final = Statement(sql_delete(Board).where(*_this))


def edit(
    work: Work,
    board_id: int,
    *,
    name: str | Kept = KEEP,
    slug: str | Kept = KEEP,
    description: str | Kept | None = KEEP,
) -> bool:
    """Change what is given and differs; whether anything did. A slug is cleaned and must be free.

    Raises Forbidden, NotFound("board"), Invalid (as `add`; slug invalid, taken).
    """
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    row = work.one(_CARD, id=board_id)
    if row is None:
        raise NotFound("board", board_id)
    old = {"name": row[0], "slug": row[1], "description": row[2]}
    new: dict[str, Any] = {
        "name": old["name"] if name is KEEP else name,
        "slug": old["slug"] if slug is KEEP else identifiers.parameterize(slug[:MAX_SLUG])[:MAX_SLUG].strip("-"),
        "description": old["description"] if description is KEEP else description,
    }
    problems = _wrong_with(work, new["name"], new["description"], board_id=board_id)
    if new["slug"] != old["slug"]:
        if not new["slug"] or new["slug"] in identifiers.RESERVED:
            problems.append(Problem("slug", "invalid"))
        elif work.value(_BY_SLUG, slug=new["slug"]) is not None:
            problems.append(Problem("slug", "taken"))
    if problems:
        raise Invalid(problems)
    if new == old:
        return False
    with work.clashing(
        uq_boards_portal_id_name=Invalid([Problem("name", "taken")]),
        uq_boards_portal_id_slug=Invalid([Problem("slug", "taken")]),
    ):
        work.run(_EDIT, id=board_id, **new)
    return True


def reorder(work: Work, board_ids: Sequence[int]) -> None:
    """Put these boards first, in this order; the others follow in theirs. Raises Forbidden, NotFound("board")."""
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    _place(work, board_ids, [row[0] for row in work.rows(_IDS)])


def make_default(work: Work, board_id: int) -> None:
    """Let posts that name no board go here. Raises Forbidden, NotFound("board")."""
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    if work.one(_CARD, id=board_id) is None:
        raise NotFound("board", board_id)
    work.run(_NO_DEFAULT)
    work.run(_DEFAULT, id=board_id)


def count_posts(work: Work, board_id: int) -> int:
    """How many posts stand on the board; no other comes there until this Work ends. Raises NotFound("board")."""
    portals.lock(work)
    if work.one(_HOLD, id=board_id) is None:
        raise NotFound("board", board_id)
    return int(work.value(_COUNT, id=board_id))


def delete(work: Work, board_id: int) -> list[str]:
    """Take a board away with its posts and all that hangs on them; the others move up.

    The names of stored files, to be removed once this is committed. Raises Forbidden, NotFound("board"),
    Conflict("board.default").
    """
    work.require(Act.MANAGE_CATALOGUE)
    portals.lock(work)
    row = work.one(_HOLD, id=board_id)
    if row is None:
        raise NotFound("board", board_id)
    if row[0]:
        raise Conflict("board.default")
    files = post_deletions.delete(work, [row[0] for row in work.rows(_POSTS, id=board_id)])
    work.run(_DELETE, id=board_id)
    _place(work, (), [row[0] for row in work.rows(_IDS)])
    return files


def _place(work: Work, first: Sequence[int], standing: Sequence[int]) -> None:
    unknown = set(first) - set(standing)
    if unknown:
        raise NotFound("board", min(unknown))
    wanted = list(dict.fromkeys([*first, *standing]))
    for position, board_id in enumerate(wanted):
        work.run(_PUT, id=board_id, position=position)

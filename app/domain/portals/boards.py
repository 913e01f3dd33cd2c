"""Rules about boards: add, find, edit, order, delete. One per portal is the default, for posts that name none."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update
from sqlalchemy import delete as sql_delete

from app.domain import identifiers
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Board, Post
from app.domain.permissions import Permission
from app.domain.posts import delete as post_deletions
from app.domain.sql.statement import NOW, PORTAL_ID, Column, Statement, in_portal_unindexed, upsert
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

MAX_NAME: Final = 512
"""Names are unique, and PostgreSQL can't hold a longer one in an index whatever its letters are."""
MAX_SLUG: Final = 512
MAX_DESCRIPTION: Final = 1024

_PLACE: Final = Statement(select(func.coalesce(func.max(Board.position) + 1, 0)).where(Board.portal_id == PORTAL_ID))
_BY_NAME: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID, Board.name == bindparam("name")))
_BY_SLUG: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID, Board.slug == bindparam("slug")))
_INSERT: Final = Statement(
    upsert(Board)
    .values(
        portal_id=PORTAL_ID,
        name=bindparam("name"),
        slug=bindparam("slug"),
        description=bindparam("description"),
        position=bindparam("position"),
        created_at=NOW,
        updated_at=NOW,
    )
    .on_conflict_do_nothing()
    .returning(Board.id)
)


class BoardQuery:
    """The columns of a board that a door shows, in its order, and the statements that fetch them."""

    def __init__(self, columns: Sequence[Column]) -> None:
        rows = select(*columns).where(Board.portal_id == PORTAL_ID)
        self._by_id = Statement(rows.where(Board.id == bindparam("id")))
        self._by_slug = Statement(rows.where(Board.slug == bindparam("slug")))
        self._all = Statement(rows.order_by(Board.id))
        self._in_order = Statement(rows.order_by(Board.position, Board.id))

    def by_id(self, work: UnitOfWork, board_id: int) -> Row:
        """The board's row. Raises NotFound("board")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._by_id, id=board_id)
        if row is None:
            raise NotFound("board", board_id)
        return row

    def by_slug(self, work: UnitOfWork, slug: str) -> Row:
        """The row of the board with this slug, exact case. Raises NotFound("board")."""
        work.authorize(Permission.READ)
        row = work.fetch_one(self._by_slug, slug=slug)
        if row is None:
            raise NotFound("board", slug)
        return row

    def all(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all boards of the portal, by id."""
        work.authorize(Permission.READ)
        return work.fetch_all(self._all)

    def in_order(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all boards of the portal, in the order that people gave them."""
        work.authorize(Permission.READ)
        return work.fetch_all(self._in_order)


def add(work: UnitOfWork, *, name: str, slug: str | None = None, description: str | None = None) -> int:
    """A new board, in the last place; its id.

    A wanted slug is cleaned; when nothing of it is left, or it is taken, the slug comes from the name. Raises
    Forbidden, Invalid (name taken, blank, too long; description too long).
    """
    work.authorize(Permission.ADD_BOARD)
    work.lock_portal()
    problems = _validate(work, name, description, board_id=None)
    if problems:
        raise ValidationFailed(problems)
    place = work.fetch_value(_PLACE)
    values = {"name": name, "description": description, "position": place}
    board_id = work.fetch_value(_INSERT, slug=_free_slug(work, name, slug), **values)
    while board_id is None:
        # Somebody was quicker with the name or with the slug.
        if work.fetch_value(_BY_NAME, name=name) is not None:
            raise ValidationFailed([FieldError("name", "taken")])
        board_id = work.fetch_value(_INSERT, slug=_free_slug(work, name, slug), **values)
    return int(board_id)


def _free_slug(work: UnitOfWork, name: str, wanted: str | None) -> str:
    cleaned = "" if wanted is None else identifiers.slugify(wanted[:MAX_SLUG])[:MAX_SLUG].strip("-")
    if cleaned and cleaned not in identifiers.RESERVED and work.fetch_value(_BY_SLUG, slug=cleaned) is None:
        return cleaned
    from_name = identifiers.slugify(name)
    return identifiers.unique_slug(from_name, taken=work.fetch_value(_BY_SLUG, slug=from_name) is not None)


def _validate(work: UnitOfWork, name: str, description: str | None, *, board_id: int | None) -> list[FieldError]:
    problems = []
    # A blank name is no name: two of them are told that it is blank, not that it is taken.
    blank = not name.strip()
    if not blank and len(name) <= MAX_NAME and work.fetch_value(_BY_NAME, name=name) not in (None, board_id):
        problems.append(FieldError("name", "taken"))
    if blank:
        problems.append(FieldError("name", "blank"))
    if len(name) > MAX_NAME:
        problems.append(FieldError("name", "too_long", {"maximum": MAX_NAME}))
    if description is not None and len(description) > MAX_DESCRIPTION:
        problems.append(FieldError("description", "too_long", {"maximum": MAX_DESCRIPTION}))
    return problems


_CARD: Final = Statement(
    select(Board.name, Board.slug, Board.description, Board.is_default)
    .where(Board.portal_id == PORTAL_ID, Board.id == bindparam("id"))
    .with_for_update(key_share=True)
)
_this = (Board.portal_id == PORTAL_ID, Board.id == bindparam("id"))
_EDIT: Final = Statement(
    update(Board)
    .where(*_this)
    .values(name=bindparam("name"), slug=bindparam("slug"), description=bindparam("description"), updated_at=NOW)
)
_IDS: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID).order_by(Board.position, Board.id))
_PUT: Final = Statement(update(Board).where(*_this).values(position=bindparam("position")))
_NO_DEFAULT: Final = Statement(
    update(Board).where(Board.portal_id == PORTAL_ID, Board.is_default).values(is_default=False)
)
_DEFAULT: Final = Statement(update(Board).where(*_this).values(is_default=True))
_LOCK_BOARD: Final = Statement(select(Board.is_default).where(*_this).with_for_update())
_POSTS: Final = Statement(
    select(Post.id).where(in_portal_unindexed(Post), Post.board_id == bindparam("id")).order_by(Post.id)
)
_COUNT: Final = Statement(
    select(func.count()).select_from(Post).where(Post.portal_id == PORTAL_ID, Post.board_id == bindparam("id"))
)
_DELETE: Final = Statement(sql_delete(Board).where(*_this))


def edit(
    work: UnitOfWork,
    board_id: int,
    *,
    name: str | Unset = UNSET,
    slug: str | Unset = UNSET,
    description: str | Unset | None = UNSET,
) -> bool:
    """Change what is given and differs; whether anything did. A slug is cleaned and must be free.

    Raises Forbidden, NotFound("board"), Invalid (as `add`; slug invalid, taken).
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    row = work.fetch_one(_CARD, id=board_id)
    if row is None:
        raise NotFound("board", board_id)
    old = {"name": row[0], "slug": row[1], "description": row[2]}
    new: dict[str, Any] = {
        "name": old["name"] if name is UNSET else name,
        "slug": old["slug"] if slug is UNSET else identifiers.slugify(slug[:MAX_SLUG])[:MAX_SLUG].strip("-"),
        "description": old["description"] if description is UNSET else description,
    }
    problems = _validate(work, new["name"], new["description"], board_id=board_id)
    if new["slug"] != old["slug"]:
        if not new["slug"] or new["slug"] in identifiers.RESERVED:
            problems.append(FieldError("slug", "invalid"))
        elif work.fetch_value(_BY_SLUG, slug=new["slug"]) is not None:
            problems.append(FieldError("slug", "taken"))
    if problems:
        raise ValidationFailed(problems)
    if new == old:
        return False
    with work.map_unique_violation(
        uq_boards_portal_id_name=ValidationFailed([FieldError("name", "taken")]),
        uq_boards_portal_id_slug=ValidationFailed([FieldError("slug", "taken")]),
    ):
        work.execute(_EDIT, id=board_id, **new)
    return True


def reorder(work: UnitOfWork, board_ids: Sequence[int]) -> None:
    """Put these boards first, in this order; the others follow in theirs. Raises Forbidden, NotFound("board")."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    _place(work, board_ids, [row[0] for row in work.fetch_all(_IDS)])


def make_default(work: UnitOfWork, board_id: int) -> None:
    """Let posts that name no board go here. Raises Forbidden, NotFound("board")."""
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    if work.fetch_one(_CARD, id=board_id) is None:
        raise NotFound("board", board_id)
    work.execute(_NO_DEFAULT)
    work.execute(_DEFAULT, id=board_id)


def count_posts(work: UnitOfWork, board_id: int) -> int:
    """How many posts stand on the board; no other comes there until this Work ends. Raises NotFound("board")."""
    work.lock_portal()
    if work.fetch_one(_LOCK_BOARD, id=board_id) is None:
        raise NotFound("board", board_id)
    return int(work.fetch_value(_COUNT, id=board_id))


def delete(work: UnitOfWork, board_id: int) -> list[str]:
    """Take a board away with its posts and all that hangs on them; the others move up.

    The names of stored files, to be removed once this is committed. Raises Forbidden, NotFound("board"),
    Conflict("board.default").
    """
    work.authorize(Permission.MANAGE_CATALOGUE)
    work.lock_portal()
    row = work.fetch_one(_LOCK_BOARD, id=board_id)
    if row is None:
        raise NotFound("board", board_id)
    if row[0]:
        raise Conflict("board.default")
    files = post_deletions.delete_posts(work, [row[0] for row in work.fetch_all(_POSTS, id=board_id)])
    work.execute(_DELETE, id=board_id)
    _place(work, (), [row[0] for row in work.fetch_all(_IDS)])
    return files


def _place(work: UnitOfWork, first: Sequence[int], context: Sequence[int]) -> None:
    unknown = set(first) - set(context)
    if unknown:
        raise NotFound("board", min(unknown))
    wanted = list(dict.fromkeys([*first, *context]))
    for position, board_id in enumerate(wanted):
        work.execute(_PUT, id=board_id, position=position)

"""Rules of boards: add, edit, reorder, delete; queries. New posts without a board use the default one."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from app.domain import identifiers
from app.domain.errors import Conflict, FieldError, ValidationFailed
from app.domain.models import Board, Post
from app.domain.permissions import Permission
from app.domain.portals.catalogue import OrderedTable, begin_change
from app.domain.posts import delete as post_deletions
from app.domain.sql.statement import PORTAL_ID, Column, Statement, in_portal_unindexed, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

MAX_NAME: Final = 512
"""Names are unique, and PostgreSQL can't index longer ones if their characters take many bytes."""
MAX_SLUG: Final = 512
MAX_DESCRIPTION: Final = 1024

TABLE: Final = OrderedTable(Board, select(Board.id, Board.name, Board.slug, Board.description, Board.is_default))
_BY_NAME: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID, Board.name == bindparam("name")))
_BY_SLUG: Final = Statement(select(Board.id).where(Board.portal_id == PORTAL_ID, Board.slug == bindparam("slug")))

list_all = TABLE.list_all
get = TABLE.get
reorder = TABLE.reorder


class BoardQuery:
    """Selects the given columns of boards, in this order; each method raises Forbidden without READ."""

    def __init__(self, columns: Sequence[Column]) -> None:
        rows = select(*columns).where(Board.portal_id == PORTAL_ID)
        self._by_id = Statement(rows.where(Board.id == bindparam("id")))
        self._by_slug = Statement(rows.where(Board.slug == bindparam("slug")))
        self._all = Statement(rows.order_by(Board.id))

    def by_id(self, work: UnitOfWork, board_id: int) -> Row:
        """The board's row. Raises NotFound("board")."""
        work.authorize(Permission.READ)
        return work.require_row(self._by_id, "board", board_id, id=board_id)

    def by_slug(self, work: UnitOfWork, slug: str) -> Row:
        """The row of the board with this slug, exact case. Raises NotFound("board")."""
        work.authorize(Permission.READ)
        return work.require_row(self._by_slug, "board", slug, slug=slug)

    def all(self, work: UnitOfWork) -> Sequence[Row]:
        """The rows of all boards of the portal, by id."""
        work.authorize(Permission.READ)
        return work.fetch_all(self._all)


def add(work: UnitOfWork, *, name: str, slug: str | None = None, description: str | None = None) -> int:
    """Create a board in the last position and return its id.

    The slug is normalized; if it is then empty or taken, the slug is made from the name. Raises Forbidden,
    ValidationFailed (name taken, blank, too long; description too long).
    """
    work.authorize(Permission.ADD_BOARD)
    work.lock_portal()
    errors = _validate(work, name, description, board_id=None)
    if errors:
        raise ValidationFailed(errors)
    return TABLE.insert(work, name=name, slug=_free_slug(work, name, slug), description=description)


def _free_slug(work: UnitOfWork, name: str, slug: str | None) -> str:
    normalized = "" if slug is None else _normalize_slug(slug)
    if normalized and normalized not in identifiers.RESERVED and work.fetch_value(_BY_SLUG, slug=normalized) is None:
        return normalized
    from_name = identifiers.slugify(name)
    return identifiers.unique_slug(from_name, taken=work.fetch_value(_BY_SLUG, slug=from_name) is not None)


def _normalize_slug(slug: str) -> str:
    return identifiers.slugify(slug[:MAX_SLUG])[:MAX_SLUG].strip("-")


def _validate(work: UnitOfWork, name: str, description: str | None, *, board_id: int | None) -> list[FieldError]:
    errors = []
    # A blank name is reported as blank, and not also as taken.
    is_blank = not name.strip()
    if not is_blank and len(name) <= MAX_NAME and work.fetch_value(_BY_NAME, name=name) not in (None, board_id):
        errors.append(FieldError("name", "taken"))
    if is_blank:
        errors.append(FieldError("name", "blank"))
    if len(name) > MAX_NAME:
        errors.append(FieldError("name", "too_long", {"maximum": MAX_NAME}))
    if description is not None and len(description) > MAX_DESCRIPTION:
        errors.append(FieldError("description", "too_long", {"maximum": MAX_DESCRIPTION}))
    return errors


_this = row_in_portal(Board)
_CLEAR_DEFAULT: Final = Statement(
    update(Board).where(Board.portal_id == PORTAL_ID, Board.is_default).values(is_default=False)
)
_SET_DEFAULT: Final = Statement(update(Board).where(_this).values(is_default=True))
_LOCK_BOARD: Final = Statement(select(Board.is_default).where(_this).with_for_update())
_POSTS: Final = Statement(
    select(Post.id).where(in_portal_unindexed(Post), Post.board_id == bindparam("id")).order_by(Post.id)
)
_COUNT_POSTS: Final = Statement(
    select(func.count()).select_from(Post).where(Post.portal_id == PORTAL_ID, Post.board_id == bindparam("id"))
)


def edit(
    work: UnitOfWork,
    board_id: int,
    *,
    name: str | Unset = UNSET,
    slug: str | Unset = UNSET,
    description: str | Unset | None = UNSET,
) -> bool:
    """Change the fields that are given; return whether any value changed. A slug is normalized and must be free.

    Raises Forbidden, NotFound("board"), ValidationFailed (as `add`; slug invalid, taken).
    """
    begin_change(work)
    row = get(work, board_id)
    old = {name: row[name] for name in ("name", "slug", "description")}
    new: dict[str, Any] = {
        "name": old["name"] if name is UNSET else name,
        "slug": old["slug"] if slug is UNSET else _normalize_slug(slug),
        "description": old["description"] if description is UNSET else description,
    }
    errors = _validate(work, new["name"], new["description"], board_id=board_id)
    if new["slug"] != old["slug"]:
        if not new["slug"] or new["slug"] in identifiers.RESERVED:
            errors.append(FieldError("slug", "invalid"))
        elif work.fetch_value(_BY_SLUG, slug=new["slug"]) is not None:
            errors.append(FieldError("slug", "taken"))
    if errors:
        raise ValidationFailed(errors)
    if new == old:
        return False
    TABLE.update(work, board_id, **new)
    return True


def make_default(work: UnitOfWork, board_id: int) -> None:
    """Make this the default board. Raises Forbidden, NotFound("board")."""
    begin_change(work)
    get(work, board_id)
    work.execute(_CLEAR_DEFAULT)
    work.execute(_SET_DEFAULT, id=board_id)


def count_posts(work: UnitOfWork, board_id: int) -> int:
    """Lock the board, so that it gets no new posts in this transaction; count its posts. Raises NotFound("board")."""
    work.lock_portal()
    work.require_row(_LOCK_BOARD, "board", board_id, id=board_id)
    return int(work.fetch_value(_COUNT_POSTS, id=board_id))


def delete(work: UnitOfWork, board_id: int) -> list[str]:
    """Delete a board with its posts and all that belongs to them; the boards after it move up.

    Returns the names of stored files, to be deleted after the commit. Raises Forbidden, NotFound("board"),
    Conflict("board.default").
    """
    begin_change(work)
    if work.require_row(_LOCK_BOARD, "board", board_id, id=board_id)["is_default"]:
        raise Conflict("board.default")
    files = post_deletions.delete_posts(work, [row[0] for row in work.fetch_all(_POSTS, id=board_id)])
    TABLE.delete(work, board_id)
    TABLE.set_positions(work)
    return files

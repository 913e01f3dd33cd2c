"""Files of posts: the main image and the attachments. Only their rows; an adapter stores the contents."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from sqlalchemy import and_, bindparam, delete, not_, select, update

from app.domain.errors import NotFound
from app.domain.models import Attachment, Portal, Post, User
from app.domain.posts import visibility
from app.domain.posts.publishing import IS_PUBLIC
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, in_list, insert_row, row_in_portal
from app.domain.unit_of_work import Row, UnitOfWork

FileKind = Literal["image", "attachment"]
DEFAULT_NAME: Final = "file"

_IS_PRIVATE: Final = select(Portal.is_private).where(Portal.id == PORTAL_ID).scalar_subquery()
_IS_FILE_PUBLIC: Final = and_(IS_PUBLIC, not_(_IS_PRIVATE))
"""Whether the files of a post are public: whether visitors can see the post."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is stored under `name` and has no row yet."""

    kind: FileKind
    name: str
    original_name: str
    media_type: str
    size: int


# The post's row is updated first, so that of two images added at the same time the second replaces the first.
_TOUCH_POST: Final = Statement(update(Post).where(row_in_portal(Post, "post")).values(updated_at=NOW))
_SET_IMAGE: Final = Statement(
    update(Post).where(row_in_portal(Post, "post")).values(image=bindparam("image"), updated_at=NOW)
)
_of_post = (Attachment.portal_id == PORTAL_ID, Attachment.post_id == bindparam("post"))
_DELETE_IMAGE: Final = Statement(
    delete(Attachment).where(*_of_post, Attachment.kind == "image").returning(Attachment.name)
)
_DELETE: Final = Statement(
    delete(Attachment).where(*_of_post, in_list(Attachment.name, "names")).returning(Attachment.name, Attachment.kind)
)
_MAKE_IMAGE: Final = Statement(
    update(Attachment).where(*_of_post, Attachment.name == bindparam("image")).values(kind="image")
)
_INSERT: Final = Statement(
    insert_row(Attachment, "post_id", "kind", "name", "original_name", "media_type", "size").inline()
)
_OF_POST: Final = Statement(
    select(Attachment.kind, Attachment.name, Attachment.original_name, Attachment.media_type, Attachment.size)
    .where(*_of_post)
    .order_by(Attachment.id)
)
_BY_NAME: Final = Statement(
    select(Attachment.media_type, Attachment.original_name, _IS_FILE_PUBLIC.label("public"))
    .join(Post, Post.id == Attachment.post_id)
    .where(Attachment.portal_id == PORTAL_ID, Attachment.name == bindparam("name"))
)
_ARE_PUBLIC: Final = Statement(select(_IS_FILE_PUBLIC).where(row_in_portal(Post)))
_ORPHANS: Final = Statement(delete(Attachment).where(Attachment.post_id.is_(None)), across_portals=True)
_STORED: Final = Statement(
    select(Attachment.name)
    .where(in_list(Attachment.name, "names"))
    .union_all(select(User.picture).where(in_list(User.picture, "names"))),
    across_portals=True,
)


def add(work: UnitOfWork, *, post_id: int, file: StoredFile) -> list[str]:
    """Add a file to the post; return the names of the files that it replaces, to be deleted after the commit.

    An image replaces the image before it; a post may have many attachments. The post's `updated_at` changes.
    Raises Forbidden, NotFound("post").
    """
    visibility.authorize_author(work, post_id)
    is_image = file.kind == "image"
    changed = (
        work.execute(_SET_IMAGE, post=post_id, image=file.name) if is_image else work.execute(_TOUCH_POST, post=post_id)
    )
    if not changed:
        raise NotFound("post", post_id)
    replaced = [row[0] for row in work.fetch_all(_DELETE_IMAGE, post=post_id)] if is_image else []
    columns = asdict(replace(file, original_name=file.original_name or DEFAULT_NAME))
    work.execute(_INSERT, post_id=post_id, **columns)
    return replaced


def remove(work: UnitOfWork, *, post_id: int, names: Sequence[str]) -> list[str]:
    """Remove these files from the post; return the names of those that it had, to be deleted after the commit.

    If its image is removed, the oldest picture among its attachments becomes the image. The post's `updated_at`
    changes. Raises Forbidden, NotFound("post").
    """
    visibility.authorize_author(work, post_id)
    if not names:
        return []
    if not work.execute(_TOUCH_POST, post=post_id):
        raise NotFound("post", post_id)
    removed = {row["name"]: row["kind"] for row in work.fetch_all(_DELETE, post=post_id, names=list(names))}
    if "image" in removed.values():
        image = next((row["name"] for row in list_pictures(work, post_id)), None)
        work.execute(_SET_IMAGE, post=post_id, image=image)
        if image is not None:
            work.execute(_MAKE_IMAGE, post=post_id, image=image)
    return list(removed)


def list_pictures(work: UnitOfWork, post_id: int) -> list[Row]:
    """The rows of `of_post` of the image, which is the first, and of the pictures among the attachments."""
    files = of_post(work, post_id)
    images = [row for row in files if row["kind"] == "image"]
    return images + [row for row in files if row["kind"] != "image" and row["media_type"].startswith("image/")]


def of_post(work: UnitOfWork, post_id: int) -> Sequence[Row]:
    """(kind, name, original name, media type, size) of each file, in the order in which they were added."""
    return work.fetch_all(_OF_POST, post=post_id)


def find(work: UnitOfWork, name: str) -> Row | None:
    """(media type, original name, whether it is public) of a file of the portal, or None."""
    return work.fetch_one(_BY_NAME, name=name)


def are_public(work: UnitOfWork, post_id: int) -> bool:
    """Whether the files of the post are public."""
    return bool(work.fetch_value(_ARE_PUBLIC, id=post_id))


def find_orphans(work: UnitOfWork, names: Sequence[str]) -> list[str]:
    """The names that no post or user of any portal refers to. Reads across portals, because they share one storage."""
    work.execute(_ORPHANS)
    stored = {row[0] for row in work.fetch_all(_STORED, names=list(names))}
    return [name for name in names if name not in stored]


MAX_FILE_NAME: Final = 150

# With characters that change the direction of writing, a name that ends in `.exe` can look like `exe.png`.
_DIRECTION_MARKS: Final = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def sanitize_filename(name: str) -> str:
    """Return the last part of a path on one line, without invisible characters, limited in length; it may be empty."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(
        char for char in name if unicodedata.category(char) not in _INVISIBLE and char not in _DIRECTION_MARKS
    )
    name = " ".join(name.split()).lstrip(".")
    if len(name) <= MAX_FILE_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:MAX_FILE_NAME]
    return f"{stem[: MAX_FILE_NAME - 1 - len(extension)]}.{extension}"

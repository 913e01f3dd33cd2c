"""`earshot posts …`."""

from typing import Annotated, Any, Final

import typer
from sqlalchemy import bindparam, func, select

from app.adapters.database import utc_now
from app.adapters.storage.signed_urls import FileSigner
from app.cli.lookup import find_post_id
from app.cli.output import Output, format_fields, page
from app.cli.params import LimitOption, OffsetOption, choice_param, id_param
from app.cli.portal_commands import read_command, write_command
from app.domain.models import Board, Category, Follow, Post, PostCategory, PostTag, Section, Status, Tag
from app.domain.models.posts import MODERATION_STATES, UNPOSITIONED
from app.domain.posts import attachments, filters, moderation
from app.domain.posts.filters import PostFilter
from app.domain.posts.queries import AUTHOR, PostQuery
from app.domain.sql.statement import PORTAL_ID, Column, Statement
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.public_url import PublicUrl
from app.settings import Settings

group = typer.Typer(name="posts", help="Posts: list, show, and change what the APIs do not.", no_args_is_help=True)

BoardOption = Annotated[
    int | None,
    typer.Option(parser=id_param, metavar="ID", help="Only on this board, as `earshot boards list` shows it."),
]
StatusOption = Annotated[
    int | None,
    typer.Option(parser=id_param, metavar="ID", help="Only with this status, as `earshot statuses list` shows it."),
]
_UNAPPROVED: Final = ("pending", "rejected")
ModerationOption = Annotated[
    str | None,
    typer.Option(
        "--moderation",
        callback=choice_param(_UNAPPROVED),
        metavar="|".join(_UNAPPROVED),
        help="Only those in this moderation state.",
    ),
]
SearchOption = Annotated[
    str | None,
    typer.Option(metavar="QUERY", help="Only with these words in the title or the description, best first."),
]
PostArgument = Annotated[str, typer.Argument(metavar="POST", help="Number or six-character code.")]

_FILE_COLUMNS: Final = ("kind", "name", "original_name", "media_type", "size")
_COLUMNS: Final[dict[str, Column]] = {
    "id": Post.id,
    "code": Post.code,
    "slug": Post.slug,
    "title": Post.title,
    "description": Post.description,
    "moderation": Post.moderation,
    "published": Post.published,
    "votes": Post.votes_count,
    "comments": Post.comments_count,
    "views": Post.views_count,
    "position": Post.position,
    "created_at": Post.created_at,
    "updated_at": Post.updated_at,
    "board": Board.name,
    "status": Status.name,
    "section": select(Section.title).where(Section.id == Post.section_id).scalar_subquery(),
    "author_id": AUTHOR.id,
    "author": AUTHOR.name,
    "followers": select(func.count()).where(Follow.portal_id == PORTAL_ID, Follow.post_id == Post.id).scalar_subquery(),
}
_POSTS: Final = PostQuery(tuple(_COLUMNS.values()))
_LISTED: Final = (
    "id", "code", "title", "moderation", "published", "votes", "comments", "board", "status", "author", "created_at",
)  # fmt: skip
_LIST_COLUMNS: Final = {name: _COLUMNS[name] for name in _LISTED}
_LIST: Final = PostQuery(tuple(_LIST_COLUMNS.values()))


def _label_names(label: type[Category | Tag], link: type[PostCategory | PostTag]) -> Statement:
    return Statement(
        select(label.name)
        .join(link)
        .where(label.portal_id == PORTAL_ID, link.post_id == bindparam("post"))
        .order_by(label.id)
    )


_CATEGORIES: Final = _label_names(Category, PostCategory)
_TAGS: Final = _label_names(Tag, PostTag)


# It writes, because a search first indexes the posts that are not in the index yet.
@write_command(group, "list")
def list_(
    work: UnitOfWork,
    board: BoardOption = None,
    status: StatusOption = None,
    state: ModerationOption = None,
    search: SearchOption = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
) -> Output:
    """List posts in every moderation state, newest first.

    --board and --status can be combined; --moderation and --search are used alone. If there are more posts, standard
    error says how many.

    \b
    earshot posts list --board 2 --status 1 --limit 20
    earshot posts list --moderation pending --json
    earshot posts list --search "dark mode"
    """
    if sum((board is not None or status is not None, state is not None, search is not None)) > 1:
        raise typer.BadParameter("--moderation and --search can't be combined with another filter")
    if search is not None:
        from app.domain.search import post_index, posts
        from app.domain.search.posts import Visibility

        post_index.index_new_posts(work)
        found = posts.search(work, search, visibility=Visibility.ALL, offset=offset, limit=limit)
        rows, total = _LIST.by_ids(work, found.ids), found.total
    elif state is not None:
        ids = moderation.ids(work, state)
        rows, total = _LIST.by_ids(work, ids[offset : offset + limit]), len(ids)
    else:
        filter_ = _parse_filter(work, board, status)
        rows = list(_LIST.page(work, filter_, order="created_at", descending=True, offset=offset, limit=limit))
        total = filters.total(work, filter_.active_filters())
    return page("posts", map(_serialize_row, rows), offset=offset, total=total)


@read_command(group)
def show(work: UnitOfWork, post: PostArgument) -> Output:
    """Show every field of a post, its labels and its files.

    \b
    earshot posts show 42
    earshot posts show aB3x9Q --json
    """
    details = _details(work, dict(zip(_COLUMNS, _POSTS.by_code_or_id(work, post), strict=True)))
    lines = [format_fields({name: _format(value) for name, value in details.items() if name != "description"})]
    if details["description"]:
        lines += ["", details["description"]]
    return details, "\n".join(lines)


@write_command(group)
def position(
    work: UnitOfWork,
    post: PostArgument,
    place: Annotated[str, typer.Argument(metavar="N", help="A number, smaller ones first; `none` puts it last.")],
) -> Output:
    """Set the position of a post in the manual order.

    \b
    earshot posts position 42 1
    """
    from app.domain.posts import update

    if place != "none" and not (place.isascii() and place.isdigit() and len(place) < 19):
        raise typer.BadParameter("the place must be a number or `none`")
    position = None if place == "none" else int(place)
    post_id = find_post_id(work, post)
    update.set_position(work, post_id, position)
    return {"id": post_id, "position": position}, f"post {post} has position {place}"


@write_command(group, "set-moderation")
def set_moderation(
    work: UnitOfWork,
    post: PostArgument,
    state: Annotated[
        str, typer.Argument(callback=choice_param(MODERATION_STATES), metavar="|".join(MODERATION_STATES))
    ],
) -> Output:
    """Set the moderation state of a post.

    \b
    earshot posts set-moderation 42 pending
    """
    post_id = find_post_id(work, post)
    changed = moderation.set(work, post_id, state)
    return {"id": post_id, "moderation": state, "changed": changed}, f"post {post} is {state}"


def _parse_filter(work: UnitOfWork, board: int | None, status: int | None) -> PostFilter:
    """Raises NotFound for an unknown board or status, instead of a list without posts."""
    from app.domain.portals import boards, statuses

    return PostFilter(
        board_ids=None if board is None else [boards.get(work, board)["id"]],
        status_ids=None if status is None else [statuses.get(work, status)["id"]],
    )


def _serialize_row(row: Row) -> dict[str, Any]:
    post = dict(zip(_LIST_COLUMNS, row, strict=True))
    return {**post, "published": bool(post["published"]), "created_at": format_seconds(post["created_at"])}


def _details(work: UnitOfWork, post: dict[str, Any]) -> dict[str, Any]:
    settings = Settings.load()
    public = attachments.are_public(work, post["id"])
    return {
        **post,
        "published": bool(post["published"]),
        "position": None if post["position"] == UNPOSITIONED else post["position"],
        "created_at": format_seconds(post["created_at"]),
        "updated_at": format_seconds(post["updated_at"]),
        "categories": [name for (name,) in work.fetch_all(_CATEGORIES, post=post["id"])],
        "tags": [name for (name,) in work.fetch_all(_TAGS, post=post["id"])],
        "files": [_serialize_file(row, settings, public=public) for row in attachments.of_post(work, post["id"])],
    }


def _serialize_file(row: Row, settings: Settings, *, public: bool) -> dict[str, Any]:
    file = dict(zip(_FILE_COLUMNS, row, strict=True))
    path = f"/files/{file['name']}"
    # Reading `secret` creates one where there is none, and the server would start with that instead of the lost one.
    if not public and settings.has_secret:
        path = FileSigner(settings.secret, clock=utc_now).path(file["name"])
    return {**file, "path": PublicUrl(settings.base_url).link(path)}


def _format(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_format(item) for item in value) or "-"
    if isinstance(value, dict):
        return f"{value['original_name']} ({value['kind']}, {value['size']} bytes, {value['path']})"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else " ".join(str(value).split())

"""`earshot posts …`."""

from typing import Annotated, Any, Final

import typer
from sqlalchemy import bindparam, func, select

from app.adapters.database import utc_now
from app.adapters.storage.signed_urls import FileSigner
from app.cli.database import run_read, run_write
from app.cli.output import print_result
from app.cli.params import JsonOption, PortalOption
from app.domain.errors import NotFound
from app.domain.models import Board, Category, Follow, Post, PostCategory, Section, Status, User
from app.domain.models.posts import MODERATION_STATES, UNPOSITIONED
from app.domain.posts import attachments, moderation, update
from app.domain.posts.queries import parse_code_or_id
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.public_url import PublicUrl
from app.settings import Settings

group = typer.Typer(help="Posts, what neither API shows or does.", no_args_is_help=True)

PostArgument = Annotated[str, typer.Argument(metavar="POST", help="Number or six-character code.")]

_CARD = (
    select(
        Post.id,
        Post.code,
        Post.slug,
        Post.title,
        Post.description,
        Post.moderation,
        Post.votes_count.label("votes"),
        Post.comments_count.label("comments"),
        Post.views_count.label("views"),
        Post.position,
        Post.created_at,
        Post.updated_at,
        Board.name.label("board"),
        Status.name.label("status"),
        Section.title.label("section"),
        User.id.label("author_id"),
        User.name.label("author"),
        select(func.count())
        .select_from(Follow)
        .where(Follow.portal_id == PORTAL_ID, Follow.post_id == Post.id)
        .scalar_subquery()
        .label("followers"),
    )
    .join(Board, Board.id == Post.board_id)
    .outerjoin(Status, Status.id == Post.status_id)
    .outerjoin(Section, Section.id == Post.section_id)
    .outerjoin(User, User.id == Post.user_id)
    .where(Post.portal_id == PORTAL_ID)
)
_NAMES: Final = tuple(_CARD.selected_columns.keys())
_FILE: Final = ("kind", "name", "original_name", "media_type", "size")
_BY_ID: Final = Statement(_CARD.where(Post.id == bindparam("key")))
_BY_CODE: Final = Statement(_CARD.where(Post.code == bindparam("key")))
_CATEGORIES: Final = Statement(
    select(Category.name)
    .join(PostCategory, PostCategory.category_id == Category.id)
    .where(Category.portal_id == PORTAL_ID, PostCategory.post_id == bindparam("post"))
    .order_by(Category.id)
)


def find_post(work: UnitOfWork, post: str) -> dict[str, Any]:
    """What is to be told of a post, found by its number or code. Raises NotFound("post")."""
    key = parse_code_or_id(post)
    row = work.fetch_one(_BY_ID if isinstance(key, int) else _BY_CODE, key=key)
    if row is None:
        raise NotFound("post", post)
    return dict(zip(_NAMES, row, strict=True))


@group.command()
def show(post: PostArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Show all of a post, also its files and its place.

    \b
    earshot posts show 42
    earshot posts show aB3x9Q --json
    """
    told = run_read(lambda work: _shown(work, find_post(work, post)), portal=portal)
    lines = [f"{name.replace('_', ' '):<14} {_line(value)}" for name, value in told.items() if name != "description"]
    print_result(
        told, "\n".join([*lines, *(["", told["description"]] if told["description"] else [])]), as_json=as_json
    )


@group.command()
def position(
    post: PostArgument,
    place: Annotated[str, typer.Argument(metavar="N", help="A number, smaller ones first; `none` puts it last.")],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a post its place in lists that are sorted by hand.

    \b
    earshot posts position 42 1
    """
    if place != "none" and not (place.isascii() and place.isdigit() and len(place) < 19):
        raise typer.BadParameter("the place must be a number or `none`")
    wanted = None if place == "none" else int(place)

    def operation(work: UnitOfWork) -> dict[str, Any]:
        post_id = find_post(work, post)["id"]
        update.set_position(work, post_id, wanted)
        return {"id": post_id, "position": wanted}

    print_result(run_write(operation, portal=portal), f"post {post} has place {place}", as_json=as_json)


def state_of(value: str) -> str:
    if value not in MODERATION_STATES:
        raise typer.BadParameter(f"must be one of {', '.join(MODERATION_STATES)}")
    return value


@group.command("set-moderation")
def set_moderation(
    post: PostArgument,
    state: Annotated[str, typer.Argument(callback=state_of, metavar="|".join(MODERATION_STATES))],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a post into any state of moderation, whatever it was.

    \b
    earshot posts set-moderation 42 pending
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        post_id = find_post(work, post)["id"]
        changed = moderation.set(work, post_id, state)
        return {"id": post_id, "moderation": state, "changed": changed}

    print_result(run_write(operation, portal=portal), f"post {post} is {state}", as_json=as_json)


def _shown(work: UnitOfWork, post: dict[str, Any]) -> dict[str, Any]:
    return {
        **post,
        "position": None if post["position"] == UNPOSITIONED else post["position"],
        "created_at": format_seconds(post["created_at"]),
        "updated_at": format_seconds(post["updated_at"]),
        "categories": [name for (name,) in work.fetch_all(_CATEGORIES, post=post["id"])],
        "files": [_file(row, post["moderation"]) for row in attachments.of_post(work, post["id"])],
    }


def _file(row: Row, moderation: str) -> dict[str, Any]:
    told = dict(zip(_FILE, row, strict=True))
    settings = Settings.load()
    path = f"/files/{told['name']}"
    # Looking makes no secret: beside one that is lost it would be taken for the server's.
    if moderation != attachments.PUBLIC and settings.has_secret:
        path = FileSigner(settings.secret, clock=utc_now).path(told["name"])
    return {**told, "path": PublicUrl(settings.base_url).link(path)}


def _line(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_line(one) for one in value) or "-"
    if isinstance(value, dict):
        return f"{value['original_name']} ({value['kind']}, {value['size']} bytes, {value['path']})"
    return "-" if value is None else " ".join(str(value).split())

"""Casting a vote and creating a post in one statement each, for PostgreSQL, where round trips cost most of the time.

The functions in `votes` and `create` define the rules, and SQLite runs them. Each statement here has the same effect as
the statements of such a function. A test runs both with the same random operations and compares every row.
"""

import json
from itertools import product
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    SmallInteger,
    String,
    Subquery,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from app.domain.counters.post_counters import upsert_counters
from app.domain.errors import ForeignKeyViolation, UniqueViolation
from app.domain.models import (
    Board,
    Category,
    EventRow,
    Follow,
    Portal,
    Post,
    PostCategory,
    Section,
    Status,
    Tab,
    User,
    Vote,
)
from app.domain.models.counters import SHARDS
from app.domain.models.portals import MODERATION_POLICIES
from app.domain.models.posts import MODERATION_STATES
from app.domain.models.users import ROLES
from app.domain.posts import moderation
from app.domain.sql.statement import NOW, PORTAL_ID, Column, Statement, upsert
from app.domain.unit_of_work import Row, UnitOfWork

IS_VOTEABLE: Final = (Post.moderation == "approved") & or_(Post.status_id.is_(None), Status.is_voteable)
"""Whether a post is approved and its status, if it has one, accepts votes. The statement must join the status."""

USER_SUMMARY_COLUMNS: Final = (
    User.uuid,
    User.name,
    User.email,
    User.role,
    User.votes_count,
    User.comments_count,
    User.posts_count,
    User.deleted_at,
)
"""The columns of an author or voter in the results."""


def _insert_event(
    kind: str,
    row: CTE,
    *,
    subject: ColumnElement[Any],
    post: ColumnElement[Any],
    body: ColumnElement[Any] | None = None,
) -> CTE:
    """Insert the event of the new row."""
    columns = ["portal_id", "kind", "post_id", "subject_id", "user_id", "actor_id", "base_url", "created_at"]
    actor, base_url = bindparam("actor", type_=BigInteger), bindparam("base_url", type_=String)
    source = select(PORTAL_ID, literal_column(f"'{kind}'"), post, subject, row.c.user_id, actor, base_url, NOW)
    if body is not None:
        columns, source = [*columns, "body"], source.add_columns(body)
    return insert(EventRow).from_select(columns, source).inline().cte("event")


def _insert_follow(row: CTE, post_id: ColumnElement[int], *conditions: ColumnElement[bool]) -> CTE:
    """Make the user of the new row follow its post."""
    source = select(PORTAL_ID, post_id, row.c.user_id, NOW).where(*conditions)
    insertion = upsert(Follow).from_select(["portal_id", "post_id", "user_id", "created_at"], source)
    return insertion.on_conflict_do_nothing().cte("followed")


def _join_as_one_row(*parts: FromClause) -> FromClause:
    """One row with the only row of each part, or with nulls for a part without a row."""
    joined: FromClause = select(literal_column("1").label("one")).subquery("one")
    for part in parts:
        joined = joined.outerjoin(part, literal_column("true"))
    return joined


_COUNTERS_CHECK: Final = "ck_users_counters"


def fetch_result(work: UnitOfWork, statement: Statement, **values: Any) -> Row:
    """Run a statement of this module and return its row.

    Raises ForeignKeyViolation if the user was deleted after being looked up by UUID and before being counted. Nothing
    is stored then, and the operation is run again, which does not find the user.
    """
    try:
        row = work.fetch_one(statement, **values)
    except UniqueViolation as violation:
        if violation.constraint != _COUNTERS_CHECK:
            raise
        raise ForeignKeyViolation("user") from violation
    assert row is not None
    return row


def _increment(counter: Column, *, exists: ColumnElement[bool]) -> Column:
    """The new value of the author's or voter's counter; a value that violates its constraint if the user is deleted.

    After a concurrent deletion, only the update reads the deleted user; the look-up has read the user before it.
    """
    return case((exists, counter + 1), else_=literal_column("-1"))


def _cast_vote(*, by_code: bool, by_uuid: bool, voteable_only: bool, follow: bool) -> Statement:
    match_user = (
        (User.uuid == bindparam("user"), User.deleted_at.is_(None)) if by_uuid else (User.id == bindparam("user"),)
    )
    voter = select(User.id, *USER_SUMMARY_COLUMNS).where(User.portal_id == PORTAL_ID, *match_user).cte("voter")
    match_post = (Post.code if by_code else Post.id) == bindparam("post")
    post = (
        select(Post.id, IS_VOTEABLE.label("voteable"))
        .outerjoin(Status, Status.id == Post.status_id)
        .where(Post.portal_id == PORTAL_ID, match_post)
        .cte("post")
    )
    cast_vote = select(PORTAL_ID, post.c.id, voter.c.id, NOW, NOW)
    if voteable_only:
        cast_vote = cast_vote.where(post.c.voteable)
    vote = (
        upsert(Vote)
        .from_select(["portal_id", "post_id", "user_id", "created_at", "updated_at"], cast_vote)
        .on_conflict_do_nothing()
        .returning(Vote.id, Vote.post_id, Vote.user_id)
        .cte("vote")
    )
    votes_count = _increment(User.votes_count, exists=User.deleted_at.is_(None)) if by_uuid else User.votes_count + 1
    effects = [
        update(Post).where(Post.id == vote.c.post_id).values(votes_count=Post.votes_count + 1).cte("post_counted"),
        update(User).where(User.id == vote.c.user_id).values(votes_count=votes_count).cte("voter_counted"),
        _insert_event("vote.cast", vote, subject=vote.c.id, post=vote.c.post_id),
    ]
    if follow:
        effects.append(_insert_follow(vote, vote.c.post_id))
    summary = [voter.c[column.key] for column in USER_SUMMARY_COLUMNS]
    result = select(voter.c.id, post.c.id, post.c.voteable, vote.c.id, *summary)
    return Statement(result.select_from(_join_as_one_row(voter, post, vote)).add_cte(*effects))


CAST_VOTE: Final = {
    key: _cast_vote(by_code=key[0], by_uuid=key[1], voteable_only=key[2], follow=key[3])
    for key in product((False, True), repeat=4)
}
"""Keyed by: post named by code, voter named by UUID, voteable posts only, the voter follows the post.

One row: voter id, post id, voteable, vote id (null: the voter has voted already), then USER_SUMMARY_COLUMNS.
"""


def _author_exists(*, by_uuid: bool) -> ColumnElement[bool]:
    """Whether the user is not deleted, or a deleted author is allowed."""
    not_deleted = User.deleted_at.is_(None)
    return not_deleted if by_uuid else or_(not_deleted, bindparam("deleted_author", type_=Boolean))


def _find_status() -> Subquery:
    """The status with the id `status`; without one, the default status if `default_status` is true."""
    status_id = bindparam("status", type_=BigInteger)
    return (
        select(Status.id, Status.name, Status.color, Tab.name.label("tab_name"))
        .outerjoin(Tab, Tab.id == Status.tab_id)
        .where(
            Status.portal_id == PORTAL_ID,
            or_(Status.id == status_id, bindparam("default_status", type_=Boolean) & Status.is_default),
        )
        .order_by((Status.id == status_id).is_(True).desc())
        .limit(literal_column("1"))
        .subquery("status")
    )


def _resolve_references(*, by_uuid: bool) -> Select[Any]:
    """The rows that a new post refers to, as one row; null for those that don't exist."""
    match_user = (User.uuid if by_uuid else User.id) == bindparam("user")
    author = (
        select(User.id, *USER_SUMMARY_COLUMNS)
        .where(User.portal_id == PORTAL_ID, match_user, _author_exists(by_uuid=by_uuid))
        .subquery("author")
    )
    board_id = bindparam("board", type_=BigInteger)
    board = (
        select(Board.id)
        .where(Board.portal_id == PORTAL_ID, or_(Board.id == board_id, board_id.is_(None) & Board.is_default))
        .subquery("board")
    )
    status = _find_status()
    section = (
        select(Section.id)
        .where(Section.portal_id == PORTAL_ID, Section.id == bindparam("section", type_=BigInteger))
        .subquery("section")
    )
    category = (
        select(Category.id, Category.name, Category.color)
        .where(Category.portal_id == PORTAL_ID, Category.id == bindparam("category", type_=BigInteger))
        .subquery("category")
    )
    return select(
        author.c.id.label("author_id"),
        board.c.id.label("board_id"),
        status.c.id.label("status_id"),
        section.c.id.label("section_id"),
        category.c.id.label("category_id"),
        *(author.c[column.key].label(f"author_{column.key}") for column in USER_SUMMARY_COLUMNS),
        status.c.name.label("status_name"),
        status.c.color.label("status_color"),
        status.c.tab_name.label("tab_name"),
        category.c.name.label("category_name"),
        category.c.color.label("category_color"),
        select(Portal.moderation_policy).where(Portal.id == PORTAL_ID).scalar_subquery().label("moderation_policy"),
    ).select_from(_join_as_one_row(author, board, status, section, category))


RESOLVE_POST_REFERENCES: Final = {by_uuid: Statement(_resolve_references(by_uuid=by_uuid)) for by_uuid in (False, True)}
"""Keyed by whether the author is given by UUID.

One row: the ids of author, board, status, section and category (null: unknown or none), the USER_SUMMARY_COLUMNS of the
author, name, color and tab of the status, name and color of the category, and the portal's moderation policy.
"""


def _initial_state(references: CTE) -> ColumnElement[str]:
    """The moderation state of the new post: `moderation.initial_state` for each policy and role."""
    pending = [
        (references.c.moderation_policy == literal_column(f"'{policy}'"))
        & (references.c.author_role == literal_column(f"'{role}'"))
        for policy in MODERATION_POLICIES
        for role in ROLES
        if moderation.initial_state(None, policy=policy, author_role=role) == "pending"
    ]
    by_policy = case((or_(*pending), literal_column("'pending'")), else_=literal_column("'approved'"))
    return func.coalesce(bindparam("moderation", type_=String), by_policy)


def _counter_rows(post: CTE, post_category: CTE) -> CompoundSelect[Any]:
    """The counters that include the new post, as by `post_counters.counter_keys`."""
    shard = cast(post.c.id % SHARDS, SmallInteger)
    one: ColumnElement[int] = literal_column("1")
    zero: ColumnElement[int] = literal_column("0")
    status, section = (func.coalesce(post.c[name], zero) for name in ("status_id", "section_id"))
    return union_all(
        select(PORTAL_ID, literal_column("'portal'"), zero, zero, zero, shard, one).select_from(post),
        select(PORTAL_ID, literal_column("'board'"), post.c.board_id, zero, zero, shard, one),
        select(PORTAL_ID, literal_column("'status'"), zero, status, section, shard, one).select_from(post),
        select(
            PORTAL_ID, literal_column("'category'"), post_category.c.category_id, status, section, shard, one
        ).join_from(post, post_category, literal_column("true")),
    )


def _post_values(references: CTE) -> dict[str, Any]:
    return {
        "portal_id": PORTAL_ID,
        "code": bindparam("code", type_=String),
        "slug": bindparam("slug", type_=String),
        "board_id": references.c.board_id,
        "user_id": references.c.author_id,
        "status_id": references.c.status_id,
        "section_id": references.c.section_id,
        "title": bindparam("title", type_=String),
        "description": bindparam("description", type_=String),
        "description_short": bindparam("description_short", type_=String),
        "moderation": _initial_state(references),
        "status_changed_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    }


def _submission_body(post: CTE) -> ColumnElement[str | None]:
    """The body of post.submitted: `moderation.submission_body`."""
    unapproved = [(state, json.dumps(moderation.submission_body(state))) for state in MODERATION_STATES]
    return case(
        *(
            (post.c.moderation == literal_column(f"'{state}'"), literal_column(f"'{body}'"))
            for state, body in unapproved
            if body != "null"
        )
    )


def _insert_post(*, by_uuid: bool) -> Statement:
    references = _resolve_references(by_uuid=by_uuid).cte("post_references")
    values = _post_values(references)
    post = (
        upsert(Post)
        .from_select(
            list(values),
            select(*values.values()).where(references.c.author_id.is_not(None), references.c.board_id.is_not(None)),
        )
        .on_conflict_do_nothing()
        .returning(Post.id, Post.board_id, Post.user_id, Post.status_id, Post.section_id, Post.moderation)
        .cte("post")
    )
    post_category = (
        insert(PostCategory)
        .from_select(
            ["post_id", "category_id"],
            select(post.c.id, references.c.category_id).where(references.c.category_id.is_not(None)),
        )
        .returning(PostCategory.category_id)
        .cte("post_category")
    )
    effects = [
        upsert_counters(_counter_rows(post, post_category)).cte("posts_counted"),
        update(User)
        .where(User.id == post.c.user_id)
        .values(posts_count=_increment(User.posts_count, exists=_author_exists(by_uuid=by_uuid)))
        .cte("author_counted"),
        _insert_follow(post, post.c.id, bindparam("follow", type_=Boolean)),
        _insert_event(
            "post.submitted",
            post,
            subject=literal_column("CAST(NULL AS BIGINT)"),
            post=post.c.id,
            body=_submission_body(post),
        ),
    ]
    result = (
        select(post.c.id, *references.c)
        .select_from(references.outerjoin(post, literal_column("true")))
        .add_cte(*effects)
    )
    return Statement(result)


INSERT_POST: Final = {by_uuid: _insert_post(by_uuid=by_uuid) for by_uuid in (False, True)}
"""Keyed as RESOLVE_POST_REFERENCES.

One row: the id of the post (null: slug or code taken, or no author or board), then as RESOLVE_POST_REFERENCES.
"""

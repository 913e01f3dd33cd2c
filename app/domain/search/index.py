"""Keeps the index of titles by word, some moments behind the posts, so that who writes a post does not pay for it.

Creates and changes of titles leave a row in `titles_waiting`, see `app.domain.posts.create`; a background task calls
`index_batch` until it answers 0. An index that was lost, or a portal filled by other means, is made whole by `rebuild`.
Nothing is ever taken out: whoever reads the index looks at the posts' titles before answering.
"""

from collections import defaultdict
from typing import Final

from sqlalchemy import bindparam, delete, func, literal_column, select, tuple_
from sqlalchemy import cast as sql_cast

from app.domain.models import Post
from app.domain.models.search import IndexQueueEntry, PostingList, Term, TermDeletion
from app.domain.search import tokenizer
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, upsert
from app.domain.unit_of_work import UnitOfWork

POSTINGS_PER_ROW: Final = 4096
"""Ids in one packed row. More make common words dearer to add to, fewer make them dearer to read."""
LENGTHS: Final = 8
"""Beside its id a packed post carries how many words its title has, up to this many: id * LENGTHS + words - 1."""

_here = sql_cast(PORTAL_ID, BIGINT)

# Updating on a clash, not ignoring it, locks the row: an indexer at work can't take it away with the old title.
ENQUEUE_TITLE: Final = Statement(
    upsert(IndexQueueEntry)
    .values(portal_id=PORTAL_ID, post_id=bindparam("post"))
    .on_conflict_do_update(index_elements=["portal_id", "post_id"], set_={"post_id": bindparam("post")})
)
"""Have the index read a post's title, `post`; whoever writes a title runs this."""

_all_posts = upsert(IndexQueueEntry).from_select(
    ["portal_id", "post_id"], select(Post.portal_id, Post.id).where(Post.portal_id == PORTAL_ID)
)
_AWAIT_ALL: Final = Statement(_all_posts.on_conflict_do_nothing())
_FORGET: Final = [
    Statement(delete(table).where(table.portal_id == PORTAL_ID)) for table in (PostingList, TermDeletion, Term)
]

_claimed = (
    select(IndexQueueEntry.portal_id, IndexQueueEntry.post_id)
    .where(IndexQueueEntry.portal_id == PORTAL_ID)
    .order_by(IndexQueueEntry.post_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM: Final = Statement(
    delete(IndexQueueEntry)
    .where(tuple_(IndexQueueEntry.portal_id, IndexQueueEntry.post_id).in_(_claimed))
    .returning(IndexQueueEntry.post_id)
)

_TITLES: Final = Statement(
    select(Post.id, Post.title)
    .where(Post.portal_id + literal_column("0") == PORTAL_ID, in_list(Post.id, "ids"))
    .order_by(Post.id)
)

# Each of these goes through its rows in one order, so that two who index at once wait for, but never block, each other.
_counts = json_rows("counts").table_valued("value", name="given")
_seen = upsert(Term).from_select(
    ["portal_id", "word", "posts"],
    select(_here, json_column(_counts.c.value, 0, TEXT), json_column(_counts.c.value, 1, BIGINT)).order_by(
        json_column(_counts.c.value, 0, TEXT)
    ),
)
_SEE: Final = Statement(
    _seen.on_conflict_do_update(
        index_elements=["portal_id", "word"], set_={"posts": Term.posts + _seen.excluded.posts}
    ).returning(Term.id, Term.word, Term.posts)
)

_signatures = json_rows("signatures").table_valued("value", name="given")
_SIGN: Final = Statement(
    upsert(TermDeletion)
    .from_select(
        ["portal_id", "signature", "word_id"],
        select(
            _here, json_column(_signatures.c.value, 0, BIGINT), json_column(_signatures.c.value, 1, BIGINT)
        ).order_by(json_column(_signatures.c.value, 0, BIGINT), json_column(_signatures.c.value, 1, BIGINT)),
    )
    .on_conflict_do_nothing()
)

_lists = json_rows("lists").table_valued("value", name="given")
_added = upsert(PostingList).from_select(
    ["portal_id", "word_id", "span", "post_ids"],
    select(
        _here,
        json_column(_lists.c.value, 0, BIGINT),
        json_column(_lists.c.value, 1, BIGINT),
        json_column(_lists.c.value, 2, TEXT),
    ).order_by(json_column(_lists.c.value, 0, BIGINT), json_column(_lists.c.value, 1, BIGINT)),
)
_ADD: Final = Statement(
    _added.on_conflict_do_update(
        index_elements=["portal_id", "word_id", "span"],
        set_={"post_ids": PostingList.post_ids + _added.excluded.post_ids},
    )
)

# Portals with titles waiting, however many wait: each step leaps to the next portal.
_first = select(func.min(IndexQueueEntry.portal_id).label("portal_id")).cte("waiting", recursive=True)
_leaps = _first.union_all(
    select(
        select(func.min(IndexQueueEntry.portal_id))
        .where(IndexQueueEntry.portal_id > _first.c.portal_id)
        .scalar_subquery()
    ).where(_first.c.portal_id.is_not(None))
)
_WAITING: Final = Statement(select(_leaps.c.portal_id).where(_leaps.c.portal_id.is_not(None)), across_portals=True)


def portals_with_queue(work: UnitOfWork) -> list[int]:
    """The portals that have titles to index; asked across all portals."""
    return [row[0] for row in work.fetch_all(_WAITING)]


def index_batch(work: UnitOfWork, limit: int = 100) -> int:
    """Index up to `limit` waiting titles of the portal; how many were taken. 0: nothing waits.

    Costs about 0.1 ms a title, in one transaction: keep `limit` small where others wait to write.
    """
    claimed = [row[0] for row in work.fetch_all(_CLAIM, limit=limit)]
    if claimed:
        titles = work.fetch_all(_TITLES, ids=claimed)
        _add(work, [(post_id, tokenizer.tokenize(title)) for post_id, title in titles])
    return len(claimed)


def rebuild(work: UnitOfWork) -> None:
    """Forget the portal's index and leave all its titles to be indexed anew."""
    for forget in _FORGET:
        work.execute(forget)
    work.execute(_AWAIT_ALL)


def _add(work: UnitOfWork, titles: list[tuple[int, list[str]]]) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for post_id, title in titles:
        for word in title:
            found[word].append(post_id * LENGTHS + min(len(title), LENGTHS) - 1)
    if not found:
        return
    seen = work.fetch_all(_SEE, counts=encode_rows(sorted((word, len(posts)) for word, posts in found.items())))
    # A word whose whole count comes from this batch is new.
    new = [(word_id, word) for word_id, word, posts in seen if posts == len(found[word])]
    if new:
        work.execute(
            _SIGN,
            signatures=encode_rows(
                [(sign, word_id) for word_id, word in new for sign in tokenizer.deletion_hashes(word)]
            ),
        )
    lists: dict[tuple[int, int], str] = defaultdict(str)
    for word_id, word, _ in seen:
        for post in found[word]:
            lists[word_id, post // LENGTHS // POSTINGS_PER_ROW] += f"{post},"
    work.execute(_ADD, lists=encode_rows([(word_id, span, posts) for (word_id, span), posts in lists.items()]))

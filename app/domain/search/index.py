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
from app.domain.models.search import TitleWord, TitleWordPosts, TitleWordSignature, WaitingTitle
from app.domain.search import tokenizer
from app.domain.sql.json_rows import WHOLE, WORDS, given_rows, packed, part
from app.domain.sql.statement import Statement, among, portal, upsert
from app.domain.unit_of_work import Work

SPAN: Final = 4096
"""Ids in one packed row. More make common words dearer to add to, fewer make them dearer to read."""
LENGTHS: Final = 8
"""Beside its id a packed post carries how many words its title has, up to this many: id * LENGTHS + words - 1."""

_here = sql_cast(portal, WHOLE)

# Updating on a clash, not ignoring it, locks the row: an indexer at work can't take it away with the old title.
AWAIT: Final = Statement(
    upsert(WaitingTitle)
    .values(portal_id=portal, post_id=bindparam("post"))
    .on_conflict_do_update(index_elements=["portal_id", "post_id"], set_={"post_id": bindparam("post")})
)
"""Have the index read a post's title, `post`; whoever writes a title runs this."""

_all_posts = upsert(WaitingTitle).from_select(
    ["portal_id", "post_id"], select(Post.portal_id, Post.id).where(Post.portal_id == portal)
)
_AWAIT_ALL: Final = Statement(_all_posts.on_conflict_do_nothing())
_FORGET: Final = [
    Statement(delete(table).where(table.portal_id == portal))
    for table in (TitleWordPosts, TitleWordSignature, TitleWord)
]

_claimed = (
    select(WaitingTitle.portal_id, WaitingTitle.post_id)
    .where(WaitingTitle.portal_id == portal)
    .order_by(WaitingTitle.post_id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_CLAIM: Final = Statement(
    delete(WaitingTitle)
    .where(tuple_(WaitingTitle.portal_id, WaitingTitle.post_id).in_(_claimed))
    .returning(WaitingTitle.post_id)
)

_TITLES: Final = Statement(
    select(Post.id, Post.title)
    .where(Post.portal_id + literal_column("0") == portal, among(Post.id, "ids"))
    .order_by(Post.id)
)

# Each of these goes through its rows in one order, so that two who index at once wait for, but never block, each other.
_counts = given_rows("counts").table_valued("value", name="given")
_seen = upsert(TitleWord).from_select(
    ["portal_id", "word", "posts"],
    select(_here, part(_counts.c.value, 0, WORDS), part(_counts.c.value, 1, WHOLE)).order_by(
        part(_counts.c.value, 0, WORDS)
    ),
)
_SEE: Final = Statement(
    _seen.on_conflict_do_update(
        index_elements=["portal_id", "word"], set_={"posts": TitleWord.posts + _seen.excluded.posts}
    ).returning(TitleWord.id, TitleWord.word, TitleWord.posts)
)

_signatures = given_rows("signatures").table_valued("value", name="given")
_SIGN: Final = Statement(
    upsert(TitleWordSignature)
    .from_select(
        ["portal_id", "signature", "word_id"],
        select(_here, part(_signatures.c.value, 0, WHOLE), part(_signatures.c.value, 1, WHOLE)).order_by(
            part(_signatures.c.value, 0, WHOLE), part(_signatures.c.value, 1, WHOLE)
        ),
    )
    .on_conflict_do_nothing()
)

_lists = given_rows("lists").table_valued("value", name="given")
_added = upsert(TitleWordPosts).from_select(
    ["portal_id", "word_id", "span", "post_ids"],
    select(
        _here,
        part(_lists.c.value, 0, WHOLE),
        part(_lists.c.value, 1, WHOLE),
        part(_lists.c.value, 2, WORDS),
    ).order_by(part(_lists.c.value, 0, WHOLE), part(_lists.c.value, 1, WHOLE)),
)
_ADD: Final = Statement(
    _added.on_conflict_do_update(
        index_elements=["portal_id", "word_id", "span"],
        set_={"post_ids": TitleWordPosts.post_ids + _added.excluded.post_ids},
    )
)

# Portals with titles waiting, however many wait: each step leaps to the next portal.
_first = select(func.min(WaitingTitle.portal_id).label("portal_id")).cte("waiting", recursive=True)
_leaps = _first.union_all(
    select(
        select(func.min(WaitingTitle.portal_id)).where(WaitingTitle.portal_id > _first.c.portal_id).scalar_subquery()
    ).where(_first.c.portal_id.is_not(None))
)
_WAITING: Final = Statement(select(_leaps.c.portal_id).where(_leaps.c.portal_id.is_not(None)), across_portals=True)


def portals_waiting(work: Work) -> list[int]:
    """The portals that have titles to index; asked across all portals."""
    return [row[0] for row in work.rows(_WAITING)]


def index_batch(work: Work, limit: int = 100) -> int:
    """Index up to `limit` waiting titles of the portal; how many were taken. 0: nothing waits.

    Costs about 0.1 ms a title, in one transaction: keep `limit` small where others wait to write.
    """
    claimed = [row[0] for row in work.rows(_CLAIM, limit=limit)]
    if claimed:
        titles = work.rows(_TITLES, ids=claimed)
        _add(work, [(post_id, tokenizer.of(title)) for post_id, title in titles])
    return len(claimed)


def rebuild(work: Work) -> None:
    """Forget the portal's index and leave all its titles to be indexed anew."""
    for forget in _FORGET:
        work.run(forget)
    work.run(_AWAIT_ALL)


def _add(work: Work, titles: list[tuple[int, list[str]]]) -> None:
    found: dict[str, list[int]] = defaultdict(list)
    for post_id, title in titles:
        for word in title:
            found[word].append(post_id * LENGTHS + min(len(title), LENGTHS) - 1)
    if not found:
        return
    seen = work.rows(_SEE, counts=packed(sorted((word, len(posts)) for word, posts in found.items())))
    # A word whose whole count comes from this batch is new.
    new = [(word_id, word) for word_id, word, posts in seen if posts == len(found[word])]
    if new:
        work.run(
            _SIGN, signatures=packed([(sign, word_id) for word_id, word in new for sign in tokenizer.signatures(word)])
        )
    lists: dict[tuple[int, int], str] = defaultdict(str)
    for word_id, word, _ in seen:
        for post in found[word]:
            lists[word_id, post // LENGTHS // SPAN] += f"{post},"
    work.run(_ADD, lists=packed([(word_id, span, posts) for (word_id, span), posts in lists.items()]))

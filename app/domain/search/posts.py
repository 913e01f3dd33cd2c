"""Searches the titles and descriptions of posts.

A post matches if it has every word of the query, in the title or in the description. `SearchTerms` says which words of
the index stand for a word of the query. The best matches are chosen by the words that their titles have, read, and
ranked with rapidfuzz; all others follow, the newest first. So every page has a fixed place in one order.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson
from rapidfuzz import fuzz
from sqlalchemy import Boolean, bindparam, func, not_, or_, select

from app.domain.models import Post
from app.domain.models.search import MARK, NEW_POSTS
from app.domain.permissions import Permission
from app.domain.search import post_statements, tokenizer
from app.domain.search.post_statements import MAX_FEW, shape_of_words
from app.domain.search.ranking import Ranker, rarity
from app.domain.search.terms import SearchTerms, render, render_word
from app.domain.search.vocabulary import Form
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_RANKED: Final = 100
"""Posts that are ranked by their texts."""
MAX_CHECKED: Final = 200
"""Posts with some words in the title for which it is checked whether they have the others in the description."""
MIN_MANY: Final = 10 * MAX_FEW
"""Matches from which on enough are expected among the newest posts."""
MAX_RANKED_DESCRIPTION: Final = 2000
"""Characters of a description that the ranking reads."""
MIN_TITLE_SHARE: Final = 0.05
"""The share of the query's weight below which the letters of a title do not count."""
TITLE_SHARE: Final = 0.5
"""How much is added to the score of a title, for the words that it has by the index."""
DESCRIBED_SHARE: Final = 0.2
NEAR_SHARE: Final = 0.2
"""How much the description adds to the score of a title without any word: for its words, and if they are together."""


_LETTERS: Final = re.compile("[a-z]+$")
_REASONS: Final = ("unpublished", "pending", "rejected")
"""Why a post is hidden. PostgreSQL's index has the number of the last of them that is true of a post, from 1."""


class Visibility(Enum):
    """Which posts a search finds. The value is the number of _REASONS that do not hide a post from it."""

    PUBLIC = 0
    """What visitors see: approved and published posts."""
    NOT_REJECTED = 2
    ALL = 3

    def to_filters(self) -> dict[str, Any]:
        """The parameters of statements with IS_SHOWN."""
        return {"hidden": list(_REASONS[self.value :]), "unpublished": self is not Visibility.PUBLIC}


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The ids of the posts of a page, and the number of all posts that match."""

    ids: Sequence[int]
    total: int


IS_SHOWN: Final = (
    not_(in_list(Post.moderation, "hidden")),
    or_(Post.published, bindparam("unpublished", type_=Boolean)),
)
"""The conditions of the posts of a Visibility, whose parameters are those of its `to_filters`."""
_IS_VISIBLE: Final = (or_(bindparam("any_status", type_=Boolean), in_list(Post.status_id, "statuses")), *IS_SHOWN)
_IS_INDEXED: Final = not_(
    select(NEW_POSTS.c.post_id).where(NEW_POSTS.c.portal_id == PORTAL_ID, NEW_POSTS.c.post_id == Post.id).exists()
)
_FILTER: Final = Statement(
    select(Post.id).where(in_portal_unindexed(Post), in_list(Post.id, "ids"), *_IS_VISIBLE, _IS_INDEXED)
)
_TEXTS: Final = Statement(
    select(Post.id, Post.title, func.substr(Post.description, 1, MAX_RANKED_DESCRIPTION).label("description")).where(
        in_portal_unindexed(Post), in_list(Post.id, "ids")
    )
)


def search(
    work: UnitOfWork,
    query: str,
    *,
    visibility: Visibility,
    status_ids: Sequence[int] | None = None,
    offset: int,
    limit: int,
) -> SearchPage:
    """The posts that match, best first, only those with one of the statuses if any are given.

    Only indexed posts are found: see `post_index`. docs/contracts/productlift.md, section 9.8, has the rules. All
    statements must see the same rows. May take long. Raises Forbidden.
    """
    work.authorize(Permission.VIEW if visibility is Visibility.PUBLIC else Permission.READ)
    return find(work, query, visibility=visibility, status_ids=status_ids, offset=offset, limit=limit)


def find(
    work: UnitOfWork,
    query: str,
    *,
    visibility: Visibility,
    status_ids: Sequence[int] | None = None,
    offset: int,
    limit: int,
) -> SearchPage:
    """As `search`, for a caller that shows only those of the posts that the actor may see."""
    terms = SearchTerms.parse(query)
    if not terms.words or status_ids == []:
        return SearchPage([], 0)
    matches = _find_matches(work, terms, visibility, status_ids)
    if matches is None:
        return SearchPage([], 0)
    head = _rank(work, terms, matches)
    page = head[offset : offset + limit]
    if len(page) < limit and matches.total > max(offset, len(head)):
        page += _fetch_tail(work, matches, head, max(0, offset - len(head)), limit - len(page))
    return SearchPage(page, matches.total)


@dataclass(frozen=True, slots=True)
class _Matches:
    """All posts that match."""

    total: int
    newest: Sequence[int]
    """All of them, the newest first, if they are at most MAX_FEW. Of more, some of the newest, or none."""
    filters: dict[str, Any]
    """The parameters of a statement that finds them."""
    weights: dict[str, float]
    """The rarity of each word of the query in titles."""
    titles: dict[str, dict[int, int]]
    """For each word of the query, the posts that have it in the title, with the length of the title.

    They may lack other words of the query.
    """
    candidates: Sequence[int]
    """Those with most words in the title; of these, those with the shortest titles. At most MAX_RANKED."""


def _find_matches(
    work: UnitOfWork, terms: SearchTerms, visibility: Visibility, status_ids: Sequence[int] | None
) -> _Matches | None:
    """The posts with all words; without any, those with similar words; without any, those with most words."""
    filters = {
        "any_status": status_ids is None,
        "statuses": list(status_ids or ()),
        "visibility": visibility.value,
        **visibility.to_filters(),
    }
    found, unknown = terms.find_forms(work)
    matches = _match(work, found, _add_query(work.engine, filters, found))
    if matches is None:
        found = terms.add_suggestions(work, found, unknown)
        for missing in range(len(found) // 2 + 1):
            matches = _match(work, found, _add_query(work.engine, filters, found, missing=missing))
            if matches is not None:
                break
    return matches


def _match(work: UnitOfWork, found: dict[str, set[Form]], filters: dict[str, Any]) -> _Matches | None:
    total, ids = work.fetch_all(post_statements.FIND_FEW[filters["shape"]], **filters)[0]
    if not total:
        return None
    newest: list[int] = orjson.loads(ids or "[]")
    titles, in_all = _find_titles(work, found)
    weights = {word: rarity(len(posts)) for word, posts in titles.items()}
    for posts in titles.values():
        posts.update(in_all)
    if total <= MAX_FEW:
        ranked, _ = _order_by_words(titles, among=set(newest))
        return _Matches(total, newest, filters, weights, titles, ranked[:MAX_RANKED])
    if work.engine == SQLITE:
        total = int(work.fetch_value(post_statements.COUNT, **filters))
    ranked, complete = _order_by_words(titles)
    # Those with all words in the title match if they are visible, and are enough if they are many.
    matching = {row[0] for row in work.fetch_all(_FILTER, ids=ranked[:complete], **filters)}
    if len(matching) < MAX_RANKED:
        matching |= _find_matching(work, ranked[complete:], newest, filters)
    candidates = [post_id for post_id in ranked if post_id in matching][:MAX_RANKED]
    return _Matches(total, newest, filters, weights, titles, candidates)


def _find_matching(
    work: UnitOfWork, post_ids: Sequence[int], newest: Collection[int], filters: dict[str, Any]
) -> set[int]:
    """Those of the posts that match: all on PostgreSQL, the newest on SQLite, which can't find a match by its id."""
    if work.engine == SQLITE:
        return set(newest).intersection(post_ids)
    return {row[0] for row in work.fetch_all(post_statements.FIND_OF_POSTS, posts=post_ids, **filters)}


def _find_titles(work: UnitOfWork, found: dict[str, set[Form]]) -> tuple[dict[str, dict[int, int]], dict[int, int]]:
    """The posts that have each word in the title, and those that have all, with the length of the title."""
    words = [render_word(work.engine, forms) for forms in found.values()]
    query = render(work.engine, list(found.values()))
    rows = work.fetch_all(post_statements.FIND_TITLES[work.engine], query=query, words=words if len(words) > 1 else [])
    in_all, *in_each = (dict(zip(*orjson.loads(row[1]), strict=True)) for row in rows)
    return dict(zip(found, in_each or [dict(in_all)], strict=True)), in_all


def _add_query(
    engine: str, filters: dict[str, Any], found: dict[str, set[Form]], *, missing: int = 0
) -> dict[str, Any]:
    """The shape of a query, and its parameters. On SQLite, the term has the conditions of `_IS_VISIBLE`, too."""
    query = render(engine, list(found.values()), missing=missing)
    if engine == SQLITE and not filters["any_status"]:
        query = f"({query}) AND ({' OR '.join(_mark(f's{status_id}') for status_id in filters['statuses'])})"
    if engine == SQLITE and filters["hidden"]:
        query = f"({query}) NOT ({' OR '.join(map(_mark, filters['hidden']))})"
    words = {
        f"word_{number}": " ".join(sorted(form[0] for form in forms)) for number, forms in enumerate(found.values())
    }
    # PostgreSQL makes one word of each of these, and of any other perhaps two.
    is_simple = not missing and all(
        len(form) == 1 and _LETTERS.match(form[0]) for forms in found.values() for form in forms
    )
    shape = shape_of_words(len(found)) if engine == POSTGRESQL and is_simple else engine
    return {**filters, **words, "query": query, "shape": shape}


def _mark(name: str) -> str:
    return f'"{MARK}{name}"'


def _order_by_words(
    titles: dict[str, dict[int, int]], *, among: Collection[int] | None = None
) -> tuple[list[int], int]:
    """The posts by the number of words in the title, then by its length, and how many have all words.

    At most MAX_CHECKED, and only some of the posts if any are given.
    """
    words = Counter(post_id for lengths in titles.values() for post_id in lengths if among is None or post_id in among)
    every = {post_id: length for lengths in titles.values() for post_id, length in lengths.items()}
    ranked = sorted((-count, every[post_id], -post_id) for post_id, count in words.items())[:MAX_CHECKED]
    return [-negative for _, _, negative in ranked], sum(-count == len(titles) for count, _, _ in ranked)


def _rank(work: UnitOfWork, terms: SearchTerms, matches: _Matches) -> list[int]:
    """The best matches, best first, at most MAX_RANKED: the candidates, and the newest others."""
    candidates = list(matches.candidates)
    if len(candidates) < min(MAX_RANKED, matches.total):
        candidates += _fetch_tail(work, matches, candidates, 0, MAX_RANKED - len(candidates))
    weights = matches.weights
    prefix = None if terms.prefix is None else tokenizer.singular(terms.prefix)
    ranker = Ranker(terms.text, weights, joined=terms.joined, prefix=prefix)
    scores = {}
    for post_id, title, description in work.fetch_all(_TEXTS, ids=candidates):
        score, _, similar = ranker.score(title, min_share=MIN_TITLE_SHARE)
        in_title = max(similar, sum(post_id in posts for posts in matches.titles.values())) / len(weights)
        scores[post_id] = score + TITLE_SHARE * in_title
        if in_title < 1 and description:
            scores[post_id] += (1 - in_title) * _score_description(terms, weights, description)
    return sorted(scores, key=lambda post_id: (-scores[post_id], -post_id))


def _score_description(terms: SearchTerms, weights: dict[str, float], description: str) -> float:
    folded = tokenizer.fold_case(description)
    share = sum(weight for word, weight in weights.items() if word in folded) / sum(weights.values())
    return DESCRIBED_SHARE * share + NEAR_SHARE * fuzz.partial_ratio(terms.text, folded) / 100


def _fetch_tail(work: UnitOfWork, matches: _Matches, without: Sequence[int], offset: int, limit: int) -> list[int]:
    """A page of the matches, the newest first, without some of them."""
    excluded = set(without)
    ids = _fetch_newest(work, matches, offset, len(without) + limit)
    # Those left out before this page have moved it by as many places.
    before = sum(post_id > ids[0] for post_id in excluded) if ids else 0
    return [post_id for post_id in ids if post_id not in excluded][before : before + limit]


def _fetch_newest(work: UnitOfWork, matches: _Matches, offset: int, limit: int) -> list[int]:
    """A page of all matches, the newest first, read from the nearer end."""
    if min(offset + limit, matches.total) <= len(matches.newest):
        return list(matches.newest[offset : offset + limit])
    if work.engine == POSTGRESQL and matches.total >= MIN_MANY and offset == 0:
        # Of the newest posts enough match, which needs neither all matches nor their order.
        rows = work.fetch_all(post_statements.FIND_OF_NEWEST, **matches.filters)
        if len(rows) >= limit:
            return [row[0] for row in rows[:limit]]
    behind = matches.total - offset - limit
    if offset <= behind:
        rows = work.fetch_all(
            post_statements.FIND_NEWEST[matches.filters["shape"]], limit=limit, offset=offset, **matches.filters
        )
        return [row[0] for row in rows]
    limit = min(limit, matches.total - offset)
    rows = work.fetch_all(
        post_statements.FIND_OLDEST[matches.filters["shape"]], limit=limit, offset=max(0, behind), **matches.filters
    )
    return [row[0] for row in reversed(rows)]

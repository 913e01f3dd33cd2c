"""Searches the titles and descriptions of posts.

A post matches if it has every word of the query, in the title or in the description. `SearchTerms` says which words of
the index stand for a word of the query. The best matches are chosen by the words that their titles have, read, and
ranked with rapidfuzz; all others follow, the newest first. So every page has a fixed place in one order.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import nsmallest
from typing import Any, Final

import orjson
from rapidfuzz import fuzz
from sqlalchemy import BigInteger, Boolean, bindparam, func, not_, or_, select, text

from app.domain.models import Post
from app.domain.models.search import MARK, NEW_POSTS, TEXT_SEARCH_CONFIG
from app.domain.permissions import Permission
from app.domain.search import tokenizer
from app.domain.search.ranking import Ranker, rarity
from app.domain.search.terms import SearchTerms, render, render_word
from app.domain.search.vocabulary import Form
from app.domain.sql.statement import PORTAL_ID, POSTGRESQL, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_RANKED: Final = 100
"""Posts that are ranked by their texts."""
MAX_CHECKED: Final = 400
"""Posts with some words in the title for which it is checked whether they have the others in the description."""
MAX_TITLES_PER_WORD: Final = 2000
"""Titles of each word, the newest, from which those to rank are chosen."""
MAX_RANKED_DESCRIPTION: Final = 2000
"""Characters of a description that the ranking reads."""
MIN_TITLE_SHARE: Final = 0.05
"""The share of the query's weight below which the letters of a title do not count."""
TITLE_SHARE: Final = 0.5
"""How much is added to the score of a title, for the words that it has by the index."""
DESCRIBED_SHARE: Final = 0.2
NEAR_SHARE: Final = 0.2
"""How much the description adds to the score of a title without any word: for its words, and if they are together."""


_REASONS: Final = ("unpublished", "pending", "rejected")
"""Why a post is hidden. PostgreSQL's index has the number of the last of them that is true of a post, from 1."""


class Visibility(Enum):
    """Which posts a search finds. The value is the number of _REASONS that do not hide a post from it."""

    PUBLIC = 0
    """What visitors see: approved and published posts."""
    NOT_REJECTED = 2
    ALL = 3


@dataclass(frozen=True, slots=True)
class SearchPage:
    """The ids of the posts of a page, and the number of all posts that match."""

    ids: Sequence[int]
    total: int


_TITLES: Final = {
    # The + keeps SQLite from an index on the portal, which would list all its posts for each word.
    SQLITE: f"""
        SELECT (
          SELECT json_array(json_group_array(posts.id), json_group_array(length(posts.title))) FROM (
            SELECT rowid AS post_id FROM post_search WHERE post_search MATCH word.value
            ORDER BY rowid DESC LIMIT {MAX_TITLES_PER_WORD}
          ) AS matching JOIN posts ON posts.id = post_id WHERE +posts.portal_id = :portal
        ) AS titles FROM json_each(:words) AS word ORDER BY word.key
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT (
          SELECT CAST(json_build_array(coalesce(json_agg(post_id), '[]'), coalesce(json_agg(length), '[]')) AS TEXT)
          FROM (
            SELECT post_id, length(title) AS length FROM post_search
            WHERE portal_id = :portal AND title @@ to_tsquery('{TEXT_SEARCH_CONFIG}', word.value)
            ORDER BY post_id DESC LIMIT {MAX_TITLES_PER_WORD}
          ) AS matching
        ) AS titles
        FROM unnest(CAST(:words AS TEXT[])) WITH ORDINALITY AS word (value, place) ORDER BY place
    """,  # noqa: S608 - constants only
}
_IS_MATCH: Final = {
    SQLITE: f"post_search_texts MATCH '\"{MARK}p' || :portal || '\" AND (' || :query || ')'",
    # The index has no positions; PostgreSQL would demand the parts of a word that it splits in their order.
    POSTGRESQL: f"""
        portal_id = :portal
        AND words @@ CAST(
          replace(CAST(to_tsquery('{TEXT_SEARCH_CONFIG}', :query) AS TEXT), '<->', '&') AS TSQUERY
        )
        AND (:any_status OR status_id = ANY (CAST(:statuses AS BIGINT[])))
        AND hidden <= :visibility
    """,
}
_COUNTS: Final = {
    SQLITE: f"""
        SELECT count(*), json_group_array(rowid) FILTER (WHERE rowid IN (SELECT value FROM json_each(:posts)))
        FROM post_search_texts WHERE {_IS_MATCH[SQLITE]}
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT count(*),
          CAST(coalesce(
            json_agg(post_id) FILTER (WHERE post_id IN (SELECT unnest(CAST(:posts AS BIGINT[])))), '[]') AS TEXT
          )
        FROM post_search_texts WHERE {_IS_MATCH[POSTGRESQL]}
    """,  # noqa: S608 - constants only
}
_ANY: Final = {
    SQLITE: f"SELECT 1 FROM post_search_texts WHERE {_IS_MATCH[SQLITE]} LIMIT 1",  # noqa: S608 - constants only
    # For one row, PostgreSQL would otherwise read the table, and all of it if no post matches.
    POSTGRESQL: f"""
        WITH matching AS MATERIALIZED (SELECT 1 FROM post_search_texts WHERE {_IS_MATCH[POSTGRESQL]})
        SELECT 1 FROM matching LIMIT 1
    """,  # noqa: S608 - constants only
}
_NEWEST: Final = {
    # The + keeps PostgreSQL from reading all posts in the order of their ids.
    SQLITE: f"""
        SELECT rowid FROM post_search_texts WHERE {_IS_MATCH[SQLITE]} ORDER BY rowid DESC LIMIT :limit OFFSET :offset
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT post_id FROM post_search_texts WHERE {_IS_MATCH[POSTGRESQL]}
        ORDER BY post_id + 0 DESC LIMIT :limit OFFSET :offset
    """,  # noqa: S608 - constants only
}


def _statements(sources: dict[str, str]) -> dict[str, Statement]:
    types = {"portal": BigInteger, "any_status": Boolean, "unpublished": Boolean}
    return {
        engine: Statement(
            text(source).bindparams(*(bindparam(name, type_=types[name]) for name in types if f":{name}" in source))
        )
        for engine, source in sources.items()
    }


_FIND_TITLES: Final = _statements(_TITLES)
_COUNT: Final = _statements(_COUNTS)
_FIND_ANY: Final = _statements(_ANY)
_FIND_NEWEST: Final = _statements(_NEWEST)
_IS_VISIBLE: Final = (
    or_(bindparam("any_status", type_=Boolean), in_list(Post.status_id, "statuses")),
    not_(in_list(Post.moderation, "hidden")),
    or_(Post.published, bindparam("unpublished", type_=Boolean)),
)
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
    work.authorize(Permission.READ)
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
    filters: dict[str, Any]
    """The parameters of a statement that finds them."""
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
        "hidden": list(_REASONS[visibility.value :]),
        "unpublished": visibility is not Visibility.PUBLIC,
    }
    found, unknown = terms.find_forms(work)
    with_query = _add_query(work.engine, filters, found)
    # Where posts have each word, one has all of them in most cases, which need not be checked first.
    if not unknown or _has_match(work, with_query):
        matches = _match(work, found, with_query)
        if matches.total:
            return matches
    found = terms.add_suggestions(work, found, unknown)
    for missing in range(len(found) // 2 + 1):
        with_query = _add_query(work.engine, filters, found, missing=missing)
        if not missing or _has_match(work, with_query):
            matches = _match(work, found, with_query)
            if matches.total:
                return matches
    return None


def _has_match(work: UnitOfWork, filters: dict[str, Any]) -> bool:
    return work.fetch_one(_FIND_ANY[work.engine], **filters) is not None


def _match(work: UnitOfWork, found: dict[str, set[Form]], filters: dict[str, Any]) -> _Matches:
    words = [render_word(work.engine, forms) for forms in found.values()]
    rows = work.fetch_all(_FIND_TITLES[work.engine], words=words)
    titles = {word: dict(zip(*orjson.loads(row[0]), strict=True)) for word, row in zip(found, rows, strict=True)}
    ranked, complete = _order_by_words(titles)
    visible = {row[0] for row in work.fetch_all(_FILTER, ids=ranked[: min(complete, MAX_CHECKED)], **filters)}
    # Those with all words in the title match anyway, and are enough if they are many.
    others = [] if len(visible) >= MAX_RANKED else ranked[complete:]
    total, matching = work.fetch_all(_COUNT[work.engine], posts=others, **filters)[0]
    visible.update(orjson.loads(matching))
    return _Matches(total, filters, titles, [post_id for post_id in ranked if post_id in visible][:MAX_RANKED])


def _add_query(
    engine: str, filters: dict[str, Any], found: dict[str, set[Form]], *, missing: int = 0
) -> dict[str, Any]:
    """The parameters of `_IS_MATCH`. On SQLite, the search term has the conditions of `_IS_VISIBLE`, too."""
    query = render(engine, list(found.values()), missing=missing)
    if engine == SQLITE and not filters["any_status"]:
        query = f"({query}) AND ({' OR '.join(_mark(f's{status_id}') for status_id in filters['statuses'])})"
    if engine == SQLITE and filters["hidden"]:
        query = f"({query}) NOT ({' OR '.join(map(_mark, filters['hidden']))})"
    return {**filters, "query": query}


def _mark(name: str) -> str:
    return f'"{MARK}{name}"'


def _order_by_words(titles: dict[str, dict[int, int]]) -> tuple[list[int], int]:
    """The posts by the number of words in the title, then by its length, and how many have all words."""
    words = Counter(post_id for lengths in titles.values() for post_id in lengths)
    every = {post_id: length for lengths in titles.values() for post_id, length in lengths.items()}
    ranked = nsmallest(MAX_CHECKED, words, key=lambda post_id: (-words[post_id], every[post_id], -post_id))
    return ranked, sum(words[post_id] == len(titles) for post_id in ranked)


def _rank(work: UnitOfWork, terms: SearchTerms, matches: _Matches) -> list[int]:
    """The best matches, best first, at most MAX_RANKED: the candidates, and the newest others."""
    candidates = list(matches.candidates)
    if len(candidates) < min(MAX_RANKED, matches.total):
        candidates += _fetch_tail(work, matches, candidates, 0, MAX_RANKED - len(candidates))
    weights = {word: rarity(len(posts)) for word, posts in matches.titles.items()}
    prefix = None if terms.prefix is None else tokenizer.singular(terms.prefix)
    ranker = Ranker(terms.text, weights, joined=terms.joined, prefix=prefix)
    scores = {}
    for post_id, title, description in work.fetch_all(_TEXTS, ids=candidates):
        in_title = sum(post_id in posts for posts in matches.titles.values()) / len(weights)
        score, _ = ranker.score(title, min_share=MIN_TITLE_SHARE)
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
    rows = work.fetch_all(_FIND_NEWEST[work.engine], limit=len(without) + limit, offset=offset, **matches.filters)
    ids = [row[0] for row in rows]
    excluded = set(without)
    # Those left out before this page have moved it by as many places.
    before = sum(post_id > ids[0] for post_id in excluded) if ids else 0
    return [post_id for post_id in ids if post_id not in excluded][before : before + limit]

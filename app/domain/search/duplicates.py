"""Finds the posts that may be about the same thing as a title, although they use other words or spellings.

The engine's full-text index (FTS5, `tsvector`; see `app.domain.models.search`) lists the posts for each word of the
query: the word itself, and every word with the same beginning, because most spelling mistakes are not there. The
posts whose words weigh most become candidates. Their titles are read and ranked.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import BigInteger, Text, and_, bindparam, or_, select, text

from app.domain.models import Post
from app.domain.models.search import TEXT_SEARCH_CONFIG
from app.domain.search import tokenizer
from app.domain.search.posts import IS_SHOWN, Visibility
from app.domain.search.ranking import Ranker, rarity
from app.domain.sql.statement import POSTGRESQL, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_RESULTS: Final = 10
MAX_WORDS: Final = 20
"""Words of a title that are looked up: 180 characters seldom have more that count."""
MAX_POSTS_PER_WORD: Final = 8000
MAX_CANDIDATES: Final = 100
"""Titles that are ranked. Twice as many are read, because some may be those of hidden posts."""
MAX_READ: Final = 8000
"""Titles that are read if most of these are hidden."""
PREFIX_LENGTH: Final = 4
"""Letters that a word of the index must share with a word of the query."""
HEAD_LENGTH: Final = 3
"""The first part of a word that the title may have as two words; a longer first part is found as a prefix."""
MIN_SCORE: Final = 0.45
"""The share of the query's weight that a title must cover to be a result at all."""
MIN_RELATIVE_SCORE: Final = 0.65
"""The share of the best score that another result must reach: beside a good match, weak ones are not useful."""
DESCRIPTION_BONUS: Final = 0.1
"""The most that a description adds: when it has all the words of a title that the query's title lacks."""

# Short titles first: of a thousand that have all words of the query, the one without others is the likeliest.
_POSTS_PER_WORD: Final = {
    # The + keeps SQLite from an index on the portal, which would list all its posts for each word.
    SQLITE: f"""
        SELECT (
          SELECT json_group_array(id) FROM (
            SELECT posts.id FROM post_search JOIN posts ON posts.id = post_search.rowid
            WHERE post_search MATCH term.value AND +posts.portal_id = :portal
            ORDER BY length(posts.title) LIMIT {MAX_POSTS_PER_WORD}
          )
        ) AS post_ids FROM json_each(:terms) AS term ORDER BY term.key
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT (
          SELECT CAST(coalesce(json_agg(post_id), '[]') AS TEXT) FROM (
            SELECT post_id FROM post_search
            WHERE portal_id = :portal AND title @@ term.query
            ORDER BY length(title) LIMIT {MAX_POSTS_PER_WORD}
          ) AS matching
        ) AS post_ids FROM (
          SELECT place, to_tsquery('{TEXT_SEARCH_CONFIG}', value ->> 0) || CAST(value ->> 1 AS tsquery) AS query
          FROM jsonb_array_elements(CAST(:terms AS JSONB)) WITH ORDINALITY AS given (value, place)
        ) AS term ORDER BY place
    """,  # noqa: S608 - constants only
}
_MATCHING: Final = {
    engine: Statement(text(statement).bindparams(bindparam("portal", type_=BigInteger), bindparam("terms", type_=Text)))
    for engine, statement in _POSTS_PER_WORD.items()
}

_TITLES: Final = Statement(
    select(Post.id, Post.title).where(
        in_portal_unindexed(Post),
        in_list(Post.id, "ids"),
        Post.moderation != "rejected",
        or_(and_(*IS_SHOWN), Post.user_id == bindparam("author", type_=BigInteger)),
    )
)


def find_duplicate_ids(
    work: UnitOfWork,
    title: str | None,
    description: str | None = None,
    *,
    visibility: Visibility,
    author_id: int | None = None,
) -> list[int]:
    """The ids of the posts that may be about the same, the likeliest first, at most ten.

    Rejected posts are left out, and hidden ones except those of the author given. Only titles are compared; the
    description given helps to choose between them, or replaces a missing title. Empty when nothing is similar enough.
    """
    query = SearchQuery.parse(title or "", description or "")
    if not query.words:
        return []
    terms = [query.term(word, work.engine) for word in query.words]
    found = work.fetch_all(_MATCHING[work.engine], terms=orjson.dumps(terms).decode())
    matching: list[list[int]] = [orjson.loads(row[0]) for row in found]
    weights = {word: rarity(len(ids)) for word, ids in zip(query.words, matching, strict=True)}
    ranker = Ranker(query.text, weights, joined=query.joined)
    candidates = _candidates(weights, matching)
    titles: dict[int, str] = {}
    # Seldom more than the first: hidden posts must not take the places of others.
    for part in (candidates[: 2 * MAX_CANDIDATES], candidates[2 * MAX_CANDIDATES : MAX_READ]):
        if part and len(titles) < MAX_CANDIDATES:
            rows = work.fetch_all(_TITLES, ids=part, author=author_id or 0, **visibility.to_filters())
            titles |= {row["id"]: row["title"] for row in rows}
    ranked_ids = [post_id for post_id in candidates if post_id in titles][:MAX_CANDIDATES]
    ranked = sorted((-_score(ranker, query, titles[post_id]), post_id) for post_id in ranked_ids)
    return [
        post_id for score, post_id in ranked[:MAX_RESULTS] if score < 0 and score <= MIN_RELATIVE_SCORE * ranked[0][0]
    ]


def _score(ranker: Ranker, query: "SearchQuery", title: str) -> float:
    score, extra, _ = ranker.score(title, min_share=MIN_SCORE)
    if not score or not extra:
        return score
    return score + DESCRIPTION_BONUS * sum(word in query.description for word in extra) / len(extra)


def _candidates(weights: dict[str, float], matching: Sequence[Sequence[int]]) -> list[int]:
    covered: dict[int, float] = defaultdict(float)
    for weight, ids in zip(weights.values(), matching, strict=True):
        for post_id in ids:
            covered[post_id] += weight
    # Sorting is stable: among equals the short titles stay in front.
    return sorted(covered, key=covered.__getitem__, reverse=True)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """The query: its words, and for each word the forms in which the index may contain it."""

    text: str
    words: list[str]
    joined: dict[str, tuple[str, str]]
    """Two adjacent words written as one, with the two words."""
    unfolded: dict[str, str]
    """Words with letters that only `fold_case` replaces, as the index has them."""
    description: frozenset[str]

    @classmethod
    def parse(cls, title: str, description: str) -> "SearchQuery":
        source = title if tokenizer.split_words(title) else description[:180]
        folded = tokenizer.fold_case(source)
        words = tokenizer.split_words(folded)
        lower = [tokenizer.strip_accents(word.lower()) for word in tokenizer.split_words(source)]
        return cls(
            text=folded,
            words=tokenizer.significant_words(words)[:MAX_WORDS],
            joined=tokenizer.join_pairs(words),
            unfolded={tokenizer.singular(tokenizer.fold_case(word)): word for word in lower if not word.isascii()},
            description=frozenset(tokenizer.tokenize(description[:1000])),
        )

    def term(self, word: str, engine: str) -> Any:
        """The search term for the index: stems of words, and prefixes."""
        forms = {word, self.unfolded.get(word, word)}
        # The word may be two in the title: "log in" for "login", "e-mail" for "email", "o'reilly" for "oreilly".
        long = {form for form in forms if len(form) >= PREFIX_LENGTH}
        exact = forms | {form[:HEAD_LENGTH] for form in long} | {form[1:] for form in long}
        exact |= {joined for joined, (left, _) in self.joined.items() if left == word and len(left) >= HEAD_LENGTH}
        exact |= {tokenizer.NUMERAL_WORDS[word]} if word in tokenizer.NUMERAL_WORDS else set()
        # A stem has "i" for a "y" at its end.
        prefixes = {form[:PREFIX_LENGTH].removesuffix("y") for form in long}
        if engine == SQLITE:
            return " OR ".join([*(f'"{form}"' for form in exact), *(f'"{prefix}"*' for prefix in prefixes)])
        return [" | ".join(exact), " | ".join(f"'{prefix}':*" for prefix in prefixes)]

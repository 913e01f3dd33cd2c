"""Finds the posts that may be about the same thing as a title, although they use other words or spellings.

The engine's full-text index (FTS5, `tsvector`; see `app.domain.models.search`) lists the posts for each word of the
query: the word itself, and every word with the same beginning, because most spelling mistakes are not there. The
posts whose words weigh most become candidates. Their titles are read and ranked.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler
from sqlalchemy import BigInteger, Text, bindparam, select, text

from app.domain.models import Post
from app.domain.models.search import TEXT_SEARCH_CONFIG
from app.domain.search import tokenizer
from app.domain.sql.statement import POSTGRESQL, SQLITE, Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_RESULTS: Final = 10
MAX_WORDS: Final = 20
"""Words of a title that are looked up: 180 characters seldom have more that count."""
MAX_POSTS_PER_WORD: Final = 8000
MAX_CANDIDATES: Final = 100
"""Titles that are ranked. Twice as many are read, because some may be those of rejected posts."""
PREFIX_LENGTH: Final = 4
"""Letters that a word of the index must share with a word of the query."""
HEAD_LENGTH: Final = 3
"""The first part of a word that the title may have as two words; a longer first part is found as a prefix."""
MIN_SCORE: Final = 0.45
"""The share of the query's weight that a title must cover to be a result at all."""
MIN_RELATIVE_SCORE: Final = 0.65
"""The share of the best score that another result must reach: beside a good match, weak ones are not useful."""
MIN_SIMILARITY: Final = 0.86
"""Two words less similar (Jaro-Winkler) are different words: `import` and `export`."""
COMPOUND_SIMILARITY: Final = 0.95
"""The similarity of two words to the same two written as one."""
WORD_SHARE: Final = 0.7
"""How much of the score comes from the weight of the words; the rest from the letters of the whole titles."""
ORDER_SHARE: Final = 0.05
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
    select(Post.id, Post.title).where(in_portal_unindexed(Post), in_list(Post.id, "ids"), Post.moderation != "rejected")
)


def find_duplicate_ids(work: UnitOfWork, title: str | None, description: str | None = None) -> list[int]:
    """The ids of the posts that may be about the same, the likeliest first, at most ten.

    Rejected posts are left out. Only titles are compared; the description given helps to choose between them, or
    replaces a missing title. Empty when nothing is similar enough.
    """
    query = SearchQuery.parse(title or "", description or "")
    if not query.words:
        return []
    terms = [query.term(word, work.engine) for word in query.words]
    rows = work.fetch_all(_MATCHING[work.engine], terms=orjson.dumps(terms).decode())
    matching: list[list[int]] = [orjson.loads(row[0]) for row in rows]
    weights = {word: _rarity(len(ids)) for word, ids in zip(query.words, matching, strict=True)}
    ranker = Ranker(query, weights)
    candidates = _candidates(weights, matching)
    titles: dict[int, str] = {row["id"]: row["title"] for row in work.fetch_all(_TITLES, ids=candidates)}
    ranked_ids = [post_id for post_id in candidates if post_id in titles][:MAX_CANDIDATES]
    ranked = sorted((-ranker.score(titles[post_id]), post_id) for post_id in ranked_ids)
    return [
        post_id for score, post_id in ranked[:MAX_RESULTS] if score < 0 and score <= MIN_RELATIVE_SCORE * ranked[0][0]
    ]


def _rarity(posts: int) -> float:
    """The weight of a word by the number of posts that have it; a word of no post counts as one of thirty posts."""
    # The number of all titles hardly matters: it only flattens the difference between rare and common.
    return math.log(1 + 100_000 / (posts or 30))


def _candidates(weights: dict[str, float], matching: Sequence[Sequence[int]]) -> list[int]:
    covered: dict[int, float] = defaultdict(float)
    for weight, ids in zip(weights.values(), matching, strict=True):
        for post_id in ids:
            covered[post_id] += weight
    # Sorting is stable: among equals the short titles stay in front.
    return sorted(covered, key=covered.__getitem__, reverse=True)[: 2 * MAX_CANDIDATES]


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


class Ranker:
    """Scores titles by how much of the query they contain."""

    def __init__(self, query: SearchQuery, weights: dict[str, float]) -> None:
        self._query = query
        self._weights = weights
        self._total = sum(weights.values())
        self._sorted = " ".join(sorted(query.words))
        self._similar: dict[str, dict[str, float]] = {}

    def score(self, title: str) -> float:
        """The score of a title, from 0 (no match) to about 1 (the same title)."""
        folded = tokenizer.fold_case(title)
        split = tokenizer.split_words(folded)
        words = tokenizer.significant_words(split)
        best: dict[str, float] = {}
        extra = []
        for word in words:
            similar = self._similar_words(word)
            if not similar:
                extra.append(word)
            for each, similarity in similar.items():
                best[each] = max(similarity, best.get(each, 0.0))
        for joined in tokenizer.join_pairs(split):
            for each, similarity in self._similar_words(joined).items():
                best[each] = max(similarity * COMPOUND_SIMILARITY, best.get(each, 0.0))
        share = sum(self._weights[each] * similarity for each, similarity in best.items()) / self._total
        if share < MIN_SCORE:
            return 0.0
        letters = fuzz.ratio(self._sorted, " ".join(sorted(words))) / 100
        order = fuzz.ratio(self._query.text, folded) / 100
        described = sum(word in self._query.description for word in extra)
        bonus = DESCRIPTION_BONUS * described / len(extra) if extra else 0.0
        return WORD_SHARE * share + (1 - WORD_SHARE - ORDER_SHARE) * letters + ORDER_SHARE * order + bonus

    def _similar_words(self, word: str) -> dict[str, float]:
        """The words of the query that a title's word may stand for."""
        similar = self._similar.get(word)
        if similar is None:
            similar = {each: similarity for each in self._query.words if (similarity := _similarity(each, word))}
            for each in self._query.joined.get(word, ()):
                if each in self._weights:
                    similar[each] = max(COMPOUND_SIMILARITY, similar.get(each, 0.0))
            self._similar[word] = similar
        return similar


def _similarity(word: str, other: str) -> float:
    if word == other:
        return 1.0
    # Short words and numbers must be equal: a similar number means something else.
    if min(len(word), len(other)) < PREFIX_LENGTH or word.isdigit() or other.isdigit():
        return 0.0
    return float(JaroWinkler.normalized_similarity(word, other, score_cutoff=MIN_SIMILARITY)) ** 2

"""Finds the posts that somebody may be about to write a second time: other words for it, slips of the keyboard.

The words asked for are looked up in the portal's vocabulary by their signatures, so that misspelt ones are found; the
posts that share enough of their weight become candidates; their titles, read then, decide. What the index doesn't know
yet is read besides.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, islice
from operator import eq
from typing import Final, NamedTuple, TypeAlias

import orjson
from rapidfuzz import fuzz
from sqlalchemy import BigInteger, cast, literal_column, null, select, union_all

from app.domain.models import Post
from app.domain.models.search import MAX_TERM_LENGTH, IndexQueueEntry, PostingList, Term, TermDeletion
from app.domain.search import tokenizer
from app.domain.search.index import LENGTHS
from app.domain.sql.statement import PORTAL_ID, Statement, in_list
from app.domain.unit_of_work import Row, UnitOfWork

MOST: Final = 10
MOST_WORDS: Final = 20
"""Words of a title that are looked up: 180 characters seldom have more that count."""
MOST_SPELLINGS: Final = 5
"""Words of the vocabulary that one word asked for may stand for."""
MOST_LISTED: Final = 30_000
"""Posts listed under the words that are read; the most common words are passed over when it would be more."""
MOST_CANDIDATES: Final = 100
MOST_WAITING: Final = 200
"""Titles not indexed yet that are read, the newest."""
ENOUGH: Final = 0.45
"""The share of the weight of what was asked that a title must cover to be an answer at all."""
PROMISING: Final = 0.4
"""The same for becoming a candidate. The index sees a little less than the title has."""
TOGETHER: Final = 0.95
"""What words written together count that were asked for apart, and the other way round."""
TOO_LONG: Final = 0.03
"""The share of the weight that each word more than asked for costs a title on the way to being a candidate."""
WORD_SHARE: Final = 0.7
"""How much of the rank comes from the weight of the words; the rest from the letters of the whole titles."""
ALIKE: Final = 0.65
"""The share of the best answer's rank that another one must reach: beside the very post, mere relatives are noise."""
SUPPORT: Final = 0.1
"""The most that a description adds: when it has all the words of a title that were not in the title asked for."""

_signed = (
    select(TermDeletion.signature, Term.id, Term.word, Term.posts)
    .join(TermDeletion, TermDeletion.word_id == Term.id)
    .where(TermDeletion.portal_id == PORTAL_ID, in_list(TermDeletion.signature, "signatures"))
)
_spelt = select(cast(null(), BigInteger), Term.id, Term.word, Term.posts).where(
    Term.portal_id == PORTAL_ID, in_list(Term.word, "words")
)
_VOCABULARY: Final = Statement(union_all(_signed, _spelt))

_LISTS: Final = Statement(
    select(PostingList.word_id, PostingList.post_ids)
    .where(PostingList.portal_id == PORTAL_ID, in_list(PostingList.word_id, "ids"))
    .order_by(PostingList.word_id, PostingList.span)
)

# Written so that no index on portal_id is used: SQLite would rather walk the whole portal than look up a hundred ids.
_in_portal = Post.portal_id + literal_column("0") == PORTAL_ID

_newest = (
    select(IndexQueueEntry.post_id)
    .where(IndexQueueEntry.portal_id == PORTAL_ID)
    .order_by(IndexQueueEntry.post_id.desc())
    .limit(MOST_WAITING)
    .subquery("newest")
)
_TITLES: Final = Statement(
    union_all(
        select(Post.id, Post.title).where(_in_portal, in_list(Post.id, "ids"), Post.moderation != "rejected"),
        select(Post.id, Post.title)
        .join(_newest, _newest.c.post_id == Post.id)
        .where(_in_portal, Post.moderation != "rejected"),
    )
)
_FOUND: Final = Statement(
    select(Post.id, Post.code, Post.title, Post.description).where(_in_portal, in_list(Post.id, "ids"))
)


def find_duplicates(work: UnitOfWork, title: str | None, description: str | None = None) -> list[Row]:
    """The posts of `find_duplicate_ids`: id, code, title, description."""
    best = find_duplicate_ids(work, title, description)
    found = {row[0]: row for row in work.fetch_all(_FOUND, ids=best)} if best else {}
    return [found[post_id] for post_id in best if post_id in found]


def find_duplicate_ids(work: UnitOfWork, title: str | None, description: str | None = None) -> list[int]:
    """The ids of the posts that may be about the same, the likeliest first, at most ten.

    Rejected posts are left out. Compared are titles; the description given only helps to choose between them, or
    stands in when there is no title. Empty when nothing is near enough.
    """
    asked = SearchQuery.of(title or "", description or "")
    if not asked.words:
        return []
    meanings = _meanings(work, asked)
    rows = work.fetch_all(_TITLES, ids=_candidates(work, asked, meanings))
    judge = Ranker(asked, {word: meaning.weight for word, meaning in meanings.items()})
    ranked = sorted({row[0]: (-judge.score(row[1]), row[0]) for row in rows}.values())
    return [post_id for rank, post_id in ranked[:MOST] if rank < 0 and rank <= ALIKE * ranked[0][0]]


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: its words, and how each may be written together with its neighbour or in two."""

    text: str
    words: list[str]
    joins: dict[str, list[str]]
    halves: dict[str, list[tuple[str, str]]]
    support: frozenset[str]

    @classmethod
    def of(cls, title: str, description: str) -> "SearchQuery":
        """Read what was asked."""
        text = title if tokenizer.tokenize(title) else description[:180]
        parts = tokenizer.split_words(text)
        kept = tokenizer.unique_stems(parts)[:MOST_WORDS]
        joins: dict[str, list[str]] = {}
        for left, right in zip(parts, islice(parts, 1, None), strict=False):
            for word in (tokenizer.stem(left), tokenizer.stem(right)):
                joins.setdefault(word, []).append(tokenizer.stem(left + right))
        halves = {
            tokenizer.stem(part): [
                (tokenizer.stem(part[:at]), tokenizer.stem(part[at:]))
                for at in range(2, min(len(part), MAX_TERM_LENGTH) - 1)
            ]
            for part in parts
        }
        return cls(tokenizer.fold_case(text), kept, joins, halves, frozenset(tokenizer.tokenize(description[:1000])))


class TermMatch(NamedTuple):
    """One way in which a word asked for may stand in the index: as one word, or as two."""

    nearness: float
    posts: int
    word_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TermExpansion:
    """What a word asked for may stand for, and how much it tells."""

    weight: float
    spellings: list[TermMatch] = field(default_factory=list)

    @property
    def posts(self) -> int:
        return sum(spelling.posts for spelling in self.spellings)


def _rarity(posts: float) -> float:
    # The number of all titles hardly matters: it only flattens the difference between rare and common.
    return math.log(1 + 100_000 / posts)


Known: TypeAlias = dict[str, tuple[int, int]]
"""Words of the vocabulary: their ids, and how many posts have them."""

UNKNOWN: Final = _rarity(100)
"""The weight of a word that no title has."""


def _meanings(work: UnitOfWork, asked: SearchQuery) -> dict[str, TermExpansion]:
    signed: dict[int, list[str]] = defaultdict(list)
    besides: set[str] = set()
    for word in asked.words:
        for signature in tokenizer.deletion_hashes(word):
            signed[signature].append(word)
        besides.update(asked.joins.get(word, ()), chain.from_iterable(asked.halves.get(word, ())))
    known: Known = {}
    like: dict[str, dict[str, None]] = defaultdict(dict)
    for signature, word_id, word, posts in work.fetch_all(_VOCABULARY, signatures=list(signed), words=list(besides)):
        known[word] = (word_id, posts)
        for asked_for in signed.get(signature, ()):
            like[asked_for][word] = None
    return {word: _meaning(word, asked, known, list(like[word])) for word in asked.words}


def _meaning(asked_for: str, asked: SearchQuery, known: Known, like: list[str]) -> TermExpansion:
    near = [
        TermMatch(nearness, known[word][1], known[word][:1])
        for word, nearness in tokenizer.similar_words(asked_for, like).items()
    ]
    exact = known[asked_for][1] if asked_for in known else 0
    # One of two like words is a slip for the other when it is much rarer; otherwise people mean what they write.
    likely = [each for each in near if each.nearness == 1 or exact < 3 or not exact < 5 * each.posts < 25 * exact]
    spellings = sorted(likely, reverse=True)[:MOST_SPELLINGS]
    for joined in asked.joins.get(asked_for, ()):
        if joined in known:
            spellings.append(TermMatch(TOGETHER, known[joined][1], known[joined][:1]))
    for left, right in asked.halves.get(asked_for, ()):
        if left in known and right in known:
            both = (known[left], known[right])
            # How many posts have both is not known; a tenth of the rarer is a fair guess.
            spellings.append(TermMatch(TOGETHER, min(both[0][1], both[1][1]) // 10, (both[0][0], both[1][0])))
    spellings.sort()
    posts = sum(spelling.posts * spelling.nearness**2 for spelling in spellings)
    return TermExpansion(_rarity(posts) if posts else UNKNOWN, spellings)


_POST: Final = (1 << 64) - 1


def _candidates(work: UnitOfWork, asked: SearchQuery, meanings: dict[str, TermExpansion]) -> list[int]:
    """The ids of the posts whose titles seem to cover most of what was asked."""
    room = MOST_LISTED
    chosen: list[TermExpansion] = []
    total = 0.0
    for meaning in sorted(meanings.values(), key=lambda meaning: -meaning.weight):
        if chosen and meaning.posts > room:
            continue
        total += meaning.weight
        if meaning.spellings:
            room -= meaning.posts
            chosen.append(meaning)
    floor = PROMISING * total
    if sum(meaning.weight for meaning in chosen) < floor:
        return []
    wanted = {word_id for meaning in chosen for spelling in meaning.spellings for word_id in spelling.word_ids}
    written: dict[int, str] = defaultdict(str)
    for word_id, post_ids in work.fetch_all(_LISTS, ids=list(wanted)):
        written[word_id] += post_ids
    lists: dict[int, list[int]] = {word_id: orjson.loads(f"[{posts[:-1]}]") for word_id, posts in written.items()}
    listed = [(meaning.weight, _posts(meaning, lists)) for meaning in chosen]
    covered = _covered(listed, floor)
    longer = [TOO_LONG * total * max(0, 1 + words_less_one - len(asked.words)) for words_less_one in range(LENGTHS)]
    # Whole numbers, because pairs take several times as long to sort: the weight in thousandths, then the post.
    likely = [
        int((weight - longer[post % LENGTHS]) * 1000) << 64 | post
        for post, weight in covered.items()
        if weight >= floor
    ]
    likely.sort(reverse=True)
    return list({(each & _POST) // LENGTHS for each in likely[:MOST_CANDIDATES]})


def _posts(meaning: TermExpansion, lists: dict[int, list[int]]) -> list[tuple[float, Iterable[int]]]:
    """The posts of each spelling, the nearest last."""
    found: list[tuple[float, Iterable[int]]] = []
    for spelling in meaning.spellings:
        of_words = [lists.get(word_id, []) for word_id in spelling.word_ids]
        posts = of_words[0] if len(of_words) == 1 else set(of_words[0]).intersection(of_words[1])
        if posts:
            found.append((spelling.nearness, posts))
    return found


def _covered(listed: Sequence[tuple[float, list[tuple[float, Iterable[int]]]]], floor: float) -> dict[int, float]:
    """The weight that each post covers, for those that may reach the floor."""
    weights = accumulate(weight for weight, _ in listed)
    at_least = next(count for count, weight in enumerate(weights, 1) if weight >= floor)
    every = [list(chain.from_iterable(posts for _, posts in spellings)) for _, spellings in listed]
    # Sorting runs that are sorted already, then looking for repetitions, is several times faster than counting.
    merged = sorted(chain.from_iterable(every))
    repeats = max(at_least, 2) - 1
    covered = dict.fromkeys(compress(merged, map(eq, merged, islice(merged, repeats, None))), 0.0)
    if at_least == 1:
        for (weight, _), whole in zip(listed, every, strict=True):
            if weight >= floor:
                covered.update(dict.fromkeys(whole, 0.0))
    for weight, spellings in listed:
        best: dict[int, float] = {}
        for nearness, posts in spellings:
            best.update(dict.fromkeys(filter(covered.__contains__, posts), nearness))
        for post, nearness in best.items():
            covered[post] += weight * nearness
    return covered


class Ranker:
    """Ranks titles by what they have of what was asked."""

    def __init__(self, asked: SearchQuery, weights: dict[str, float]) -> None:
        self._asked = asked
        self._weights = weights
        self._total = sum(weights.values())
        self._sorted = " ".join(sorted(asked.words))
        self._near: dict[str, dict[str, float]] = {}

    def score(self, title: str) -> float:
        """From 0, not an answer, to about 1, the same."""
        asked = self._asked
        found = tokenizer.tokenize(title)
        have = set(found)
        best: dict[str, float] = {}
        extra = []
        for word in found:
            near = self._near.get(word)
            if near is None:
                near = self._near[word] = self._nearness(word)
            if not near:
                extra.append(word)
            for each, nearness in near.items():
                if nearness > best.get(each, 0.0):
                    best[each] = nearness
        for each in asked.words:
            if each not in best and any(left in have and right in have for left, right in asked.halves.get(each, ())):
                best[each] = TOGETHER
        share = sum(self._weights[each] * nearness for each, nearness in best.items()) / self._total
        if share < ENOUGH:
            return 0.0
        letters = fuzz.ratio(self._sorted, " ".join(sorted(found))) / 100
        order = fuzz.ratio(asked.text, title) / 100
        support = SUPPORT * sum(word in asked.support for word in extra) / len(extra) if extra else 0.0
        return WORD_SHARE * share + (0.95 - WORD_SHARE) * letters + 0.05 * order + support

    def _nearness(self, word: str) -> dict[str, float]:
        near = tokenizer.similar_words(word, self._asked.words)
        for each in self._asked.words:
            if word in self._asked.joins.get(each, ()):
                near[each] = max(near.get(each, 0.0), TOGETHER)
        return near

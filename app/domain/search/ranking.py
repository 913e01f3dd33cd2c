"""Compares titles with a query, word by word, with tolerance for spelling."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from app.domain.search import tokenizer

MIN_FUZZY_LENGTH: Final = 4
"""Letters of a word that may be misspelled. Shorter words and numbers must be equal."""
MIN_SIMILARITY: Final = 0.86
"""Two words less similar (Jaro-Winkler) are different words: `import` and `export`."""
COMPOUND_SIMILARITY: Final = 0.95
"""The similarity of two words to the same two written as one."""
PREFIX_SIMILARITY: Final = 0.95
"""The similarity of a word to its beginning, if that is the last word of a query that may be incomplete."""
WORD_SHARE: Final = 0.7
"""How much of the score comes from the weight of the words; the rest from the letters of the whole titles."""
ORDER_SHARE: Final = 0.05


def rarity(posts: int) -> float:
    """The weight of a word by the number of posts that have it; a word of no post counts as one of thirty posts."""
    # The number of all titles hardly matters: it only flattens the difference between rare and common.
    return math.log(1 + 100_000 / (posts or 30))


class Ranker:
    """Scores titles by how much of a query they contain.

    `joined` are pairs of adjacent words of the query by the word that they form. `prefix` is the word that may be
    incomplete.
    """

    def __init__(
        self,
        text: str,
        weights: Mapping[str, float],
        *,
        joined: Mapping[str, tuple[str, str]],
        prefix: str | None = None,
    ) -> None:
        self._text = text
        self._weights = weights
        self._total = sum(weights.values())
        self._sorted = " ".join(sorted(weights))
        self._joined = joined
        self._prefix = prefix
        # A title has many pairs of words, and hardly any is a word of the query.
        self._initials = {word[0] for word in (*weights, *joined)}
        self._fuzzy = [word for word in weights if _is_fuzzy(word)]
        self._similar: dict[str, dict[str, float]] = {}

    def score(self, title: str, *, min_share: float) -> tuple[float, Sequence[str], int]:
        """The score of a title, from 0 to about 1 (the same title).

        Beside it, the title's words that the query lacks, and the number of the query's words that the title has. The
        score is 0 if the title has less than `min_share` of the query's weight.
        """
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
        for joined in tokenizer.join_pairs(split, initials=self._initials):
            for each, similarity in self._similar_words(joined).items():
                best[each] = max(similarity * COMPOUND_SIMILARITY, best.get(each, 0.0))
        share = sum(self._weights[each] * similarity for each, similarity in best.items()) / self._total
        if share < min_share:
            return 0.0, extra, len(best)
        letters = fuzz.ratio(self._sorted, " ".join(sorted(words))) / 100
        order = fuzz.ratio(self._text, folded) / 100
        return WORD_SHARE * share + (1 - WORD_SHARE - ORDER_SHARE) * letters + ORDER_SHARE * order, extra, len(best)

    def _similar_words(self, word: str) -> dict[str, float]:
        """The words of the query that a title's word may stand for."""
        similar = self._similar.get(word)
        if similar is None:
            similar = {}
            if _is_fuzzy(word):
                for each in self._fuzzy:
                    similarity = JaroWinkler.normalized_similarity(word, each, score_cutoff=MIN_SIMILARITY)
                    if similarity:
                        similar[each] = similarity**2
            if word in self._weights:
                similar[word] = 1.0
            for each in self._joined.get(word, ()):
                if each in self._weights:
                    similar[each] = max(COMPOUND_SIMILARITY, similar.get(each, 0.0))
            if self._prefix is not None and word.startswith(self._prefix):
                similar[self._prefix] = max(PREFIX_SIMILARITY, similar.get(self._prefix, 0.0))
            self._similar[word] = similar
        return similar


def _is_fuzzy(word: str) -> bool:
    return len(word) >= MIN_FUZZY_LENGTH and not word.isdigit()

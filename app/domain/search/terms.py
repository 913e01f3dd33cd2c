"""What a search looks up in the index for the words of a query."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from app.domain.search import tokenizer, vocabulary
from app.domain.search.vocabulary import Form
from app.domain.sql.statement import SQLITE
from app.domain.unit_of_work import UnitOfWork

_VOWEL: Final = re.compile("[aeiouy]")
MAX_WORDS: Final = 6
"""Words of a query that are looked up, function words not counted. Of six there are twenty choices of three."""


@dataclass(frozen=True, slots=True)
class SearchTerms:
    """A query: its words in the singular, and for each the forms in which it is written."""

    text: str
    """Folded."""
    words: dict[str, set[str]]
    joined: dict[str, tuple[str, str]]
    """Two adjacent words written as one, with the two words."""
    prefix: str | None
    """The last word, which may be incomplete; None if it does not count."""

    @classmethod
    def parse(cls, query: str) -> "SearchTerms":
        """The words of a query; none if it has only punctuation."""
        folded = tokenizer.fold_case(query)
        split = tokenizer.split_words(folded)
        words = dict(list(tokenizer.significant_forms(split).items())[:MAX_WORDS])
        is_counted = bool(split) and split[-1] in words.get(tokenizer.singular(split[-1]), ())
        return cls(folded, words, tokenizer.join_pairs(split), split[-1] if is_counted else None)

    def find_forms(self, work: UnitOfWork) -> tuple[dict[str, set[Form]], set[str]]:
        """What the index may have for each word, and the words that no post has as they are written.

        These are other spellings of the word, and words that begin with the last one.
        """
        written = {word: {word, *forms} for word, forms in self.words.items()}
        for word, forms in written.items():
            # PostgreSQL's stemmer keeps the ending of `pdfs`.
            if not _VOWEL.search(word):
                forms.add(word + "s")
        for word, numeral in tokenizer.NUMERAL_WORDS.items():
            if word in written:
                written[word].add(numeral)
        for joined, pair in self.joined.items():
            for word in pair:
                if word in written:
                    written[word].add(joined)
        known = vocabulary.find_forms(work, {form for forms in written.values() for form in forms})
        found = {
            word: {(form,) for form in forms} | {form for each in forms for form in known.get(each, ())}
            for word, forms in written.items()
        }
        unknown = {word for word, forms in written.items() if not known.keys() & forms}
        if self.prefix is not None:
            completions = vocabulary.complete(work, self.prefix)
            found[tokenizer.singular(self.prefix)] |= completions
            unknown -= {tokenizer.singular(self.prefix)} if completions else set()
        return found, unknown

    def add_suggestions(self, work: UnitOfWork, found: dict[str, set[Form]], unknown: set[str]) -> dict[str, set[Form]]:
        """The forms with those of similar words: for the unknown words, or for all if there are none."""
        suggested = {
            word: {form for each in self.words[word] for form in vocabulary.suggest(work, each)}
            for word in unknown or self.words
        }
        return {word: forms | suggested.get(word, set()) for word, forms in found.items()}


def render(engine: str, words: Sequence[Collection[Form]], *, missing: int = 0) -> str:
    """The search term of an engine for texts that have a form of each word, or of all but `missing` of them."""
    every = [render_word(engine, forms) for forms in words]
    either, both = (" OR ", " AND ") if engine == SQLITE else (" | ", " & ")
    return either.join(f"({both.join(chosen)})" for chosen in combinations(every, len(every) - missing))


def render_word(engine: str, forms: Collection[Form]) -> str:
    """The search term of an engine for texts that have a form of a word."""
    either, both = (" OR ", " AND ") if engine == SQLITE else (" | ", " & ")
    quote = '"{}"' if engine == SQLITE else "{}"
    terms = (both.join(quote.format(word) for word in form) for form in sorted(forms))
    return f"({either.join(f'({term})' for term in terms)})"

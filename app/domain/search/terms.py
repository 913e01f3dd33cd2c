"""What a search looks up in the index for the words of a query."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, bindparam, text

from app.domain.models.search import TEXT_SEARCH_CONFIG
from app.domain.search import tokenizer, vocabulary
from app.domain.search.vocabulary import Form
from app.domain.sql.statement import POSTGRESQL, SQLITE, Statement
from app.domain.unit_of_work import UnitOfWork

_VOWEL: Final = re.compile("[aeiouy]")
MAX_WORDS: Final = 6
"""Words of a query that are looked up, function words not counted."""
MAX_STEMMED: Final = 30
"""Letters of a plural whose stem is known. SQLite's stemmer leaves words of more than 64 bytes as they are."""


MAX_SUGGESTIONS_OF_KNOWN: Final = 4
"""Similar words that are looked up beside a word that posts have."""
MAX_FREQUENCY: Final = 30

_FREQUENCY_SOURCES: Final = {
    SQLITE: f"""
        SELECT (SELECT count(*) FROM (
          SELECT 1 FROM post_search JOIN posts ON posts.id = post_search.rowid
          WHERE post_search MATCH word.value AND +posts.portal_id = :portal LIMIT {MAX_FREQUENCY}
        ) AS matching) FROM json_each(:words) AS word ORDER BY word.key
    """,  # noqa: S608 - constants only
    POSTGRESQL: f"""
        SELECT (SELECT count(*) FROM (
          SELECT 1 FROM post_search
          WHERE portal_id = :portal AND title @@ to_tsquery('{TEXT_SEARCH_CONFIG}', word.value) LIMIT {MAX_FREQUENCY}
        ) AS matching) FROM unnest(CAST(:words AS TEXT[])) WITH ORDINALITY AS word (value, place) ORDER BY place
    """,  # noqa: S608 - constants only
}
_FREQUENCIES: Final = {
    engine: Statement(text(source).bindparams(bindparam("portal", type_=BigInteger)))
    for engine, source in _FREQUENCY_SOURCES.items()
}


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
        # Punctuation ends a word, such as `C++`.
        is_counted = (
            bool(split) and folded.endswith(split[-1]) and split[-1] in words.get(tokenizer.singular(split[-1]), ())
        )
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
        others = self._other_spellings()
        known = vocabulary.find_forms(
            work,
            {form for forms in written.values() for form in forms}
            | {form for spellings in others.values() for form in (*spellings, *(each + "s" for each in spellings))},
        )
        for word, spellings in others.items():
            # A word that no post has would only make the search slower.
            written[word] |= {each for each in spellings if {each, each + "s"} & known.keys() or each.isdigit()}
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

    def _other_spellings(self) -> dict[str, set[str]]:
        """For each word: with another umlaut, and joined with the word before or after it. Most are no words."""
        spellings = {
            word: {other for form in forms for other in tokenizer.transcribe_umlauts(form)}
            for word, forms in self.words.items()
        }
        for joined, pair in self.joined.items():
            for word in pair:
                if word in spellings:
                    spellings[word].add(joined)
        return spellings

    def add_suggestions(self, work: UnitOfWork, found: dict[str, set[Form]], unknown: set[str]) -> dict[str, set[Form]]:
        """The forms with those of similar words: for the unknown words, or for all if there are none."""
        suggested = {
            word: {form for each in self.words[word] for form in vocabulary.suggest(work, each)}
            for word in unknown or self.words
        }
        if not unknown:
            suggested = {word: _choose_frequent(work, forms) for word, forms in suggested.items()}
        return {word: forms | suggested.get(word, set()) for word, forms in found.items()}


def _choose_frequent(work: UnitOfWork, forms: set[Form]) -> set[Form]:
    """The forms that most titles have. A word that posts have is seldom misspelled, and each form costs time."""
    if len(forms) <= MAX_SUGGESTIONS_OF_KNOWN:
        return forms
    each = sorted(forms)
    rows = work.fetch_all(_FREQUENCIES[work.engine], words=[render_word(work.engine, [form]) for form in each])
    frequencies = dict(zip(each, (row[0] for row in rows), strict=True))
    return set(sorted(each, key=frequencies.__getitem__, reverse=True)[:MAX_SUGGESTIONS_OF_KNOWN])


def render(engine: str, words: Sequence[Collection[Form]], *, missing: int = 0) -> str:
    """The search term of an engine for texts that have a form of each word, or of all but `missing` of them."""
    return _at_least(engine, [render_word(engine, forms) for forms in words], len(words) - missing)


def _at_least(engine: str, words: Sequence[str], count: int) -> str:
    """The search term for texts that have `count` of the words. Each choice of them would be a much longer one."""
    either, both = _operators(engine)
    if count == len(words):
        return both.join(words)
    if count == 1:
        return either.join(words)
    first, *rest = words
    return f"({first}{both}({_at_least(engine, rest, count - 1)})){either}({_at_least(engine, rest, count)})"


def render_word(engine: str, forms: Collection[Form]) -> str:
    """The search term of an engine for texts that have a form of a word."""
    either, both = _operators(engine)
    quote = '"{}"' if engine == SQLITE else "{}"
    terms = (
        both.join(quote.format(word) for word in form)
        for form in sorted(forms)
        if not _has_singular(engine, form, forms)
    )
    return f"({either.join(f'({term})' for term in terms)})"


def _operators(engine: str) -> tuple[str, str]:
    return (" OR ", " AND ") if engine == SQLITE else (" | ", " & ")


def _has_singular(engine: str, form: Form, forms: Collection[Form]) -> bool:
    """Whether the form is the plural of another, for which the index has the same stem.

    To look it up again would double the time. Other plurals than these may have another stem.
    """
    word = form[0]
    return (
        len(form) == 1
        and 4 <= len(word) <= MAX_STEMMED
        and word[-1] == "s"
        and word[-2] not in "su"
        and word[-3:-1] != "ie"
        and bool(engine == SQLITE or _VOWEL.search(word[:-2]))
        and (word[:-1],) in forms
    )

"""The words that the posts of a portal contain: to complete the beginning of a word, and to correct its spelling."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final, TypeAlias

from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy import Integer, bindparam, cast, delete, func, literal_column, select

from app.domain.models.search import VOCABULARY
from app.domain.search import tokenizer
from app.domain.sql.json_rows import BIGINT, TEXT, encode_rows, json_column, json_rows
from app.domain.sql.statement import PORTAL_ID, Statement, in_list, upsert
from app.domain.unit_of_work import UnitOfWork

Form: TypeAlias = tuple[str, ...]
"""One or more words of the index that stand for a word: ("email",), or ("e", "mail")."""

MAX_LETTERS: Final = 40
"""Longer words are found, but neither completed nor suggested."""
MAX_COMPLETIONS: Final = 12
"""Different words that complete one. Each makes a search for it slower."""
MAX_COMPARED: Final = 20_000
"""Words that one misspelled word is compared with."""
MAX_SUGGESTIONS: Final = 10
MIN_LETTERS: Final = 4
"""A shorter word may be any other one, misspelled."""
MIN_LETTERS_OF_TWO_TYPOS: Final = 8
MIN_PART: Final = 3
"""Letters of each word of a compound."""
_AFTER_ALL: Final = "\U0010ffff"

_folded, _word = VOCABULARY.c.folded, VOCABULARY.c.word
_in_portal = VOCABULARY.c.portal_id == PORTAL_ID
_entries = json_rows("words").table_valued("value", name="entries")
_ADD: Final = Statement(
    upsert(VOCABULARY)
    .from_select(
        ["portal_id", "folded", "word"],
        select(
            cast(PORTAL_ID, BIGINT), json_column(_entries.c.value, 0, TEXT), json_column(_entries.c.value, 1, TEXT)
        ).where(literal_column("1") == literal_column("1")),
    )
    .on_conflict_do_nothing()
)
_DELETE: Final = Statement(delete(VOCABULARY).where(_in_portal))
_FORMS: Final = Statement(select(_folded, _word).where(_in_portal, in_list(_folded, "words")).order_by(_folded, _word))
_range = (_in_portal, _folded >= bindparam("first", type_=TEXT), _folded < bindparam("last", type_=TEXT))
_COMPLETIONS: Final = Statement(
    select(_folded, _word)
    .where(*_range)
    .order_by(func.length(_folded), _folded, _word)
    .limit(literal_column(str(3 * MAX_COMPLETIONS)))
)
_SIMILAR_LENGTH: Final = Statement(
    select(_folded)
    .where(
        *_range,
        func.length(_folded) >= bindparam("shortest", type_=Integer),
        func.length(_folded) <= bindparam("longest", type_=Integer),
    )
    .distinct()
    .order_by(_folded)
    .limit(literal_column(str(MAX_COMPARED)))
)


def add_words(work: UnitOfWork, texts: Iterable[str]) -> None:
    """Add the words of texts, without tags and numbers."""
    forms = {entry for text in texts for entry in tokenizer.index_forms(text).items()}
    # In one order, so that two transactions that add the same words do not wait for each other.
    rows = sorted(entry for entry in forms if 2 <= len(entry[0]) <= MAX_LETTERS and not entry[0].isdigit())
    if rows:
        work.execute(_ADD, words=encode_rows(rows))


def delete_words(work: UnitOfWork) -> None:
    """Delete all words of the portal."""
    work.execute(_DELETE)


def find_forms(work: UnitOfWork, words: Collection[str]) -> dict[str, set[Form]]:
    """The forms that the index has for folded words; words that no post has are missing."""
    forms: dict[str, set[Form]] = defaultdict(set)
    for folded, word in work.fetch_all(_FORMS, words=list(words)):
        forms[folded].add(tuple(word.split()))
    return forms


def complete(work: UnitOfWork, prefix: str) -> set[Form]:
    """The forms of words that begin with `prefix`: the shortest, singular and plural counted once."""
    forms: dict[str, set[Form]] = {}
    for folded, word in work.fetch_all(_COMPLETIONS, first=prefix, last=prefix + _AFTER_ALL):
        # The index has one stem for both.
        forms.setdefault(tokenizer.singular(folded), {tuple(word.split())})
    return set().union(*list(forms.values())[:MAX_COMPLETIONS])


def suggest(work: UnitOfWork, word: str) -> set[Form]:
    """The forms of what a word that no post has may stand for: words with a similar spelling, or its two parts."""
    if len(word) < MIN_LETTERS or word.isdigit():
        return set()
    similar = _find_similar(work, word)
    parts = [(word[:place], word[place:]) for place in range(MIN_PART, len(word) - MIN_PART + 1)]
    forms = find_forms(work, {*similar, *(part for pair in parts for part in pair)})
    compounds = {left + right for pair in parts for left in forms.get(pair[0], ()) for right in forms.get(pair[1], ())}
    return {form for each in similar for form in forms[each]} | compounds


def _find_similar(work: UnitOfWork, word: str) -> list[str]:
    """The most similar words with the same first letter: with one typo or, in a long word, with two."""
    typos = 1 if len(word) < MIN_LETTERS_OF_TWO_TYPOS else 2
    rows = work.fetch_all(
        _SIMILAR_LENGTH,
        first=word[0],
        last=word[0] + _AFTER_ALL,
        shortest=len(word) - typos,
        longest=len(word) + typos,
    )
    # With a transposition as one typo. Among equals, the order of the words is kept.
    found = process.extract(
        word, [row[0] for row in rows if row[0] != word], scorer=OSA.distance, score_cutoff=typos, limit=MAX_SUGGESTIONS
    )
    return [each for each, distance, _ in found if distance == found[0][1]]

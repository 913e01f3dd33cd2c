"""Words of a title as the search for duplicates sees them: folded, reduced, and how near two of them are. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Final
from zlib import crc32

from rapidfuzz import process
from rapidfuzz.distance import OSA

from app.domain.models.search import MAX_TERM_LENGTH

PREFIX: Final = 8
"""Letters of a word that its signatures look at."""
NO_SLIP_BELOW: Final = 4
"""Shorter words must match exactly."""
TWO_SLIPS_FROM: Final = 7
"""Words of so many letters may differ by two slips, shorter ones by one."""

_WORD: Final = re.compile(r"[^\W_]+")
_LETTER_HYPHEN: Final = re.compile(r"\b([^\W\d_])-(?=[^\W\d_]{2})")
"""The e- of e-mail, which is one word with what follows."""

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff]+"
)
"""Writing without blanks between words (or, Korean, with blanks few agree on): read by pairs of characters."""

_FOLDED: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"'": None, "’": None, "&": " and "}
)

_SMALL: Final = """
    a an the this that these those it its i we you he she they me us them my our your his her their own of to for in on
    at by from with as into onto than about via through till until and or but not no nor be is am are was were been
    being do does did doing has have had having can cant could should would will wont may might must shall if when then
    so please there here also just too very how what which who why where
"""
_FUNCTION_WORDS: Final = frozenset(_SMALL.split())
"""Words that say nothing about what a title is about; people put one for another without noticing."""

_NUMERALS: Final = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip

_KANA_VOICING: Final = frozenset("\u3099\u309a")
"""Marks that make another letter of a letter, so they are no accents."""


def fold_case(text: str) -> str:
    """The text without letter case, accents and apostrophes."""
    folded = text.casefold().translate(_FOLDED)
    if not folded.isascii():
        plain = [
            mark
            for mark in unicodedata.normalize("NFKD", folded)
            if not unicodedata.combining(mark) or mark in _KANA_VOICING
        ]
        folded = unicodedata.normalize("NFC", "".join(plain))
    return _LETTER_HYPHEN.sub(r"\1", folded) if "-" in folded else folded


def split_words(text: str) -> list[str]:
    """The text's words in order, folded and not yet reduced."""
    found = _WORD.findall(fold_case(text))
    if text.isascii():
        return found
    parts: list[str] = []
    for word in found:
        if _UNSPACED.search(word) is None:
            parts.append(word)
            continue
        at = 0
        for run in _UNSPACED.finditer(word):
            parts.extend(filter(None, (word[at : run.start()],)))
            letters = run.group()
            parts.extend([letters[i : i + 2] for i in range(len(letters) - 1)] or [letters])
            at = run.end()
        parts.extend(filter(None, (word[at:],)))
    return parts


def unique_stems(parts: list[str]) -> list[str]:
    """The words that count, each once, without endings. Only small words: then they count."""
    telling = [word for word in parts if word not in _FUNCTION_WORDS]
    return list(dict.fromkeys(map(stem, telling or parts)))


def tokenize(title: str) -> list[str]:
    """The words by which a title is found."""
    return unique_stems(split_words(title))


@lru_cache(4096)
def stem(word: str) -> str:
    """The word without plural, -ing, -ed and a final e; numerals as digits. Crude, but the same for all who ask."""
    word = _NUMERALS.get(word, word)[:MAX_TERM_LENGTH]
    if len(word) < 4:
        return word
    word = _singular(word)
    size = len(word)
    ending = 3 if size > 5 and word.endswith("ing") else 2 if size > 4 and word.endswith("ed") else 0
    if ending and size - ending >= 3 and word[-ending - 1] != "e":
        word = word[:-ending]
        if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeious":
            word = word[:-1]
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1] + ("i" if word[-1] == "y" else "")
    return word


def _singular(word: str) -> str:
    if word[-1] != "s" or word[-2] in "su":
        return word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def max_edits(word: str) -> int:
    """How many letters may be wrong in a word of this length; none in a number, for another number is another thing."""
    if word.isdigit():
        return 0
    return 0 if len(word) < NO_SLIP_BELOW else 1 if len(word) < TWO_SLIPS_FROM else 2


def deletion_hashes(word: str) -> set[int]:
    """Hashes of the word's beginning with up to `slips` letters left out.

    Of two words that are as many slips apart (a letter more, less, mistaken, or two swapped) at least one is shared.
    """
    start = word[:PREFIX]
    found = {start}
    for count in range(1, max_edits(word) + 1):
        found.update(map("".join, combinations(start, len(start) - count)))
    return {crc32(text.encode()) for text in found}


def similar_words(word: str, others: Sequence[str]) -> dict[str, float]:
    """Those of the others that may be the same word: 1 for the very same, less with each slip."""
    allowed = max_edits(word)
    if not allowed:
        return {word: 1.0} if word in others else {}
    alike = process.extract(word, others, scorer=OSA.distance, score_cutoff=allowed, limit=None)
    return {
        other: 1 - 1.5 * distance / max(len(word), len(other))
        for other, distance, _ in alike
        if distance <= max_edits(other)
    }

"""Words as the searches compare them: folded, without function words and plural endings."""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from itertools import pairwise
from typing import Final

_WORD: Final = re.compile(r"[^\W_]+")
_LETTER_HYPHEN: Final = re.compile(r"\b([^\W\d_])-(?=[^\W\d_]{2})")
"""The e- of e-mail, which is one word with what follows."""

_GROUP: Final = re.compile(r"(?:\b[^\W\d_]-(?=[^\W\d_]{2}))?[^\W_]+(?:['’][^\W_]+)*")
"""What `fold_case` makes one word of."""
_TAG: Final = re.compile(r"<[A-Za-z/!][^<>]*>")

_FOLDED: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"'": None, "’": None, "&": " and "}
)
_TRANSCRIBED: Final = re.compile("(?<=[aou])e(?![aeiouy])")
"""The e of `ueber` and `fuer`, but not that of `queue`."""
_VOWEL: Final = re.compile("[aou](?![aeiouy])")
MIN_TRANSCRIBED: Final = 4
"""Letters of a word that may have a transcribed umlaut: `für`."""
MAX_TRANSCRIPTIONS: Final = 8
_ACCENTS: Final = re.compile("[\u0300-\u036f]")

_FUNCTION_WORDS_TEXT: Final = """
    a an the this that these those it its i we you he she they me us them my our your his her their own of to for in on
    at by from with as into onto than about via through till until and or but not no nor be is am are was were been
    being do does did doing has have had having can cant could should would will wont may might must shall if when then
    so please there here also just too very how what which who why where
"""
_FUNCTION_WORDS: Final = frozenset(_FUNCTION_WORDS_TEXT.split())
"""Words that say nothing about the subject of a title; people replace one by another without noticing."""

_NUMERALS: Final = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
NUMERAL_WORDS: Final = {digits: word for word, digits in _NUMERALS.items()}


def strip_accents(text: str) -> str:
    """The text without accents, as both engines index it."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)))


def fold_case(text: str) -> str:
    """The text without letter case, accents and apostrophes."""
    if text.isascii():
        folded = text.lower()
        if "'" in folded or "&" in folded:
            folded = folded.translate(_FOLDED)
    else:
        folded = strip_accents(text.casefold().translate(_FOLDED))
    return _LETTER_HYPHEN.sub(r"\1", folded) if "-" in folded else folded


def transcribe_umlauts(word: str) -> set[str]:
    """The folded words in which an umlaut of a German word may be written otherwise: `uber` as `ueber` and back.

    Most of them are no words at all.
    """
    if len(word) < MIN_TRANSCRIBED - 1 or not word.isalpha():
        return set()
    without = {_TRANSCRIBED.sub("", word)} if len(word) >= MIN_TRANSCRIBED else set()
    places = [match.end() for match in _VOWEL.finditer(word)][:MAX_TRANSCRIPTIONS]
    return (without | {f"{word[:place]}e{word[place:]}" for place in places}) - {word}


def split_words(text: str) -> list[str]:
    """The text's words in order, with the case and accents that they have."""
    return _WORD.findall(text)


@lru_cache(4096)
def singular(word: str) -> str:
    """The word without a plural ending; numerals as digits. Crude, but the same for both titles."""
    word = _NUMERALS.get(word, word)
    if len(word) < 4 or word[-1] != "s" or word[-2] in "su":
        return word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ses", "xes", "zes", "ches", "shes")) else word[:-1]


def significant_forms(words: list[str]) -> dict[str, set[str]]:
    """The folded words that count, in the singular, each with the forms in which the text has it, in order.

    Function words count when there are no others.
    """
    telling = [word for word in words if word not in _FUNCTION_WORDS]
    forms: dict[str, set[str]] = {}
    for word in telling or words:
        forms.setdefault(singular(word), set()).add(word)
    return forms


def significant_words(words: list[str]) -> list[str]:
    """The folded words that count, each once, in the singular. Function words count when there are no others."""
    telling = [word for word in words if word not in _FUNCTION_WORDS]
    return list(dict.fromkeys(map(singular, telling or words)))


def index_forms(text: str) -> dict[str, str]:
    """The words of a text as the engines index them, by their folded form.

    They differ for accents, as in `große` by `grosse`, and where folding joins words: `e mail` by `email`.
    """
    forms = {}
    for group in set(_GROUP.findall(_TAG.sub(" ", text) if "<" in text else text)):
        if group.isascii() and group.isalnum():
            lower = group.lower()
            forms[lower] = lower
        else:
            forms[fold_case(group)] = " ".join(split_words(strip_accents(group.lower())))
    return forms


def tokenize(title: str) -> list[str]:
    """The words by which titles are compared."""
    return significant_words(split_words(fold_case(title)))


def join_pairs(words: list[str], *, initials: Collection[str] | None = None) -> dict[str, tuple[str, str]]:
    """Each pair of adjacent words written as one word, with the two words in the singular.

    If initials are given, only pairs that begin with one of them.
    """
    return {
        singular(left + right): (singular(left), singular(right))
        for left, right in pairwise(words)
        if initials is None or left[0] in initials
    }

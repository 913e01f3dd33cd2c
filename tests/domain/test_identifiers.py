"""What becomes of a name in an address: each example of the contract's section 1.10 and the rules around it."""

import re
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.domain.identifiers import ALPHABET, RESERVED, RESERVED_CODES, post_code, slugify, unique_slug
from tests.support import routes

CHANCE = UUID("c3432045-aac3-4f0e-9d3b-6a5f0e1b2c3d")


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Slash/One & two_three", "slash-one-two_three"),
        ("a--b__c  d", "a-b__c-d"),
        ("héllo wörld & Co. <x>", "hello-world-co-x"),
        ("😀😀😀😀 emoji", "emoji"),
        ("a_b -- C++ / c#", "a_b-c-c"),
        ("First post", "first-post"),
        ("Feature Requests", "feature-requests"),
        ("日本語", ""),
        ("Привет мир", ""),
        ("!!!", ""),
        ("", ""),
        ("   ", ""),
    ],
)
def test_slugs_match_the_examples_of_the_contract(text: str, slug: str) -> None:
    assert slugify(text) == slug


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("é", "e"),
        ("ß", "ss"),
        ("ł", "l"),
        ("ø", "o"),
        ("Ä", "a"),
        ("Straße", "strasse"),
        ("STRAẞE", "strasse"),
        ("Łódź", "lodz"),
        ("Smørrebrød", "smorrebrod"),
        ("Đặng Thị", "dang-thi"),
        ("Ærø œuvre Œ", "aero-oeuvre-oe"),
        ("Þór ðú", "thor-du"),
        ("ıİ", "ii"),
        ("Ħal Ŧ ŋ ĸ", "hal-t-ng-k"),
        ("ȘțĂâî", "staai"),
        ("Ǿ Ǽ", "o-ae"),
        ("3×4", "3x4"),
        ("ŉ", "n"),
        ("ﬁx", "fix"),
        ("Ａｂｃ１", "abc1"),
    ],
)
def test_diacritics_are_removed_from_latin_letters(text: str, slug: str) -> None:
    assert slugify(text) == slug


def test_combining_marks_are_removed() -> None:
    assert slugify("he\u0301llo") == "hello"
    assert slugify("q\u0303x") == "qx"


@pytest.mark.parametrize(
    "between", ["日本", "Ж", "й", "™", "²", "½", "€", "…", "“", "\u200b", "\0", "\ud800", "٣", "\n"]
)
def test_characters_without_an_ascii_form_separate_words(between: str) -> None:
    assert slugify(f"one{between}two") == "one-two"
    assert slugify(f"{between}one{between}") == "one"


def test_underscores_are_kept_and_dashes_are_merged() -> None:
    assert slugify("__a__") == "__a__"
    assert slugify("---a---b---") == "a-b"
    assert slugify("_ - _") == "_-_"


def test_a_slug_has_no_maximum_length() -> None:
    assert slugify("Ab " * 100_000) == "-".join(["ab"] * 100_000)


def test_many_combining_marks_are_processed_in_linear_time() -> None:
    # Sorting the marks, as Unicode's own forms do, is quadratic; the suite's time limit would tell.
    assert slugify("a" + "\u0300\u0327" * 500_000) == "a"


@settings(deadline=None)
@given(some.text())
def test_a_slug_has_only_valid_characters_and_is_idempotent(text: str) -> None:
    slug = slugify(text)

    assert re.fullmatch(r"(?:[a-z0-9_]+(?:-[a-z0-9_]+)*)?", slug)
    assert slugify(slug) == slug


def test_an_unused_slug_is_unchanged() -> None:
    assert unique_slug("first-post", taken=False) == "first-post"


def test_a_taken_slug_gets_a_random_uuid() -> None:
    assert unique_slug("first-post", taken=True, random=lambda: CHANCE) == f"first-post-{CHANCE}"


@pytest.mark.parametrize("taken", [True, False])
def test_a_reserved_word_is_handled_as_taken(taken: bool) -> None:
    words = {
        *("new", "edit", "index", "session", "login", "logout"),
        *("users", "admin", "stylesheets", "assets", "javascripts", "images"),
    }

    assert words == RESERVED
    for word in words:
        assert unique_slug(word, taken=taken, random=lambda: CHANCE) == f"{word}-{CHANCE}"


@pytest.mark.parametrize("taken", [True, False])
def test_an_empty_slug_becomes_a_uuid(taken: bool) -> None:
    assert unique_slug(slugify("日本語"), taken=taken, random=lambda: CHANCE) == str(CHANCE)


def test_each_random_slug_is_a_new_uuid4() -> None:
    one, other = UUID(unique_slug("", taken=False)), UUID(unique_slug("", taken=False))

    assert one.version == other.version == 4
    assert one != other


def test_a_code_is_never_all_digits_nor_a_word_of_a_path() -> None:
    def encode(code: str) -> int:
        return sum(ALPHABET.index(character) * 62**place for place, character in enumerate(code))

    unusable = ["123456", "000000", *sorted(RESERVED_CODES)]
    numbers = iter([encode(code) for code in (*unusable, "aB3x9Q", "Search")])

    def random(bits: int) -> int:
        assert bits == 64
        return next(numbers)

    assert post_code(random) == "aB3x9Q"
    assert post_code(random) == "Search"
    assert "search" in RESERVED_CODES


def test_every_fixed_word_that_looks_like_a_code_is_reserved() -> None:
    words = {route.path.split("/")[2] for route in routes.every() if route.path.startswith("/posts/")}

    assert {word for word in words if re.fullmatch("[0-9A-Za-z]{6}", word)} <= RESERVED_CODES

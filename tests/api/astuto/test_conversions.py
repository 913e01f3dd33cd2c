"""How Astuto's dialect converts the values of parameters. docs/contracts/astuto.md, sections 1.6 to 1.8 and 1.14."""

import io
from collections.abc import Callable

import pytest

from app.api.astuto import conversions
from app.api.astuto.conversions import MAX_INTEGER, InvalidParam, MissingParam
from app.domain.unset import UNSET
from app.http.multipart import Upload

PAST_64_BITS = 2**63
MANY_DIGITS = ("9" * 5000, "-" + "9" * 5000)
FILE = Upload(io.BytesIO(b"5"))
NOT_ONE_VALUE = ([], [5], ["a"], {}, {"id": 5}, FILE)
BLANK_TEXTS = ("", "  \t", "\xa0\u3000")

INTEGERS = [
    (5, (5, "5", "5abc", " 5", "\n5", 5.9, "5.9", "+5", "0" * 5000 + "5")),
    (-5, (-5, -5.9, "-5")),
    (7, ("007",)),
    (1000, ("1_000", 1e3)),
    (1, ("1__0", "1e3", True)),
    (0, ("abc", "0x1", "_1", "- 1", "\u0663", "\u00b2", False)),
    (None, (None, *BLANK_TEXTS)),
    (MAX_INTEGER, (MAX_INTEGER, str(MAX_INTEGER))),
    (UNSET, NOT_ONE_VALUE),
]
IDS = [
    (5, (5, "5", "5abc", 5.9)),
    (1, (True,)),
    (MAX_INTEGER, (MAX_INTEGER, str(MAX_INTEGER))),
    (0, ("abc", 0, -1, "-1", False, PAST_64_BITS, -(10**30), 1e30, float("inf"), "9" * 50, *MANY_DIGITS)),
    (None, (None, *BLANK_TEXTS)),
    (UNSET, NOT_ONE_VALUE),
]
IMPERSONATED_IDS = [
    (5, (5, "5abc", [5], [None, "5"])),
    (None, (None, "", " ", False, [], {}, [None], [""])),
    (0, ("abc", 0, -1, PAST_64_BITS, [5, 6], [[5]], {"id": 5}, FILE)),
]
FILTER_IDS = [
    (None, (None, "", " ", False, [], {}, [None])),
    ([], ("abc", "0", 0, -1, PAST_64_BITS, {"a": 1}, {"a": None}, ["abc"], [[1]], [{"a": 1}], FILE)),
    ([3], (3, "3", "3abc", 3.9)),
    ([1], (True, ["1", "abc", ""])),
    ([1, 2], (["2", "1", "2"], [1, None, "2"])),
    (list(range(1, 4097)), (list(range(1, 4097)),)),
]
TEXTS = [
    ("  padded ", ("  padded ",)),
    ("", ("",)),
    ("123", (123,)),
    ("-1", (-1,)),
    ("5.5", (5.5,)),
    ("1.0", (1.0,)),
    ("1000000000000000.0", (1e15,)),
    ("1.0e+16", (1e16,)),
    ("1.5e+20", (1.5e20,)),
    ("1.0e-05", (1e-5,)),
    ("Infinity", (float("inf"),)),
    ("-Infinity", (float("-inf"),)),
    ("t", (True,)),
    ("f", (False,)),
    (None, (None,)),
    (UNSET, NOT_ONE_VALUE),
]
EMAILS = [
    ("a@b", ("a@b",)),
    ("f", (False,)),
    (None, (None,)),
    ("[]", (["a@b"], ["a@b", None], ["a@b", "c@d"], [["a@b"]])),
    (UNSET, ([], [None], {}, {"a": "a@b"}, FILE)),
]
FLAGS = [
    (False, (False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF", "", None)),
    (True, (True, 1, 2, -1, 0.0, 1.5, PAST_64_BITS, "1", "t", "true", "False", "no", "n", " ", "00", "null")),
    (UNSET, NOT_ONE_VALUE),
]
LIMITS = [
    (5, ("5", 5)),
    (0, ("0", 0)),
    (1_000_000, ("1000000",)),
    (2, ("+2", " 2", "2 ", 2.7)),
    (16, ("0x10",)),
    (31, ("0X1f",)),
    (3, ("0b11",)),
    (15, ("0o17",)),
    (8, ("010",)),
    (10, ("0d10",)),
    (1000, ("1_000",)),
    (MAX_INTEGER, (MAX_INTEGER, str(MAX_INTEGER))),
    (UNSET, (None, "", "  ", "null")),
]
OFFSETS = [
    (5, ("5", 5)),
    (2, ("2abc", "2.7", 2.7, " 2")),
    (0, (0, "abc", "", "  ", "null", "0x10", None, False)),
    (MAX_INTEGER, (MAX_INTEGER, str(MAX_INTEGER))),
    (UNSET, (["2"], {})),
]


@pytest.mark.parametrize(
    ("convert", "table"),
    [
        (conversions.to_int, INTEGERS),
        (conversions.to_id, IDS),
        (conversions.to_impersonated_id, IMPERSONATED_IDS),
        (conversions.to_filter_ids, FILTER_IDS),
        (conversions.to_text, TEXTS),
        (conversions.to_full_name, [(None, (False, None)), ("f", ("f",)), (UNSET, NOT_ONE_VALUE)]),
        (conversions.to_email, EMAILS),
        (conversions.to_bool, FLAGS),
        (conversions.to_limit, LIMITS),
        (conversions.to_offset, OFFSETS),
    ],
)
def test_values_are_converted_leniently(
    convert: Callable[[object], object], table: list[tuple[object, tuple[object, ...]]]
) -> None:
    for expected, values in table:
        for value in values:
            converted = convert(value)
            assert (converted, type(converted)) == (expected, type(expected)), value


@pytest.mark.parametrize("value", [PAST_64_BITS, str(PAST_64_BITS), -(10**30), 1e30, float("inf"), *MANY_DIGITS])
def test_a_number_over_64_bits_stays_over_64_bits(value: object) -> None:
    number = conversions.to_int(value)

    assert isinstance(number, int)
    assert abs(number) > MAX_INTEGER


@pytest.mark.parametrize(
    ("segment", "row_id"),
    [
        ("3", 3),
        ("3abc", 3),
        ("1-foo", 1),
        (" 3", 3),
        ("03", 3),
        (str(MAX_INTEGER), MAX_INTEGER),
        *((segment, 0) for segment in ("abc", "me", "", "0", "-1", "first-post", "0x1", str(PAST_64_BITS), "\u0663")),
    ],
)
def test_the_id_in_a_path_is_its_leading_integer(segment: str, row_id: int) -> None:
    assert conversions.lookup_id(segment) == row_id


@pytest.mark.parametrize("value", [None, False, "", " ", "\t\r\n", "\xa0\u2003\u3000\x85", [], {}])
def test_blank_values_are_detected(value: object) -> None:
    assert conversions.is_blank(value) is True


@pytest.mark.parametrize("value", [0, 0.0, True, "0", "a", " a ", "false", "\u200b", "\x1c", [None], [""], {"a": None}])
def test_other_values_are_not_blank(value: object) -> None:
    assert conversions.is_blank(value) is False


@pytest.mark.parametrize("value", [None, "", "   ", [], {}])
def test_a_blank_required_parameter_is_missing(value: object) -> None:
    for convert in (conversions.to_required_text, conversions.to_required_id):
        with pytest.raises(MissingParam):
            convert(value)


def test_a_required_text_may_be_false_or_an_array_and_an_id_may_not() -> None:
    assert [conversions.to_required_text(value) for value in (False, 0, ["a"], {"a": 1})] == ["f", "0", "", ""]
    assert [conversions.to_required_id(value) for value in (False, 0, "abc", "3abc")] == [0, 0, 0, 3]
    for value in (["3"], {"a": 3}):
        with pytest.raises(MissingParam):
            conversions.to_required_id(value)


@pytest.mark.parametrize(
    "value",
    [
        *("-1", -1, "abc", "2.7", "2abc", "1e3", "0x", "0xg", "08", "1__0", "_1", "1_", "+ 2", "--2", "\u0663"),
        *(
            "\u00b2",
            ["2"],
            [],
            {"a": "2"},
            True,
            False,
            str(PAST_64_BITS),
            PAST_64_BITS,
            1e30,
            float("inf"),
            "9" * 5000,
        ),
        *("0x" + "f" * 5000, "2" * 100_000),
    ],
)
def test_any_other_limit_is_invalid(value: object) -> None:
    with pytest.raises(InvalidParam):
        conversions.to_limit(value)


@pytest.mark.parametrize("value", ["-1", -1, "-1abc", -1.5, str(PAST_64_BITS), PAST_64_BITS, 1e30, "9" * 5000])
def test_a_negative_offset_and_one_over_64_bits_are_invalid(value: object) -> None:
    with pytest.raises(InvalidParam):
        conversions.to_offset(value)


def test_a_filter_with_too_many_ids_is_invalid() -> None:
    with pytest.raises(InvalidParam):
        conversions.to_filter_ids(list(range(1, 4098)))

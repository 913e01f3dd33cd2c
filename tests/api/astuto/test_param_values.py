"""How Astuto's dialect converts the values of parameters. docs/contracts/astuto.md, sections 1.6 to 1.8 and 1.14."""

import io
import json
from typing import Any

import pytest

from app.api.astuto import params
from app.api.astuto.params import MISSING, OVERFLOW, InvalidParam
from app.http.body import NO_BODY, Body
from app.http.multipart import Upload

PAST_64_BITS = 2**63
MAX_INTEGER = 2**63 - 1


def in_json(value: object) -> Body:
    return Body("json", raw=json.dumps(value).encode())


def from_json(raw: bytes, *, query: bytes = b"", content_type: str = "application/json") -> dict[str, Any]:
    return params.parse_params(content_type, query, Body("json", raw=raw))


def from_query(raw: bytes) -> dict[str, Any]:
    return params.parse_params("", raw, NO_BODY)


# Values


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        (5, 5),
        ("5", 5),
        ("5abc", 5),
        (" 5", 5),
        ("\n5", 5),
        (5.9, 5),
        (-5.9, -5),
        ("5.9", 5),
        ("007", 7),
        ("+5", 5),
        ("-5", -5),
        ("1_000", 1000),
        ("1__0", 1),
        ("1e3", 1),
        (1e3, 1000),
        ("abc", 0),
        ("0x1", 0),
        ("_1", 0),
        ("- 1", 0),
        ("\u0663", 0),
        ("\u00b2", 0),
        (True, 1),
        (False, 0),
        (None, None),
        ("", None),
        ("  \t", None),
        ("\xa0\u3000", None),
        (MAX_INTEGER, MAX_INTEGER),
        (str(MAX_INTEGER), MAX_INTEGER),
        ("0" * 5000 + "5", 5),
        (PAST_64_BITS, OVERFLOW),
        (str(PAST_64_BITS), OVERFLOW),
        (-(10**30), OVERFLOW),
        ("-" + "9" * 5000, OVERFLOW),
        ("9" * 5000, OVERFLOW),
        (1e30, OVERFLOW),
        (float("inf"), OVERFLOW),
        ([], MISSING),
        ([5], MISSING),
        ({}, MISSING),
        ({"id": 5}, MISSING),
        (MISSING, MISSING),
        (Upload(io.BytesIO(b"5")), MISSING),
    ],
)
def test_an_integer_is_read_generously(sent: object, number: object) -> None:
    value = params.to_int(sent)

    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize("sent", [5, "5", "5abc", 5.9])
def test_what_reads_as_an_id_can_be_looked_up_and_stored(sent: object) -> None:
    assert params.to_lookup_id(sent) == 5
    assert params.to_stored_id(sent) == 5


@pytest.mark.parametrize("sent", [None, "", "abc", 0, -1, "-1", False, MISSING, [5], {"a": 5}, PAST_64_BITS, "9" * 50])
def test_what_can_be_no_id_is_looked_up_as_nothing(sent: object) -> None:
    assert params.to_lookup_id(sent) is None


@pytest.mark.parametrize("raw", [b"9223372036854775808", b"18446744073709551616", b"1e30", b"-1e400", b"9" * 5000])
def test_an_integer_past_64_bits_is_wrong_as_a_reference_and_nothing_to_find(raw: bytes) -> None:
    sent = from_json(b'{"parent_id":' + raw + b"}")["parent_id"]

    assert params.to_int(sent) is OVERFLOW
    assert params.to_lookup_id(sent) is None
    assert params.to_bool(sent) is True
    with pytest.raises(InvalidParam):
        params.to_stored_id(sent)


def test_a_reference_keeps_null_and_absent_apart() -> None:
    assert params.to_stored_id(None) is None
    assert params.to_stored_id("") is None
    assert params.to_stored_id(MISSING) is MISSING
    assert params.to_stored_id([1]) is MISSING
    assert params.to_stored_id("abc") == 0


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("  padded ", "  padded "),
        ("", ""),
        (123, "123"),
        (-1, "-1"),
        (5.5, "5.5"),
        (1.0, "1.0"),
        (1e15, "1000000000000000.0"),
        (1e16, "1.0e+16"),
        (1.5e20, "1.5e+20"),
        (1e-5, "1.0e-05"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (True, "t"),
        (False, "f"),
        (None, None),
        ([], MISSING),
        (["a"], MISSING),
        ({"a": "b"}, MISSING),
        (MISSING, MISSING),
        (Upload(io.BytesIO(b"a")), MISSING),
    ],
)
def test_a_text_is_read_generously(sent: object, taken: object) -> None:
    assert params.to_str(sent) == taken


@pytest.mark.parametrize(
    "digits", ["9223372036854775808", "18446744073709551616", "123456789012345678901234", "-" + "9" * 30, "7" * 5000]
)
def test_a_long_number_as_a_text_keeps_every_digit(digits: str) -> None:
    assert params.to_str(from_json(f'{{"title":{digits},"b":1}}'.encode())["title"]) == digits


@pytest.mark.parametrize("sent", [False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF"])
def test_a_few_spellings_are_false(sent: object) -> None:
    assert params.to_bool(sent) is False


@pytest.mark.parametrize("sent", [True, 1, 2, -1, 0.0, 1.5, "1", "t", "true", "False", "no", "n", " ", "00", "null"])
def test_anything_else_is_true(sent: object) -> None:
    assert params.to_bool(sent) is True


@pytest.mark.parametrize(("sent", "flag"), [("", None), (None, None), ([], MISSING), ({}, MISSING), (MISSING, MISSING)])
def test_nothing_is_neither_true_nor_false(sent: object, flag: object) -> None:
    assert params.to_bool(sent) is flag


@pytest.mark.parametrize("sent", [None, False, "", " ", "\t\r\n", "\xa0\u2003\u3000\x85", [], {}, MISSING])
def test_these_are_blank(sent: object) -> None:
    assert params.is_blank(sent) is True


@pytest.mark.parametrize("sent", [0, 0.0, True, "0", "a", " a ", "false", "\u200b", "\x1c", [None], [""], {"a": None}])
def test_these_are_not_blank(sent: object) -> None:
    assert params.is_blank(sent) is False


def test_a_required_parameter_is_missing_when_blank_but_false_is_a_value() -> None:
    assert params.is_missing(MISSING) is True
    assert params.is_missing(None) is True
    assert params.is_missing("") is True
    assert params.is_missing("   ") is True
    assert params.is_missing(False) is False
    assert params.is_missing(0) is False
    assert params.is_missing(["a"]) is False
    assert params.is_missing({"a": 1}) is False


# Ids in the path


@pytest.mark.parametrize(
    ("segment", "number"),
    [
        ("3", 3),
        ("3abc", 3),
        ("1-foo", 1),
        (" 3", 3),
        ("03", 3),
        (str(MAX_INTEGER), MAX_INTEGER),
        ("abc", None),
        ("me", None),
        ("", None),
        ("0", None),
        ("-1", None),
        ("first-post", None),
        ("0x1", None),
        (str(PAST_64_BITS), None),
        ("9" * 5000, None),
        ("\u0663", None),
    ],
)
def test_the_id_in_a_path_is_its_leading_integer(segment: str, number: int | None) -> None:
    assert params.path_id(segment) == number


# Lists


@pytest.mark.parametrize(
    ("sent", "rows"),
    [
        ("5", 5),
        (5, 5),
        ("0", 0),
        (0, 0),
        ("1000000", 1_000_000),
        ("+2", 2),
        (" 2", 2),
        ("2 ", 2),
        ("0x10", 16),
        ("0X1f", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("010", 8),
        ("0d10", 10),
        ("1_000", 1000),
        (2.7, 2),
        (str(MAX_INTEGER), MAX_INTEGER),
        (MAX_INTEGER, MAX_INTEGER),
    ],
)
def test_a_limit_is_a_whole_number_in_any_base(sent: object, rows: int) -> None:
    assert params.parse_limit(sent, 100) == rows


@pytest.mark.parametrize("sent", [MISSING, None, "", "  ", "null"])
def test_no_limit_is_the_default(sent: object) -> None:
    assert params.parse_limit(sent, 100) == 100


@pytest.mark.parametrize(
    "sent",
    [
        "-1",
        -1,
        "abc",
        "2.7",
        "2abc",
        "1e3",
        "0x",
        "0xg",
        "08",
        "1__0",
        "_1",
        "1_",
        "+ 2",
        "--2",
        "\u0663",
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
        "0x" + "f" * 5000,
        "2" * 100_000,
    ],
)
def test_any_other_limit_is_wrong(sent: object) -> None:
    with pytest.raises(InvalidParam):
        params.parse_limit(sent, 100)


@pytest.mark.parametrize(
    ("sent", "skipped"),
    [
        ("5", 5),
        (5, 5),
        ("2abc", 2),
        ("2.7", 2),
        (2.7, 2),
        (" 2", 2),
        ("abc", 0),
        ("", 0),
        ("  ", 0),
        ("null", 0),
        ("0x10", 0),
        (None, 0),
        (MISSING, 0),
        (["2"], 0),
        ({}, 0),
        (False, 0),
        (str(MAX_INTEGER), MAX_INTEGER),
    ],
)
def test_an_offset_is_forgiven_almost_everything(sent: object, skipped: int) -> None:
    assert params.parse_offset(sent) == skipped


@pytest.mark.parametrize("sent", ["-1", -1, "-1abc", -1.5, str(PAST_64_BITS), PAST_64_BITS, 1e30, "9" * 5000])
def test_a_negative_offset_and_one_past_64_bits_are_wrong(sent: object) -> None:
    with pytest.raises(InvalidParam):
        params.parse_offset(sent)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (b"", None),
        (b"post_id", None),
        (b"post_id=", None),
        (b"post_id=+", None),
        (b"post_id[]", None),
        (b"post_id[a]=1", ()),
        (b"post_id[a]", ()),
        (b"post_id[a][b][]=1", ()),
        (b"post_id=3", (3,)),
        (b"post_id=3abc", (3,)),
        (b"post_id=1&post_id=2", (2,)),
        (b"post_id[]=2&post_id[]=1&post_id[]=2", (1, 2)),
        (b"post_id[]=1&post_id[]=abc&post_id[]=", (1,)),
        (b"post_id[]=abc", ()),
        (b"post_id[][a]=1", ()),
        (b"post_id=abc", ()),
        (b"post_id=0", ()),
        (b"post_id=-1", ()),
        (b"post_id=9223372036854775808", ()),
    ],
)
def test_a_filter_names_the_ids_of_which_any_may_match(query: bytes, ids: tuple[int, ...] | None) -> None:
    assert params.parse_id_filter(from_query(query).get("post_id", MISSING)) == ids


@pytest.mark.parametrize(
    ("sent", "ids"),
    [
        (3, (3,)),
        (3.9, (3,)),
        (True, (1,)),
        (False, None),
        (None, None),
        ([1, None, "2"], (1, 2)),
        ([None], None),
        ([], None),
        ([[1]], ()),
        ([{"a": 1}], ()),
        ({}, None),
        ({"a": 1}, ()),
        ({"a": None}, ()),
    ],
)
def test_a_filter_may_come_as_json(sent: object, ids: tuple[int, ...] | None) -> None:
    assert (
        params.parse_id_filter(params.parse_params("application/json", b"", in_json({"post_id": sent}))["post_id"])
        == ids
    )


def test_a_filter_of_more_ids_than_a_statement_takes_is_wrong() -> None:
    assert params.parse_id_filter(list(range(1, 4097))) == tuple(range(1, 4097))
    with pytest.raises(InvalidParam):
        params.parse_id_filter(list(range(1, 4098)))

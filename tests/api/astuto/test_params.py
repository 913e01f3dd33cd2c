"""How Astuto's dialect parses parameters. docs/contracts/astuto.md, sections 1.6 and 1.9."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.api.astuto import conversions, params
from app.api.astuto.conversions import MAX_INTEGER
from app.api.astuto.dialect import rate_limit_token
from app.api.astuto.rack_params import InvalidParam, MalformedRequest
from app.http.body import NO_BODY, Body
from app.http.multipart import Upload

KEY = "tkn_admin_a1B2c3ABCDEFGHJKLMNPQRSTUVWXYZ"


def from_json(raw: bytes, *, query: bytes = b"", content_type: str = "application/json") -> dict[str, Any]:
    return params.parse_params(content_type, query, Body("json", raw=raw))


def from_query(raw: bytes) -> dict[str, Any]:
    return params.parse_params("", raw, NO_BODY)


def from_form(raw: bytes, *, query: bytes = b"") -> dict[str, Any]:
    return params.parse_params("application/x-www-form-urlencoded", query, Body("form", raw=raw))


def from_multipart(*fields: tuple[str, str | Upload], query: bytes = b"") -> dict[str, Any]:
    return params.parse_params("multipart/form-data; boundary=x", query, Body("multipart", fields=fields))


# The rate limit


@pytest.mark.parametrize(
    ("authorization", "word"),
    [
        (f"Bearer {KEY}", KEY),
        (f"Bearer {KEY}  ", KEY),
        (KEY, KEY),
        ("Bearer", "Bearer"),
        (f"Bearer {KEY}, foo=bar", "foo=bar"),
        (f"bearer\t{KEY}", KEY),
        ("nonsense caf\xe9", "caf\xe9"),
        ("", None),
        ("   ", None),
        (None, None),
    ],
)
def test_the_rate_limit_counts_the_last_word_of_the_header(authorization: str | None, word: str | None) -> None:
    assert rate_limit_token(None if authorization is None else authorization.encode("latin-1")) == word


@settings(deadline=None)
@given(some.binary())
def test_no_authorization_header_causes_an_error_in_the_rate_limit(authorization: bytes) -> None:
    assert rate_limit_token(authorization) != ""


# Where parameters come from


@pytest.mark.parametrize(
    ("raw", "params"),
    [
        (b"", {}),
        (b"limit=20&offset=40", {"limit": "20", "offset": "40"}),
        (b"email=ann%2Bbob%40x.com&name=a+b", {"email": "ann+bob@x.com", "name": "a b"}),
        (b"title=h%C3%A9llo", {"title": "h\xe9llo"}),
        ("title=h\xe9llo".encode(), {"title": "h\xe9llo"}),
        (b"limit=1&limit=2", {"limit": "2"}),
        (b"limit", {"limit": None}),
        (b"limit=", {"limit": ""}),
        (b"limit+", {"limit ": None}),
        (b"=5", {}),
        (b"&&a=1&&", {"a": "1"}),
        (b"a=1;b=2", {"a": "1", "b": "2"}),
        (b"a=1%3Bb=2", {"a": "1;b=2"}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=%26%3D", {"a": "&="}),
    ],
)
def test_query_strings_are_parsed_as_by_rack(raw: bytes, params: dict[str, object]) -> None:
    assert from_query(raw) == params


@pytest.mark.parametrize(
    ("raw", "params"),
    [
        (b"a[b]=1", {"a": {"b": "1"}}),
        (b"a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        (b"a[b][c]=1", {"a": {"b": {"c": "1"}}}),
        (b"a[]=1&a[]=2", {"a": ["1", "2"]}),
        (b"a%5B%5D=1&a%5B%5D=2", {"a": ["1", "2"]}),
        (b"a[b][]=1", {"a": {"b": ["1"]}}),
        (b"a[][b]=1&a[][c]=2&a[][b]=3", {"a": [{"b": "1", "c": "2"}, {"b": "3"}]}),
        (b"a[][b][c]=1&a[][b][d]=2&a[][b][c]=3", {"a": [{"b": {"c": "1", "d": "2"}}, {"b": {"c": "3"}}]}),
        (b"a[][b][]=1&a[][b][]=2", {"a": [{"b": ["1", "2"]}]}),
        (b"a[][]=1", {"a": [["1"]]}),
        (b"a[]", {"a": [None]}),
        (b"a&a[b]=1", {"a": {"b": "1"}}),
        (b"a&a[]=1", {"a": ["1"]}),
        (b"a[b]=1&a=2", {"a": "2"}),
        (b"[a]=1", {"a": "1"}),
        (b"a[=1", {"a[": "1"}),
        (b"a]=1", {"a": "1"}),
        (b"[]=1", {}),
        (b"[=1", {}),
        (b"a[[]]=1", {"a": None}),
    ],
)
def test_brackets_make_arrays_and_objects(raw: bytes, params: dict[str, object]) -> None:
    assert from_query(raw) == params
    assert from_form(raw) == params


@pytest.mark.parametrize("read", [from_query, from_form])
@pytest.mark.parametrize(
    "raw",
    [
        # Names that contradict each other.
        *(b"a=1&a[b]=2", b"a=1&a[]=2", b"a[]=1&a[b]=2", b"a[b]=1&a[]=2", b"a[b]=1&a[b][c]=2"),
        # Broken escapes, broken encodings, NUL characters.
        *(b"a=%", b"a=%4", b"a=%zz", b"%=1", b"a=%ff", b"a=%C3", b"a=\xff", b"a=%00", b"%00=1"),
    ],
)
def test_conflicting_names_and_invalid_encodings_are_malformed(
    read: Callable[[bytes], dict[str, Any]], raw: bytes
) -> None:
    with pytest.raises(MalformedRequest):
        read(raw)


def test_at_most_a_hundred_levels_of_brackets_are_read() -> None:
    here: Any = from_query(b"a" + b"[b]" * 100 + b"=1")

    for name in ["a"] + ["b"] * 100:
        here = here[name]
    assert here == "1"
    for deeper in (b"[b]" * 101, b"[" * 5000, b"]b" * 5000, b"[]" * 5000):
        with pytest.raises(MalformedRequest):
            from_query(b"a" + deeper + b"=1")


def test_long_names_are_malformed_only_with_brackets() -> None:
    assert from_form(b'{"title":"' + b"x" * 100_000 + b'"}') == {'{"title":"' + "x" * 100_000 + '"}': None}
    with pytest.raises(MalformedRequest):
        from_form(b"a[" + b"x" * 100_000 + b"]=1")


def test_at_most_4096_parameters_are_read() -> None:
    assert len(from_query(b"&".join(b"a%d=1" % number for number in range(4096)))) == 4096
    for read in (from_query, from_form):
        with pytest.raises(MalformedRequest):
            read(b"&".join(b"a%d=1" % number for number in range(4097)))
    assert len(from_multipart(*[(f"a{number}", "1") for number in range(4096)])) == 4096
    with pytest.raises(MalformedRequest):
        from_multipart(*[(f"a{number}", "1") for number in range(4097)])


def test_a_json_body_is_read() -> None:
    assert from_json(b'{"title":"h\xc3\xa9llo","board_id":1,"x":null,"y":true,"z":[1]}') == {
        "title": "h\xe9llo",
        "board_id": 1,
        "x": None,
        "y": True,
        "z": [1],
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        " application/json ",
        "text/x-json",
    ],
)
def test_json_is_read_with_or_without_charset(content_type: str) -> None:
    assert from_json(b'{"a":1}', content_type=content_type) == {"a": 1}


@pytest.mark.parametrize("content_type", ["application/vnd.api+json", "text/json", "application/problem+json"])
def test_other_json_media_types_are_not_parsed(content_type: str) -> None:
    assert from_json(b'{"a":1}', query=b"b=2", content_type=content_type) == {"b": "2"}
    assert from_json(b'{"a":', content_type=content_type) == {}


def test_any_other_body_is_not_read() -> None:
    assert params.parse_params("text/plain", b"b=2", Body("other", raw=b'{"a":1}', is_malformed=True)) == {"b": "2"}


def test_a_form_body_is_parsed_without_semicolon_separators() -> None:
    assert from_form(b"title=a+b&email=a%40b&body=a;b") == {"title": "a b", "email": "a@b", "body": "a;b"}


def test_a_multipart_body_is_read() -> None:
    image = Upload(io.BytesIO(b"x"), filename="x.png")

    values = from_multipart(("title", "a b"), ("post[title]", "c"), ("ids[]", "1"), ("ids[]", "2"), ("file", image))

    assert values == {"title": "a b", "post": {"title": "c"}, "ids": ["1", "2"], "file": image}


def test_a_truncated_multipart_body_is_malformed() -> None:
    with pytest.raises(MalformedRequest):
        params.parse_params("multipart/form-data", b"", Body("multipart", fields=[("title", "a")], is_malformed=True))


@pytest.mark.parametrize("field", [("a", "b\0"), ("a\0", "b"), ("a", "\ud800"), ("a\udfff", "b"), ("a[b]", "\0")])
def test_nul_and_half_surrogate_pairs_in_multipart_are_malformed(field: tuple[str, str]) -> None:
    with pytest.raises(MalformedRequest):
        from_multipart(field)


def test_the_query_string_overrides_every_body() -> None:
    merged = {"title": "A", "id": "29"}

    assert from_json(b'{"title":"B","id":"29"}', query=b"title=A") == merged
    assert from_form(b"title=B&id=29", query=b"title=A") == merged
    assert from_multipart(("title", "B"), ("id", "29"), query=b"title=A") == merged


def test_the_query_string_replaces_whole_objects() -> None:
    assert from_json(b'{"a":{"b":1,"c":2}}', query=b"a[b]=3") == {"a": {"b": "3"}}


@pytest.mark.parametrize(
    "raw", [b"[]", b'[{"title":"x"}]', b'"title"', b"null", b"5", b"true", b"", b"  \r\n", b"123456789012345678901234"]
)
def test_json_that_is_not_an_object_has_no_parameters(raw: bytes) -> None:
    assert from_json(raw, query=b"limit=2") == {"limit": "2"}


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b'{"a":1',
        b"{'a':1}",
        b'{"a":1}x',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"b\\u0000c"}',
        b'{"a\\u0000":1}',
        b'{"a":["x",{"b":"\\u0000"}]}',
        b'{"a":"b\x00c"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":1e400,"b":"\\u0000"}',
        b'{"a":1e400,"b":"\\ud800"}',
        b'{"a":1e400,"b":NaN}',
        b'{"a":1e400,"b":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":123456789012345678901234,"b":"\\u0000"}',
    ],
)
def test_invalid_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_json(raw)


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b'{"a":', 1, 6),
        (b'{"a": 1,\n "b": }', 2, 7),
        (b'{"a":\n"h\xc3\xa9llo\xff"}', 2, 7),
        (b'{"a":1e400,\n"b":}', 2, 5),
        # This parser doesn't report a position for NaN: it is that of the number that it was called for.
        (b'{"a":1e400,\n"b":NaN}', 1, 6),
    ],
)
def test_unreadable_json_is_reported_with_its_position(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(params.MalformedJson) as error:
        from_json(raw)

    assert (error.value.line, error.value.column) == (line, column)


def test_a_nul_character_in_json_is_malformed_without_a_position() -> None:
    with pytest.raises(MalformedRequest) as error:
        from_json(b'{"a":"b\\u0000c"}')

    assert not isinstance(error.value, params.MalformedJson)


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"\\\\u0000", "\\u0000"), (b"\\ud83d\\ude00", "\U0001f600"), (b"\xf0\x9f\x98\x80", "\U0001f600")],
)
def test_escapes_in_json_are_decoded(raw: bytes, text: str) -> None:
    assert from_json(b'{"a":"' + raw + b'"}') == {"a": text}


@pytest.mark.parametrize("digits", ["9223372036854775808", "18446744073709551616", "-" + "9" * 30, "7" * 5000])
def test_a_long_number_keeps_every_digit_as_text(digits: str) -> None:
    value = from_json(f'{{"title":{digits},"b":1}}'.encode())["title"]

    assert conversions.to_text(value) == digits
    assert conversions.lookup_id(value) == 0
    assert abs(conversions.to_int(value)) > MAX_INTEGER


@pytest.mark.parametrize("digits", ["1e30", "-1e400"])
def test_a_large_fraction_is_not_a_valid_id(digits: str) -> None:
    assert conversions.lookup_id(from_json(f'{{"parent_id":{digits}}}'.encode())["parent_id"]) == 0


@settings(max_examples=500, deadline=None)
@given(
    content_type=some.one_of(some.just("application/json"), some.text()),
    query=some.one_of(some.binary(), some.text("ab[]=&;%0+").map(str.encode)),
    body=some.builds(
        Body,
        kind=some.sampled_from(["none", "json", "form", "multipart", "other"]),
        raw=some.one_of(
            some.binary(),
            some.text("ab[]=&;%0+").map(str.encode),
            some.text('{}[]":,\\u0ntfe12E+-.').map(str.encode),
            some.dictionaries(
                some.text(),
                some.one_of(some.text(), some.integers(), some.floats(), some.lists(some.integers())),
            ).map(lambda value: json.dumps(value).encode()),
        ),
        fields=some.lists(some.tuples(some.one_of(some.text(), some.text("ab[]")), some.text())),
        is_malformed=some.booleans(),
    ),
)
def test_any_bytes_are_parsed_or_malformed(content_type: str, query: bytes, body: Body) -> None:
    try:
        values = params.parse_params(content_type, query, body)
    except MalformedRequest:
        return

    assert all(isinstance(name, str) for name in values)
    for value in values.values():
        conversions.to_id(value)
        conversions.to_text(value)
        conversions.to_bool(value)
        with suppress(InvalidParam):
            conversions.to_filter_ids(value)
        conversions.is_missing(value)

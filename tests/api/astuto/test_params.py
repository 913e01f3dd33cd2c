"""How Astuto's dialect parses parameters. docs/contracts/astuto.md, sections 1.6 and 1.9."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.api.astuto import params
from app.api.astuto.params import InvalidParam, MalformedRequest
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
def test_the_limiter_counts_by_the_last_word_valid_or_not(authorization: str | None, word: str | None) -> None:
    assert params.rate_limit_token(authorization) == word
    assert params.rate_limit_token(None if authorization is None else authorization.encode("latin-1")) == word


@settings(deadline=None)
@given(some.one_of(some.binary(), some.text()))
def test_no_header_breaks_the_counting_by_its_last_word(authorization: bytes | str) -> None:
    assert params.rate_limit_token(authorization) != ""


# Where parameters come from


def test_a_request_without_query_and_body_asks_nothing() -> None:
    assert from_query(b"") == {}


def test_the_query_string_is_read() -> None:
    assert from_query(b"limit=20&offset=40") == {"limit": "20", "offset": "40"}


def test_escapes_in_the_query_string_are_undone() -> None:
    assert from_query(b"email=ann%2Bbob%40x.com&name=a+b&title=h%C3%A9llo") == {
        "email": "ann+bob@x.com",
        "name": "a b",
        "title": "h\xe9llo",
    }


def test_raw_utf_8_in_the_query_string_is_read() -> None:
    assert from_query("title=h\xe9llo".encode()) == {"title": "h\xe9llo"}


@pytest.mark.parametrize(
    ("raw", "params"),
    [
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
def test_odd_query_strings_are_read_as_rack_does(raw: bytes, params: dict[str, object]) -> None:
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


@pytest.mark.parametrize("raw", [b"a=1&a[b]=2", b"a=1&a[]=2", b"a[]=1&a[b]=2", b"a[b]=1&a[]=2", b"a[b]=1&a[b][c]=2"])
def test_names_that_contradict_each_other_are_unreadable(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_query(raw)
    with pytest.raises(MalformedRequest):
        from_form(raw)


@pytest.mark.parametrize("raw", [b"a=%", b"a=%4", b"a=%zz", b"%=1", b"a=%ff", b"a=%C3", b"a=\xff", b"a=%00", b"%00=1"])
def test_broken_escapes_encodings_and_nul_are_unreadable(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_query(raw)
    with pytest.raises(MalformedRequest):
        from_form(raw)


def test_a_hundred_levels_of_brackets_are_read_and_no_more() -> None:
    here: Any = from_query(b"a" + b"[b]" * 100 + b"=1")

    for name in ["a"] + ["b"] * 100:
        here = here[name]
    assert here == "1"
    for deeper in (b"[b]" * 101, b"[" * 5000, b"]b" * 5000, b"[]" * 5000):
        with pytest.raises(MalformedRequest):
            from_query(b"a" + deeper + b"=1")


def test_names_without_end_are_unreadable_in_brackets_alone() -> None:
    assert from_form(b'{"title":"' + b"x" * 100_000 + b'"}') == {'{"title":"' + "x" * 100_000 + '"}': None}
    with pytest.raises(MalformedRequest):
        from_form(b"a[" + b"x" * 100_000 + b"]=1")


def test_as_many_parameters_as_rack_takes_are_read_and_no_more() -> None:
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
        "application/json",
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
def test_other_kinds_of_json_are_not_read_not_even_to_complain(content_type: str) -> None:
    assert from_json(b'{"a":1}', query=b"b=2", content_type=content_type) == {"b": "2"}
    assert from_json(b'{"a":', content_type=content_type) == {}


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml"])
def test_any_other_body_is_not_read(content_type: str) -> None:
    assert params.parse_params(content_type, b"b=2", Body("other", raw=b'{"a":1}', is_malformed=True)) == {"b": "2"}


def test_a_form_body_is_read() -> None:
    assert from_form(b"title=a+b&board_id=1&email=a%40b") == {"title": "a b", "board_id": "1", "email": "a@b"}


def test_a_semicolon_separates_in_the_query_string_but_not_in_a_form() -> None:
    assert from_query(b"body=a;b") == {"body": "a", "b": None}
    assert from_form(b"body=a;b") == {"body": "a;b"}


def test_a_multipart_body_is_read() -> None:
    picture = Upload(io.BytesIO(b"x"), filename="x.png")

    values = from_multipart(("title", "a b"), ("post[title]", "c"), ("ids[]", "1"), ("ids[]", "2"), ("file", picture))

    assert values == {"title": "a b", "post": {"title": "c"}, "ids": ["1", "2"], "file": picture}


def test_a_multipart_body_that_breaks_off_is_unreadable() -> None:
    with pytest.raises(MalformedRequest):
        params.parse_params("multipart/form-data", b"", Body("multipart", fields=[("title", "a")], is_malformed=True))


@pytest.mark.parametrize("field", [("a", "b\0"), ("a\0", "b"), ("a", "\ud800"), ("a\udfff", "b"), ("a[b]", "\0")])
def test_nul_and_halves_of_characters_in_multipart_are_unreadable(field: tuple[str, str]) -> None:
    with pytest.raises(MalformedRequest):
        from_multipart(field)


def test_the_query_string_beats_every_body() -> None:
    merged = {"title": "A", "id": "29"}

    assert from_json(b'{"title":"B","id":"29"}', query=b"title=A") == merged
    assert from_form(b"title=B&id=29", query=b"title=A") == merged
    assert from_multipart(("title", "B"), ("id", "29"), query=b"title=A") == merged


def test_the_query_string_replaces_whole_objects() -> None:
    assert from_json(b'{"a":{"b":1,"c":2}}', query=b"a[b]=3") == {"a": {"b": "3"}}


def test_members_under_a_model_name_stay_there() -> None:
    assert from_json(b'{"post":{"title":"x"}}') == {"post": {"title": "x"}}


@pytest.mark.parametrize(
    "raw", [b"[]", b'[{"title":"x"}]', b'"title"', b"null", b"5", b"true", b"", b"  \r\n", b"123456789012345678901234"]
)
def test_json_that_is_no_object_says_nothing(raw: bytes) -> None:
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
def test_broken_json_is_unreadable(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        from_json(raw)


def test_the_letters_of_a_nul_escape_are_no_nul() -> None:
    assert from_json(b'{"a":"\\\\u0000"}') == {"a": "\\u0000"}


def test_characters_beyond_the_basic_plane_are_read_however_they_are_written() -> None:
    assert from_json(b'{"a":"\\ud83d\\ude00","b":"\xf0\x9f\x98\x80"}') == {"a": "\U0001f600", "b": "\U0001f600"}


def test_unreadable_is_wrong_too_so_that_one_answer_serves_both() -> None:
    assert issubclass(MalformedRequest, InvalidParam)


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
def test_no_bytes_do_worse_than_being_unreadable(content_type: str, query: bytes, body: Body) -> None:
    try:
        values = params.parse_params(content_type, query, body)
    except MalformedRequest:
        return

    assert all(isinstance(name, str) for name in values)
    for value in values.values():
        params.to_int(value)
        params.to_lookup_id(value)
        params.to_str(value)
        params.to_bool(value)
        params.parse_id_filter(value)
        params.is_missing(value)

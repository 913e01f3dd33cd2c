"""How ProductLift's input is parsed: query, JSON, form and multipart are merged, and texts are trimmed."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.productlift.params import MAX_NESTING, MAX_PARAMS, RepeatedValue, overridden_method, parse_params
from app.http.body import NO_BODY, Body, UnreadableJson, body_kind
from app.http.multipart import Upload

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=edge"


def parse_json(raw: bytes, query: bytes = b"", method: str = "POST") -> dict[str, Any]:
    return parse_params(method, JSON, query, Body("json", raw))


def parse_query(query: bytes) -> dict[str, Any]:
    return parse_params("GET", JSON, query, NO_BODY)


def parse_form(raw: bytes, query: bytes = b"", method: str = "POST") -> dict[str, Any]:
    return parse_params(method, FORM, query, Body("form", raw))


def make_upload(content: bytes = b"x", *, is_complete: bool = True) -> Upload:
    created = Upload(file=io.BytesIO(content), size=len(content), filename="a.png")
    created.is_complete = is_complete
    return created


# Merging


def test_a_request_without_input_has_no_parameters() -> None:
    assert parse_params("GET", JSON, b"", NO_BODY) == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_json_body_of_any_method_overrides_the_query(method: str) -> None:
    assert parse_json(b'{"limit":5,"tab":null}', b"limit=9&tab=ideas&skip=2", method) == {
        "limit": 5,
        "tab": None,
        "skip": "2",
    }


@pytest.mark.parametrize("content_type", ["application/vnd.api+json", "application/json; charset=utf-8", "Text/JSON"])
def test_other_json_media_types_are_parsed_as_json(content_type: str) -> None:
    assert parse_params("POST", content_type, b"", Body(body_kind(content_type), b'{"a":1}')) == {"a": 1}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_form_of_a_write_method_overrides_the_query(method: str) -> None:
    assert parse_form(b"title=Dark+mode", b"title=other&limit=2", method) == {"title": "Dark mode", "limit": "2"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_form_of_a_read_method_is_ignored(method: str) -> None:
    assert parse_form(b"title=Dark", b"limit=2", method) == {"limit": "2"}
    assert parse_params(method, MULTIPART, b"", Body("multipart", fields=[("title", "Dark")])) == {}


def test_a_body_of_another_type_is_not_read() -> None:
    assert parse_params("POST", "text/plain", b"limit=2", Body("other")) == {"limit": "2"}


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_multipart_fields_and_files_are_read(method: str) -> None:
    image = make_upload()
    fields: list[tuple[str, str | Upload]] = [
        ("title", " Dark "),
        ("status[]", "1"),
        ("status[]", "2"),
        ("image", image),
        ("description", ""),
    ]

    assert parse_params(method, MULTIPART, b"title=q&limit=2", Body("multipart", fields=fields)) == {
        "title": "Dark",
        "limit": "2",
        "status": ["1", "2"],
        "image": image,
        "description": None,
    }


def test_truncated_multipart_has_no_parameters() -> None:
    body = Body("multipart", fields=[("title", "Dark"), ("image", make_upload())], is_malformed=True)

    assert parse_params("POST", MULTIPART, b"limit=2", body) == {"limit": "2"}


def test_truncated_multipart_keeps_an_incomplete_file() -> None:
    cut = make_upload(is_complete=False)
    body = Body("multipart", fields=[("title", "Dark"), ("image", cut)], is_malformed=True)

    assert parse_params("POST", MULTIPART, b"", body) == {"title": "Dark", "image": cut}


# JSON


@pytest.mark.parametrize("raw", [b"null", b"true", b"17", b'"text"', b"[]", b'["title"]'])
def test_json_other_than_an_object_has_no_parameters(raw: bytes) -> None:
    assert parse_json(raw, b"limit=2") == {"limit": "2"}


@pytest.mark.parametrize(
    ("raw", "line", "column"),
    [
        (b"{", 1, 2),
        (b"nonsense", 1, 1),
        (b'{"title":NaN}', 1, 10),
        (b'{"title":1e400}', 1, 10),
        (b'{"title":"\\ud800"}', 1, 11),
        (b'{"title":"\xed\xa0\x80"}', 1, 11),
        (b'{"title":"\xff"}', 1, 11),
        ('{"title":\n "h\u00e9llo'.encode() + b"\xff", 2, 8),
        ('{"title": "x",\n"h\u00e9llo":\n}'.encode(), 3, 1),
        (b'\xef\xbb\xbf{"title":"BOM"}', 1, 1),
        (b'{"title":"x"} trailing', 1, 15),
        (b"[" * 100_000, 1, 1026),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, 1, 5122),
        (b'{"title":' + b"[" * 1500 + b"]" * 1500 + b"}", 1, 1034),
    ],
)
def test_unreadable_json_is_reported_with_its_position(raw: bytes, line: int, column: int) -> None:
    with pytest.raises(UnreadableJson) as error:
        parse_json(raw, b"limit=2")

    assert (error.value.line, error.value.column) == (line, column)


def test_deep_nesting_causes_no_error() -> None:
    result = parse_json(b'{"title":"x","deep":' + b'[" a ",' * 1000 + b'" "' + b"]" * 1000 + b"}")

    assert result["title"] == "x"
    deep, depth = result["deep"], 0
    while isinstance(deep, list):
        first, deep = (deep[0], deep[1]) if len(deep) == 2 else (deep[0], None)
        depth += 1
        assert first == "a"
    assert (depth, deep) == (1000, None)


def test_integers_stay_exact_up_to_64_bits() -> None:
    assert parse_json(b'{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}') == {
        "a": 2**63 - 1,
        "b": -(2**63),
        "c": 2**64 - 1,
    }
    assert parse_json(b'{"a":18446744073709551616}') == {"a": 2.0**64}


def test_json_keeps_its_types() -> None:
    raw = b'{"a":1,"b":1.5,"c":true,"d":null,"e":{"f":[1,"x"]},"g":"\\u0000"}'

    assert parse_json(raw) == {"a": 1, "b": 1.5, "c": True, "d": None, "e": {"f": [1, "x"]}, "g": "\0"}


# Query


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"limit=5&skip=10", {"limit": "5", "skip": "10"}),
        (b"limit", {"limit": None}),
        (b"limit=", {"limit": None}),
        (b"&&limit=5&", {"limit": "5"}),
        (b"=5", {}),
        (b"a=b=c", {"a": "b=c"}),
        (b"title=Dark+mode%20%C3%B6", {"title": "Dark mode ö"}),
        ("title=ö".encode(), {"title": "ö"}),
        (b"title=%ff%zz%", {"title": "\ufffd%zz%"}),
        (b"title=\xff", {"title": "\ufffd"}),
        (b"title=%ed%a0%80", {"title": "\ufffd\ufffd\ufffd"}),
        (b"a;b=1", {"a;b": "1"}),
        (b"status[]=1&status[]=2", {"status": ["1", "2"]}),
        (b"status%5B%5D=1&status%5b%5d=2", {"status": ["1", "2"]}),
        (b"status[0]=1&status[1]=2", {"status": ["1", "2"]}),
        (b"status[1]=1&status[0]=2", {"status": {1: "1", 0: "2"}}),
        (b"status[7]=1", {"status": {7: "1"}}),
        (b"status[07]=1", {"status": {"07": "1"}}),
        (b"status[x]=1&status[]=2", {"status": {"x": "1", 1: "2"}}),
        (b"status[x][y][]=1&status[x][y][]=2", {"status": {"x": {"y": ["1", "2"]}}}),
        (b"status[]=&status[]=2", {"status": [None, "2"]}),
        (b"status[]x=1", {"status": ["1"]}),
        (b"status[=1", {"status[": "1"}),
        (b"[]=1", {}),
        (b"status=1&status=2", {"status": RepeatedValue(["1", "2"])}),
        (b"status=1&status=2&status=3", {"status": RepeatedValue(["1", "2", "3"])}),
        (b"status=1&status[]=2", {"status": ["2"]}),
        (b"status[]=1&status=2", {"status": "2"}),
    ],
)
def test_a_query_is_parsed_as_by_php(query: bytes, found: dict[str, Any]) -> None:
    assert parse_query(query) == found
    assert [type(value) for value in parse_query(query).values()] == [type(value) for value in found.values()]
    assert parse_form(query) == found


def test_raw_json_in_the_query_sets_no_known_parameter() -> None:
    query = b'{"limit":62,"skip":17,"status":[17],"order_by":"title"}'

    assert not parse_query(query).keys() & {"limit", "skip", "status", "order_by"}


def test_parameters_over_the_limit_are_ignored() -> None:
    for name in (b"a%d", b"a%%20%d"):
        query = b"&".join(name % at + b"=1" for at in range(MAX_PARAMS + 5))
        assert len(parse_query(query)) == MAX_PARAMS


def test_names_nested_over_the_limit_are_ignored() -> None:
    assert parse_query(b"a" + b"[x]" * MAX_NESTING + b"=1").keys() == {"a"}
    assert parse_query(b"a" + b"[x]" * (MAX_NESTING + 1) + b"=1&b=2") == {"b": "2"}
    assert parse_query(b"a" + b"[]" * 200_000 + b"=1") == {}


# Trimming


def test_strings_are_trimmed_and_empty_ones_become_null_at_any_depth() -> None:
    raw = b'{"a":" \\t\\n\\r\\u000bx y ","b":"  ","c":"","d":[" x "," ",{"e":" ","f":[" y"]}]}'

    assert parse_json(raw) == {"a": "x y", "b": None, "c": None, "d": ["x", None, {"e": None, "f": ["y"]}]}


def test_only_the_whitespace_of_php_is_trimmed() -> None:
    assert parse_json('{"a":"\u00a0x\u3000","b":"\\fx","c":"x\\u0000"}'.encode()) == {
        "a": "\u00a0x\u3000",
        "b": "\fx",
        "c": "x\0",
    }


def test_a_password_is_not_trimmed_but_an_empty_one_is_null() -> None:
    assert parse_json(b'{"password":" secret "}') == {"password": " secret "}
    assert parse_query(b"password=%20secret+") == {"password": " secret "}
    assert parse_json(b'{"password":""}') == {"password": None}
    assert parse_json(b'{"user":{"password":" x "}}') == {"user": {"password": "x"}}


def test_repeated_values_are_trimmed() -> None:
    assert parse_query(b"a=+1&a=+") == {"a": RepeatedValue(["1", None])}


# Method


@pytest.mark.parametrize("override", ["PATCH", "patch", "Put", "delete", " PUT "])
def test_a_post_request_can_override_its_method(override: str) -> None:
    assert overridden_method("", {"_method": override}) == override.strip().upper()
    assert overridden_method(override, {}) == override.strip().upper()
    assert overridden_method("", parse_query(b"_method=" + override.strip().encode())) == override.strip().upper()


def test_the_override_header_takes_precedence_over_the_field() -> None:
    assert overridden_method("DELETE", {"_method": "PUT"}) == "DELETE"


@pytest.mark.parametrize(
    "override", ["GET", "POST", "HEAD", "OPTIONS", "BREW", "", 5, True, None, ["PUT"], {"a": "PUT"}]
)
def test_no_other_method_can_be_an_override(override: Any) -> None:
    assert overridden_method("", {"_method": override}) == "POST"


def test_the_last_of_repeated_fields_is_used() -> None:
    assert overridden_method("", {"_method": RepeatedValue(["PUT", "DELETE"])}) == "DELETE"


# Any input

METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
RAW = st.one_of(
    st.binary(max_size=80),
    st.text(alphabet='a[]=&%+ "{}:,\\ud80\x00', max_size=60).map(str.encode),
)


@given(method=METHODS, content_type=st.sampled_from([JSON, FORM, MULTIPART, "text/plain", ""]), query=RAW, raw=RAW)
def test_any_bytes_are_parsed(method: str, content_type: str, query: bytes, raw: bytes) -> None:
    kind = body_kind(content_type)
    text = raw.decode("utf-8", "replace")
    body = Body(
        kind, raw, [(text, text), ("a", make_upload(raw, is_complete=False)), ("a", "b")] if kind == "multipart" else ()
    )

    try:
        result = parse_params(method, content_type, query, body)
    except UnreadableJson:
        assert kind == "json"
        return

    assert all(isinstance(name, str) for name in result)
    assert overridden_method("", result) in ("POST", "PUT", "PATCH", "DELETE")

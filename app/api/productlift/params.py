"""Parses the input of a ProductLift request: query, JSON, form and multipart into one dictionary, as Laravel does.

`forms.py` validates the values. What can't be parsed is ignored, except that the caller learns of unreadable JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from app.http.body import Body, UnreadableJson, is_json
from app.http.multipart import Upload
from app.http.percent_decoding import percent_decode

# PHP's own limits: parameters beyond that number or depth are ignored.
MAX_PARAMS = 1000
MAX_NESTING = 64
# What PHP's trim() removes, except NUL, which is rejected anywhere in a text instead.
WHITESPACE = " \t\n\r\v"
UNTRIMMED = "password"
OVERRIDES = frozenset({"PUT", "PATCH", "DELETE"})

Params = dict[str, Any]


class RepeatedValue(list[Any]):
    """The values of a plain name that was given several times (`status=1&status=2`).

    For a field that takes a list it is that list; for any other the last value counts, as in PHP.
    """


def parse_params(method: str, content_type: str, query_string: bytes, body: Body) -> Params:
    """The fields of the body, and those of the query that the body lacks.

    A JSON body counts with every method, a form not with GET and HEAD. Texts are trimmed, except a password, and
    empty ones are None, at any depth. `method` is the one on the wire. Raises UnreadableJson.
    """
    params = read_query(query_string) if query_string else {}
    fields = _parse_body(method, content_type, body)
    if fields:
        params = {**params, **fields} if params else fields
    return trim_strings(params)


def overridden_method(header: str, params: Mapping[str, Any]) -> str:
    """The method of a POST: that of the header `X-HTTP-Method-Override`, else of the field `_method`, else POST."""
    field = params.get("_method")
    if type(field) is RepeatedValue:
        field = field[-1]
    for override in (header, field):
        if isinstance(override, str) and override.strip().upper() in OVERRIDES:
            return override.strip().upper()
    return "POST"


def read_json(raw: bytes) -> Params:
    """The members of a JSON object; none for any other value. Raises UnreadableJson.

    Unreadable are also NaN, lone surrogates, numbers beyond a double and nesting beyond 1024. Integers are exact up to
    64 bits; larger ones become floats.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableJson.locate(raw, error) from None
    return value if type(value) is dict else {}


def read_query(raw: bytes) -> Params:
    """The fields of a query string or of an urlencoded form, `name[]` and `name[key]` nested as PHP does."""
    if b"%" in raw or b"+" in raw or b"[" in raw:
        return _collect(_decode_pairs(raw))
    params: Params = {}
    for piece in raw.decode("utf-8", "replace").split("&", MAX_PARAMS)[:MAX_PARAMS]:
        name, _, value = piece.partition("=")
        if name:
            _put(params, name, value)
    return params


def read_multipart(body: Body) -> Params:
    """The fields of a multipart body.

    A malformed body has no fields, so that no request is executed in part. If the body ended within a file, the fields
    are returned nevertheless, because validation then rejects this file by its name.
    """
    if body.is_malformed and not any(isinstance(value, Upload) and not value.is_complete for _, value in body.fields):
        return {}
    return _collect(body.fields)


def trim_strings(params: Params) -> Params:
    """Trim the texts in place, make empty ones None, and return the dictionary. Without recursion, for any depth."""
    containers: list[Any] = [params]
    while containers:
        nest = containers.pop()
        pairs: Iterable[tuple[Any, Any]] = nest.items() if type(nest) is dict else enumerate(nest)
        for key, value in pairs:
            kind = type(value)
            if kind is str:
                is_untrimmed = key == UNTRIMMED and nest is params
                nest[key] = (value if is_untrimmed else value.strip(WHITESPACE)) or None
            elif kind is list or kind is dict or kind is RepeatedValue:
                containers.append(value)
    return params


def _parse_body(method: str, content_type: str, body: Body) -> Params:
    if body.kind == "none":
        return {}
    if is_json(content_type):
        return read_json(body.raw)
    if method in ("GET", "HEAD"):
        return {}
    if body.kind == "form":
        return read_query(body.raw)
    return read_multipart(body) if body.kind == "multipart" else {}


def _decode_pairs(raw: bytes) -> Iterator[tuple[str, str]]:
    for piece in raw.split(b"&", MAX_PARAMS)[:MAX_PARAMS]:
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        yield percent_decode(name).decode("utf-8", "replace"), percent_decode(value).decode("utf-8", "replace")


def _collect(pairs: Iterable[tuple[str, str | Upload]]) -> Params:
    """Make nested dictionaries of names with brackets, and then lists of those whose keys count from 0."""
    params: Params = {}
    nested = False
    for name, value in pairs:
        plain, bracket, rest = name.partition("[")
        if not plain:
            continue
        if not bracket or "]" not in rest:
            _put(params, name, value)
            continue
        nested = True
        _put_nested(params, plain, rest, value)
    if nested:
        for name, value in params.items():
            if type(value) is dict:
                params[name] = _to_lists(value)
    return params


def _put(params: Params, name: str, value: str | Upload) -> None:
    if name not in params:
        params[name] = value
        return
    before = params[name]
    if type(before) is RepeatedValue:
        before.append(value)
    elif type(before) is dict:
        params[name] = value
    else:
        params[name] = RepeatedValue((before, value))


def _put_nested(params: Params, plain: str, rest: str, value: str | Upload) -> None:
    path: list[str | int] = []
    while True:
        key, _, rest = rest.partition("]")
        path.append(int(key) if _is_index(key) else key)
        if len(path) > MAX_NESTING:
            return
        if not rest.startswith("[") or "]" not in rest:
            break
        rest = rest[1:]
    nest: dict[Any, Any] = params
    key_in_nest: str | int = plain
    for step in path:
        if type(nest.get(key_in_nest)) is not dict:
            nest[key_in_nest] = {}
        nest = nest[key_in_nest]
        key_in_nest = _next_index(nest) if step == "" else step
    nest[key_in_nest] = value


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or key[0] != "0")


def _next_index(nest: dict[Any, Any]) -> int:
    index = len(nest)
    while index in nest:
        index += 1
    return index


def _to_lists(nest: dict[Any, Any]) -> dict[Any, Any] | list[Any]:
    for key, value in nest.items():
        if type(value) is dict:
            nest[key] = _to_lists(value)
    if all(key == index for index, key in enumerate(nest)):
        return list(nest.values())
    return nest

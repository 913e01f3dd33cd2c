"""How a ProductLift request's input is read: query, JSON, form and multipart into one dictionary, as Laravel does.

What the values mean is said by the rules (`rules.py`). Nothing here refuses anything: what can't be read is no input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from app.http.body import Body, is_json
from app.http.multipart import Upload
from app.http.percent_decoding import percent_decode

# PHP's own bounds: what comes after that many parameters, or lies deeper, is not seen.
MAX_PARAMS = 1000
MAX_NESTING = 64
# What PHP's trim() takes off, but for the NUL: that is refused wherever it stands, instead of being lost at the ends.
WHITESPACE = " \t\n\r\v"
UNTRIMMED = "password"
OVERRIDES = frozenset({"PUT", "PATCH", "DELETE"})

Params = dict[str, Any]


class RepeatedValue(list[Any]):
    """The values of a plain name that was given several times (`status=1&status=2`).

    Where a list is asked for, it is that list; anywhere else the last value counts, as in PHP.
    """


def parse_params(method: str, content_type: str, query_string: bytes, body: Body) -> Params:
    """Everything the client asked for: the body's fields, and the query's where the body lacks them.

    A JSON body counts with every method, a form not with GET and HEAD. Texts are trimmed, but for a password, and
    empty ones are None, at any depth. `method` is the one on the wire.
    """
    found = read_query(query_string) if query_string else {}
    own = _parse_body(method, content_type, body)
    if own:
        found = {**found, **own} if found else own
    return trim_strings(found)


def overridden_method(method: str, header: Callable[[str], str | None], given: Mapping[str, Any]) -> str:
    """The method that is meant: a POST may stand for PUT, PATCH or DELETE, by header or by the field `_method`.

    `header` finds a header by its lower-case name; `given` is what `asked` answered. The header goes first.
    """
    if method != "POST":
        return method
    field = given.get("_method")
    if type(field) is RepeatedValue:
        field = field[-1]
    for wanted in (header("x-http-method-override"), field):
        if isinstance(wanted, str) and wanted.strip().upper() in OVERRIDES:
            return wanted.strip().upper()
    return method


def read_json(raw: bytes) -> Params:
    """The members of a JSON object. Anything else, and what can't be read, has none.

    Unreadable are also NaN, lone surrogates, numbers beyond a double and nesting beyond 1024. Integers stay exact up
    to 64 bits; larger ones come as floats.
    """
    try:
        read = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return read if type(read) is dict else {}


def read_query(raw: bytes) -> Params:
    """The fields of a query string or of an urlencoded form, `name[]` and `name[key]` nested as PHP does."""
    if b"%" in raw or b"+" in raw or b"[" in raw:
        return _collect(_decoded(raw))
    read: Params = {}
    for piece in raw.decode("utf-8", "replace").split("&", MAX_PARAMS)[:MAX_PARAMS]:
        name, _, value = piece.partition("=")
        if name:
            _put(read, name, value)
    return read


def read_multipart(body: Body) -> Params:
    """The fields of a multipart body.

    One that broke off is no input, so that nothing is done by halves; except in the middle of a file, for then the
    rules can refuse that file by name.
    """
    if body.is_malformed and not any(isinstance(value, Upload) and not value.is_complete for _, value in body.fields):
        return {}
    return _collect(body.fields)


def trim_strings(given: Params) -> Params:
    """The same dictionary, its texts trimmed and emptied, in place. Goes down without recursion: depth is harmless."""
    below: list[Any] = []
    for name, value in given.items():
        kind = type(value)
        if kind is str:
            given[name] = (value if name == UNTRIMMED else value.strip(WHITESPACE)) or None
        elif kind is list or kind is dict or kind is RepeatedValue:
            below.append(value)
    while below:
        nest = below.pop()
        pairs: Iterable[tuple[Any, Any]] = nest.items() if type(nest) is dict else enumerate(nest)
        for key, value in pairs:
            kind = type(value)
            if kind is str:
                nest[key] = value.strip(WHITESPACE) or None
            elif kind is list or kind is dict:
                below.append(value)
    return given


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


def _decoded(raw: bytes) -> Iterator[tuple[str, str]]:
    for piece in raw.split(b"&", MAX_PARAMS)[:MAX_PARAMS]:
        name, _, value = piece.replace(b"+", b" ").partition(b"=")
        yield percent_decode(name).decode("utf-8", "replace"), percent_decode(value).decode("utf-8", "replace")


def _collect(pairs: Iterable[tuple[str, str | Upload]]) -> Params:
    """Names with brackets become nested dictionaries first, and lists where the keys turn out to count from 0."""
    read: Params = {}
    nested = False
    for name, value in pairs:
        plain, bracket, rest = name.partition("[")
        if not plain:
            continue
        if not bracket or "]" not in rest:
            _put(read, name, value)
            continue
        nested = True
        _put_nested(read, plain, rest, value)
    if nested:
        for name, value in read.items():
            if type(value) is dict:
                read[name] = _listed(value)
    return read


def _put(read: Params, name: str, value: str | Upload) -> None:
    if name not in read:
        read[name] = value
        return
    before = read[name]
    if type(before) is RepeatedValue:
        before.append(value)
    elif type(before) is dict:
        read[name] = value
    else:
        read[name] = RepeatedValue((before, value))


def _put_nested(read: Params, plain: str, rest: str, value: str | Upload) -> None:
    path: list[str | int] = []
    while True:
        key, _, rest = rest.partition("]")
        path.append(int(key) if _is_index(key) else key)
        if len(path) > MAX_NESTING:
            return
        if not rest.startswith("[") or "]" not in rest:
            break
        rest = rest[1:]
    nest: dict[Any, Any] = read
    below: str | int = plain
    for step in path:
        if type(nest.get(below)) is not dict:
            nest[below] = {}
        nest = nest[below]
        below = _next(nest) if step == "" else step
    nest[below] = value


def _is_index(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 10 and (key == "0" or key[0] != "0")


def _next(nest: dict[Any, Any]) -> int:
    index = len(nest)
    while index in nest:
        index += 1
    return index


def _listed(nest: dict[Any, Any]) -> dict[Any, Any] | list[Any]:
    for key, value in nest.items():
        if type(value) is dict:
            nest[key] = _listed(value)
    if all(key == index for index, key in enumerate(nest)):
        return list(nest.values())
    return nest

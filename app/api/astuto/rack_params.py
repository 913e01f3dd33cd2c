"""Query strings and forms as Rack reads them: brackets in a name make objects and arrays.

Takes bytes and returns plain values, which `params` converts to numbers and flags.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from app.http.percent_decoding import percent_decode

T = TypeVar("T", list[Any], dict[str, Any])

MAX_PAIRS = 4096
MAX_BRACKETS = 100
MAX_NAME = 65_536

_PLAIN = re.compile(rb"[A-Za-z0-9_.~=&-]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[\[\]]*([^\[\]]+)\]*")
_MEMBER_OF_ITEM = re.compile(r"\[\]\[([^\[\]]+)\]")


class InvalidParam(Exception):
    """A parameter is unusable: Astuto's dialect responds 400, "Some parameters are wrong"."""


class MalformedRequest(InvalidParam):
    """The query or the body can't be parsed: broken JSON or encoding, a NUL character, names that contradict."""


def parse_query(raw: bytes) -> dict[str, object]:
    """Read a query string. `&` and `;` separate, the last of two equal names wins, a name without `=` is null."""
    if _PLAIN.fullmatch(raw) and raw.count(b"&") < MAX_PAIRS:
        plain: dict[str, object] = {}
        for pair in raw.decode("ascii").split("&"):
            name, equals, value = pair.partition("=")
            if name:
                plain[name] = value if equals else None
        return plain
    return build_nested(_pairs(raw.replace(b";", b"&")))


def parse_form(raw: bytes) -> dict[str, object]:
    """Read an urlencoded body. Unlike in a query string only `&` separates."""
    return build_nested(_pairs(raw))


def check_text(text: str) -> str:
    """Return the text, or raise MalformedRequest for a NUL character or invalid Unicode."""
    if "\0" in text:
        raise MalformedRequest
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise MalformedRequest from None
    return text


def build_nested(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Build objects and arrays from bracketed names: `a[b]=1` is `{"a": {"b": "1"}}`, `a[]=1` is `{"a": ["1"]}`.

    Raises MalformedRequest if one name is used with two types, or is nested more than MAX_BRACKETS deep.
    """
    params: dict[str, object] = {}
    for name, value in pairs:
        if "[" not in name and "]" not in name:
            if name:
                params[name] = value
            continue
        if len(name) > MAX_NAME or max(name.count("["), name.count("]")) > MAX_BRACKETS:
            raise MalformedRequest
        _put(params, name, value)
    return params


def _pairs(raw: bytes) -> list[tuple[str, object]]:
    if raw.count(b"&") >= MAX_PAIRS or _BROKEN_ESCAPE.search(raw):
        raise MalformedRequest
    pairs: list[tuple[str, object]] = []
    for pair in raw.split(b"&"):
        name, equals, value = pair.lstrip(b" ").partition(b"=")
        if name:
            pairs.append((_decode(name), _decode(value) if equals else None))
    return pairs


def _decode(piece: bytes) -> str:
    try:
        return check_text(percent_decode(piece.replace(b"+", b" ")).decode())
    except UnicodeDecodeError:
        raise MalformedRequest from None


def _put(params: dict[str, object], name: str, value: object) -> object:
    """Store the value under a bracketed name, and return the container for the level above."""
    match = _NAME.match(name)
    if match is None:
        # Nothing but brackets: Rack keeps a value only for exactly `[]`, and only below another name.
        return [value] if name == "[]" and value is not None else None
    key, rest = match[1], name[match.end() :]
    if rest == "":
        params[key] = value
    elif rest == "[":
        params[name] = value
    elif rest == "[]":
        _container(params, key, list).append(value)
    elif rest.startswith("[]"):
        member = _MEMBER_OF_ITEM.fullmatch(rest)
        child = member[1] if member else rest[2:]
        items = _container(params, key, list)
        last = items[-1] if items else None
        # A member that the last item does not have yet is added to it; one that it has begins the next item.
        if isinstance(last, dict) and not _has_member(last, child):
            _put(last, child, value)
        else:
            items.append(_put({}, child, value))
    else:
        params[key] = _put(_container(params, key, dict), rest, value)
    return params


def _container(params: dict[str, object], key: str, kind: type[T]) -> T:
    """The array or object of this name, which is added when there is none yet."""
    if params.get(key) is None:
        params[key] = kind()
    items = params[key]
    if not isinstance(items, kind):
        raise MalformedRequest
    return items


def _has_member(item: dict[str, object], name: str) -> bool:
    """Whether the item has the member of a bracketed name; False for an array, which can grow."""
    if "[]" in name:
        return False
    value: object = item
    for part in filter(None, re.split(r"[\[\]]+", name)):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True

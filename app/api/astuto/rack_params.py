"""Query strings and forms as Rack reads them: brackets in a name make objects and arrays.

Bytes in, plain values out. What a value then means (a number, a flag) is not decided here but in `manners`.
"""

import re
from collections.abc import Iterable

from app.http.percent_decoding import percent_decode

MAX_PAIRS = 4096
MAX_BRACKETS = 100
MAX_NAME = 65_536

_PLAIN = re.compile(rb"[A-Za-z0-9_.~=&-]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME = re.compile(r"[\[\]]*([^\[\]]+)\]*")
_MEMBER_OF_ITEM = re.compile(r"\[\]\[([^\[\]]+)\]")


class InvalidParam(Exception):
    """A parameter can't be used at all: Astuto's dialect answers 400, "Some parameters are wrong"."""


class MalformedRequest(InvalidParam):
    """The query or the body can't be read: broken JSON or encoding, a NUL character, names that contradict."""


def parse_query(raw: bytes) -> dict[str, object]:
    """Read a query string. `&` and `;` separate, the last of two equal names wins, a name without `=` is null."""
    if not raw:
        return {}
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
    return build_nested(_pairs(raw)) if raw else {}


def check_text(text: str) -> str:
    """Give the text back, or raise Unreadable for a NUL character or what is not valid Unicode."""
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

    Raises Unreadable where one name is used as two kinds of thing, or nests more than MAX_BRACKETS deep.
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
    """Put the value where the name says, and return what now stands there for the level above."""
    found = _NAME.match(name)
    if found is None:
        # Nothing but brackets: Rack keeps a value only for exactly `[]`, and only below another name.
        return [value] if name == "[]" and value is not None else None
    key, after = found[1], name[found.end() :]
    if after == "":
        params[key] = value
    elif after == "[":
        params[name] = value
    elif after == "[]":
        _array(params, key).append(value)
    elif after.startswith("[]"):
        member = _MEMBER_OF_ITEM.fullmatch(after)
        child = member[1] if member else after[2:]
        items = _array(params, key)
        last = items[-1] if items else None
        # A member that the last item does not have yet belongs to it; one that it has begins the next item.
        if isinstance(last, dict) and not _has(last, child):
            _put(last, child, value)
        else:
            items.append(_put({}, child, value))
    else:
        inner = params.get(key)
        if inner is None:
            inner = {}
        if not isinstance(inner, dict):
            raise MalformedRequest
        params[key] = _put(inner, after, value)
    return params


def _array(params: dict[str, object], key: str) -> list[object]:
    items = params.get(key)
    if items is None:
        items = params[key] = []
    if not isinstance(items, list):
        raise MalformedRequest
    return items


def _has(item: dict[str, object], name: str) -> bool:
    """Whether the item has the member that a bracketed name speaks of; never so for an array, which can grow."""
    if "[]" in name:
        return False
    here: object = item
    for part in filter(None, re.split(r"[\[\]]+", name)):
        if not isinstance(here, dict) or part not in here:
            return False
        here = here[part]
    return True

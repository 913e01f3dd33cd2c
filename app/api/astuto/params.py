"""Parses the parameters of Astuto's dialect. docs/contracts/astuto.md, section 1.6."""

import json
from typing import Final

import orjson

from app.api.astuto import rack_params
from app.api.astuto.conversions import MAX_INTEGER
from app.api.astuto.rack_params import MalformedRequest
from app.http.body import Body, UnreadableJson

Params = dict[str, object]
"""The parameters of a request by name: text, numbers, flags, null, files; arrays and objects of these."""


class MalformedJson(UnreadableJson, MalformedRequest):
    """The JSON body can't be read. The client gets the response to any malformed request."""


_JSON_TYPES: Final = frozenset({"application/json", "text/x-json", "application/jsonrequest"})


def parse_params(content_type: str, query_string: bytes, body: Body) -> Params:
    """Merge the parameters of the body and the query string; the query string wins.

    Raises MalformedRequest for broken JSON or encoding, a NUL character anywhere, or names that contradict each other.
    For broken JSON it is MalformedJson.
    """
    values = _parse_body(content_type, body)
    if query_string:
        values.update(rack_params.parse_query(query_string))
    return values


def get_form_field(body: Body, name: str) -> str | None:
    """The field of a form, the last of several; None without one, and for any other body."""
    value = _parse_body("", body).get(name) if body.kind in ("form", "multipart") else None
    return value if isinstance(value, str) else None


def is_json(content_type: str) -> bool:
    """Whether a body of this type is read as JSON. Fewer types are than with `app.http.body.is_json`."""
    return content_type == "application/json" or content_type.partition(";")[0].strip().lower() in _JSON_TYPES


def _parse_body(content_type: str, body: Body) -> Params:
    """The parameters of the body; none for a kind that Astuto doesn't read."""
    if body.kind == "json":
        return _parse_json(body.raw) if is_json(content_type) else {}
    if body.kind == "form":
        return rack_params.parse_form(body.raw)
    if body.kind == "multipart":
        if body.is_malformed or len(body.fields) > rack_params.MAX_PAIRS:
            raise MalformedRequest
        check = rack_params.check_text
        return rack_params.build_nested(
            (check(name), check(value) if isinstance(value, str) else value) for name, value in body.fields
        )
    return {}


def _parse_json(raw: bytes) -> Params:
    """The members of a JSON object; none for any other value and for an empty body."""
    if not raw.strip():
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # orjson rejects a number too large for a float, even a whole one; the exact parser returns its digits.
        if "infinity" not in str(error):
            raise MalformedJson.locate(raw, error) from None
        value = _parse_json_exactly(raw, error)
    else:
        # orjson makes floats of whole numbers past 64 bits, but converted to text they must have all their digits.
        if isinstance(value, dict) and any(isinstance(v, float) and abs(v) > MAX_INTEGER for v in value.values()):
            value = _parse_json_exactly(raw, None)
    if not isinstance(value, dict):
        return {}
    if b"\\u0000" in raw:
        _check_all(value)
    return value


def _parse_json_exactly(raw: bytes, error: json.JSONDecodeError | None) -> object:
    """Parse JSON with long whole numbers as their digits, which every conversion reads as that number.

    `error` is that of the other parser, whose position is reported for NaN, which has none here.
    """
    try:
        value: object = json.loads(
            raw.decode(),
            parse_int=lambda digits: int(digits) if len(digits) < 19 else digits,
            parse_constant=_reject_constant,
        )
    except (ValueError, RecursionError) as failure:
        error = failure if isinstance(failure, json.JSONDecodeError) else error
        raise (MalformedRequest if error is None else MalformedJson.locate(raw, error)) from None
    _check_all(value)
    return value


def _reject_constant(constant: str) -> object:
    raise ValueError(constant)


def _check_all(value: object) -> None:
    """Raise MalformedRequest if any text, names included, has a NUL character or half a surrogate pair."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            rack_params.check_text(item)
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)

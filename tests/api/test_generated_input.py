"""Generated input: any parameter as any value, in the query, in any body, in both at once and twice.

The fixture asserts that no response is a 5xx and that an error has changed nothing.
"""

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from tests.api.test_bad_input import Judge, distinct, judge
from tests.support.factory import Factory
from tests.support.routes import Route
from tests.support.sample_portal import address, inputs, populate

__all__ = ["judge"]

EXAMPLES = 6
"""For each route. More have found no further errors; raise the number to search for some."""

GENERATE = hypothesis_settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

_EDGES = [0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30, 10**309]
_TEXTS = [
    "", " ", "\0", "a\0b", "\ud800", "\udc2f", "٣", "１２", "²", "9" * 18, "9" * 19, "9" * 5000, "0" * 5000 + "1",
    "1_000", "0x10", "1e3", "1.5", "+1", "\u00a01", "true", "null", "a@b", "deleted-999999999999999999@deleted.invalid",
    "created_at", "admin", "#ffffff\n", "00000000-0000-4000-8000-000000000000", "x" * 300, "💥" * 128, "İ" * 100,
    "\ufdfa" * 20, "%", "'", "$1", "\r\n", "\x85",
]  # fmt: skip
_LEAVES = some.one_of(
    some.none(), some.booleans(), some.integers(), some.sampled_from(_EDGES), some.floats(), some.text(max_size=20),
    some.sampled_from(_TEXTS), some.sampled_from(_EDGES).map(str),
)  # fmt: skip
_VALUES = some.recursive(
    _LEAVES,
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(some.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_PLACES = ("json", "repeated in json", "form", "multipart", "query", "query and json")


async def test_generated_parameters_cause_no_5xx(judge: Judge, make: Factory) -> None:
    for number, route in enumerate(distinct(judge.dialect)):
        # The previous route may have deleted rows.
        judge = Judge(make, judge.client, judge.dialect, await populate(make, make.portal, make.owner))
        for changes, place, chance in _examples(route, number):
            usual = {name: value for name, value in inputs(route, judge.sample).items() if name != "password"}

            query, sent = _request({**usual, **changes}, usual, place, random.Random(chance))

            await judge.send(route.method, address(route, judge.sample) + query, (route, place, changes), **sent)


def _examples(route: Route, number: int) -> list[tuple[dict[str, Any], str, int]]:
    names = [name for name in route.inputs if name != "password"]
    names += ["image", "attachment", "_method", "id", "impersonated_user_id"]
    result: list[tuple[dict[str, Any], str, int]] = []

    @seed(number)
    @GENERATE
    @given(
        some.dictionaries(some.sampled_from(names), _VALUES, min_size=1, max_size=3),
        some.sampled_from(_PLACES),
        some.integers(0, 2**32),
    )
    def collect(changes: dict[str, Any], place: str, chance: int) -> None:
        result.append((changes, place, chance))

    collect()
    return result


def _request(
    whole: dict[str, Any], usual: dict[str, Any], place: str, chance: random.Random
) -> tuple[str, dict[str, Any]]:
    """The query string, and the arguments of the request for its body."""
    pairs = [pair for name, value in whole.items() for pair in _flattened(name, value)]
    if place == "query":
        return "?" + _escaped(pairs, chance), {}
    if place == "form":
        return "", _body(_escaped(pairs, chance).encode(), "application/x-www-form-urlencoded")
    if place == "multipart":
        return "", _body(_multipart(pairs, chance), "multipart/form-data; boundary=x")
    if place == "query and json":
        return "?" + _escaped(pairs, chance), _body(json.dumps(usual).encode(), "application/json")
    members = list(whole.items()) if place == "json" else [*usual.items(), *whole.items(), *usual.items()]
    body = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
    return "", _body(b"{" + body.encode() + b"}", "application/json")


def _body(content: bytes, content_type: str) -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": content_type}}


def _flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """As forms write it: `a[]` for each item of an array, `a[b]` for each member of an object."""
    if isinstance(value, list):
        for item in value or [None]:
            yield from _flattened(f"{name}[]", item)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _flattened(f"{name}[{key}]", member)
    else:
        yield name, value


def _escaped(pairs: list[tuple[str, Any]], chance: random.Random) -> str:
    escaped = ((quote(_bytes(name), safe="[]"), value) for name, value in pairs)
    return "&".join(
        name if value is None and chance.random() < 0.5 else f"{name}={quote(_bytes(value))}" for name, value in escaped
    )


def _multipart(pairs: list[tuple[str, Any]], chance: random.Random) -> bytes:
    parts = b""
    for name, value in pairs:
        plain = _bytes(name).translate(None, b'"\r\n')
        file = b'; filename="a.png"' if chance.random() < 0.1 else b""
        parts += b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (plain, file, _bytes(value))
    return parts + b"--x--\r\n"


def _bytes(value: Any) -> bytes:
    return ("" if value is None else str(value)).encode("utf-8", "surrogatepass")

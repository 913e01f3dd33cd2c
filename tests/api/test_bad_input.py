"""No input causes a 5xx or a partly written change; each error has the form of the dialect.

The requests are generated from the declared routes, so that new routes and inputs are included.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.support import routes
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.errors import is_server_error
from tests.support.factory import Factory
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import SamplePortal, address, inputs, populate

STRANGE: dict[str, Any] = {
    "null": None, "true": True, "false": False, "nothing": "", "blanks": " \t\n ", "a NUL": "a\0b", "only a NUL": "\0",
    "half a surrogate pair": "a\ud800b", "past 64 bits": 2**63, "far past 64 bits": 10**400, "as text": str(2**64),
    "below 64 bits": -(2**63) - 1, "negative": -1, "zero": 0, "a fraction": 1.5, "a large fraction": 1e308,
    "other digits": "٣", "an exponent": "1e3", "a hexadecimal": "0x10", "a long text": "x" * 9_000,
    "quotes": "'\"\\%_;--",
    "many bytes": "💥" * 300, "a list": ["a"], "an empty list": [], "a list of lists": [[[1]]], "a list of NUL": ["\0"],
    "an object": {"a": 1}, "an empty object": {}, "a deep one": {"a": [{"b": [{"c": {}}]}]},
    "mixed": [1, "2", None, {}],
    "large in a list": [2**70], "a surrogate in a list": ["\udfff"],
}  # fmt: skip

UNREADABLE = {
    "cut off": b'{"title": "Dark',
    "a lone brace": b"{",
    "two values": b"{} {}",
    "a comma too many": b'{"title": "Dark mode",}',
    "single quotes": b"{'title': 'Dark mode'}",
    "not UTF-8": b'{"title": "\xff\xfe"}',
    "UTF-16": '{"title": "Dark mode"}'.encode("utf-16"),
    "with a byte order mark": b'\xef\xbb\xbf{"title": "Dark mode"}',
    "not a number": b'{"title": NaN, "limit": Infinity}',
    "an encoded surrogate": b'{"title": "\xed\xa0\x80"}',
    "a raw control character": b'{"title": "a\nb\x00"}',
    "deep lists": b"[" * 100_000,
    "deep and closed lists": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"title":' * 50_000 + b"1" + b"}" * 50_000,
    "text alone": b'"title"',
    "a number alone": b"17",
    "null alone": b"null",
    "a list alone": b'[{"title": "Dark mode"}]',
    "nothing": b"",
    "blanks": b"  \n ",
    "the same name twice": b'{"title": "Dark mode", "title": null, "name": [], "name": {}}',
    "an empty name": b'{"": 1, "\\u0000": 2}',
}

QUERIES = [
    "%", "%zz", "%00", "%ff=%ff", "limit=%00", "limit=%ff", "limit=%ed%a0%80", "limit", "=", "&&&=&", "limit=1&limit=2",
    "limit[]=1", "limit[a]=1", "limit[[]]=1", "limit[", "limit]=1", "[limit]=1", "limit[a][b][c][d]=1",
    "limit=1;offset=2",
    "status[]=x&status=1&status[a]=2", "limit=" + "9" * 5000, "a" * 9000 + "=1", "_method=DELETE", "_method[]=x",
    "&".join(f"a{number}=1" for number in range(3000)), "limit" + "[a]" * 500 + "=1", '{"limit":62}',
    "%7B%22limit%22:62",
    "title=%F0%9F%92", "post_id[]=1&post_id[]=%00", "email=%00", "offset=-1", "skip=-1", "order_by[]=title", "tab[]=a",
]  # fmt: skip

FORMS = [
    b"title", b"=", b"&&", b"%", b"title=%ff%fe", b"title=%00", b"title[]=a&title[b]=c", b"title[a][b]=c", b"title[=1",
    b"\xff\xfe=\x00", b"title=" + b"[" * 5000, b"x[" * 5000 + b"]=1", b"&".join(b"a%d[]=1" % n for n in range(5000)),
    b"_method=PURGE&title=x", b"_method[]=PUT", b"title=\xed\xa0\x80",
]  # fmt: skip

_PART = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nDark mode'
_END = b"\r\n--x--\r\n"
MULTIPARTS = {
    "never closed": (b"; boundary=x", _PART),
    "closed by half": (b"; boundary=x", _PART + b"\r\n--x-"),
    "no parts": (b"; boundary=x", b"--x--\r\n"),
    "nothing": (b"; boundary=x", b""),
    "no boundary": (b"", _PART + _END),
    "an empty boundary": (b"; boundary=", _PART + _END),
    "another boundary": (b"; boundary=y", _PART + _END),
    "a boundary without end": (b"; boundary=" + b"x" * 5000, _PART),
    "a boundary of strange bytes": (b"; boundary=\xff\x00", _PART),
    "no name": (b"; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n"),
    "no headers": (b"; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n"),
    "broken headers": (b"; boundary=x", b"--x\r\nContent-Disposition form-data\r\nno colon\r\n\r\na\r\n--x--\r\n"),
    "a long header": (b"; boundary=x", b"--x\r\nX: " + b"a" * 100_000 + b"\r\n\r\na\r\n--x--\r\n"),
    "a NUL in the name": (b"; boundary=x", _PART.replace(b"title", b"ti\0le") + _END),
    "a NUL in the text": (b"; boundary=x", _PART.replace(b"Dark", b"\0") + _END),
    "not UTF-8": (b"; boundary=x", _PART.replace(b"Dark", b"\xff\xfe") + _END),
    "a file where text belongs": (b"; boundary=x", _PART.replace(b'"title"', b'"title"; filename="a"') + _END),
    "text where a file belongs": (b"; boundary=x", _PART.replace(b'"title"', b'"image"') + _END),
    "an unknown encoding": (b"; boundary=x", _PART.replace(b"\r\n\r\n", b"\r\nContent-Encoding: x\r\n\r\n", 1) + _END),
    "many parts": (b"; boundary=x", b"".join(_PART + b"\r\n" for _ in range(3000)) + b"--x--\r\n"),
    "only dashes": (b"; boundary=x", b"--" * 5000),
    "bare line feeds": (b"; boundary=x", (_PART + _END).replace(b"\r\n", b"\n")),
}  # fmt: skip

SEGMENTS = [
    "0", "-1", "00", "987654e3", "987654.5", "9" * 20, "9" * 400, "abc", "%00", "987654%00", "%FF", "%ED%A0%80",
    "%2E%2E", "%20", "%C3%A9", "%D9%A3", "x" * 4000, "'%20OR%201=1", "null", "undefined", "[object%20Object]", "%0A",
    "%25", "+987654", "00000000-0000-4000-8000-00000000000g", "{id}", "987654;2", "~", "*", "%F0%9F%92%A5", ".json",
    "a.json",
]  # fmt: skip

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ODD_VERBS = ("PURGE", "TRACE", "PROPFIND", "GETGET", "CONNECT", "M-SEARCH", "X" * 200)


class Judge:
    """Sends requests of one dialect and checks each response, and the rows after it."""

    def __init__(self, make: Factory, client: Client, dialect: str, sample: SamplePortal) -> None:
        self.client = client
        self.dialect = dialect
        self.sample = sample
        self._database = make.server.database
        self._rows: dict[str, Any] | None = None
        """The rows of the database, while they are known."""

    async def send(self, method: str, url: str, what: object, **sent: Any) -> httpx.Response:
        """Send a request. The response is in order, and an error, or a GET, has changed nothing."""
        if self._rows is None:
            self._rows = await snapshot(self._database)

        response = await self.client.request(method, url, **sent)

        self.assert_in_order(response, what)
        if method != "GET":
            if response.status_code < 400:
                self._rows = None
            else:
                assert changed(self._rows, await snapshot(self._database)) == set(), what
        return response

    async def send_body(self, route: Route, what: object, body: bytes, content_type: str | bytes) -> None:
        """Send a body to a route of the sample portal."""
        headers: Any = {"content-type": content_type}
        await self.send(route.method, address(route, self.sample), (route, what), content=body, headers=headers)

    def assert_in_order(self, response: httpx.Response, what: object) -> None:
        """The response is no 5xx but a documented 501, and an error has the form of the dialect."""
        assert not is_server_error(response), (what, response.text)
        if response.status_code < 400:
            return
        body = response.json()
        if self.dialect == "astuto":
            assert response.headers["content-type"] == "application/json; charset=utf-8", what
            if body != {"status": 404, "error": "Not Found"}:
                assert list(body) == ["errors"], (what, body)
                assert all(type(sentence) is str and sentence for sentence in body["errors"]), (what, body)
                assert body["errors"], (what, body)
            return
        assert response.headers["content-type"] == "application/json", what
        assert type(body["message"]) is str, (what, body)
        assert list(body) == (["message", "errors"] if "errors" in body else ["message"]), (what, body)
        if "errors" in body:
            assert (response.status_code, body["message"]) == (422, "The given data was invalid."), (what, body)
            assert body["errors"], (what, body)
            for sentences in body["errors"].values():
                assert sentences, (what, body)
                assert all(type(sentence) is str for sentence in sentences), (what, body)


@pytest.fixture(params=DIALECTS)
async def judge(request: pytest.FixtureRequest, make: Factory, anyone: Client) -> Judge:
    sample = await populate(make, make.portal, make.owner)
    return Judge(make, anyone.of(await make.key(make.owner, request.param)), request.param, sample)


def distinct(dialect: str) -> Sequence[Route]:
    """The dialect's routes without each PUT that is the same as the PATCH."""
    declared = routes.of_dialect(dialect)
    patched = {route.path for route in declared if route.method == "PATCH"}
    return [route for route in declared if not (route.method == "PUT" and route.path in patched)]


def writing(dialect: str) -> Sequence[Route]:
    return [route for route in distinct(dialect) if route.method != "GET"]


async def test_unusual_input_causes_no_5xx_at_any_route(judge: Judge) -> None:
    for route in distinct(judge.dialect):
        usual = inputs(route, judge.sample)
        for name in route.inputs:
            for kind, value in STRANGE.items():
                # New names each time, so that only the strange value can be rejected.
                sent = inputs(route, judge.sample) if "name" in usual or "email" in usual else dict(usual)
                if name != "password":
                    # Hashing a password is slow on purpose.
                    sent.pop("password", None)
                sent[name] = value
                body = json.dumps(sent).encode()
                await judge.send_body(route, (name, kind), body, "application/json")


async def test_invalid_json_causes_no_5xx_at_any_route(judge: Judge) -> None:
    for route in distinct(judge.dialect):
        for kind, body in UNREADABLE.items():
            await judge.send_body(route, kind, body, "application/json")


async def test_a_malformed_body_is_rejected_as_the_contract_requires(
    make: Factory, astuto: Client, productlift: Client
) -> None:
    json_type = {"content-type": "application/json"}
    wrong = {"errors": ["Some parameters are wrong in the request. Please check the documentation."]}
    for kind in ("cut off", "a lone brace", "not UTF-8", "deep lists", "an encoded surrogate", "a comma too many"):
        ours = await astuto.post("/posts", content=UNREADABLE[kind], headers=json_type)
        denied = await astuto.of("tkn_admin_unknown").post("/posts", content=UNREADABLE[kind], headers=json_type)
        # ProductLift's own server ignores a body that it cannot decode.
        theirs = await productlift.post("/posts", content=UNREADABLE[kind], headers=json_type)

        assert (ours.status_code, ours.json()) == (400, wrong), kind
        assert (denied.status_code, denied.json()) == (401, {"errors": ["Access denied."]}), kind
        assert theirs.status_code == 422, kind
        assert theirs.json()["errors"] == {"title": ["The title field is required."]}, kind


async def test_unusual_queries_cause_no_5xx_at_any_route(judge: Judge) -> None:
    for query in QUERIES:
        for route in distinct(judge.dialect):
            if route.method == "GET":
                await judge.send("GET", f"{address(route, judge.sample)}?{query}", (route, query[:80]))
        for route in writing(judge.dialect)[:3]:
            await judge.send(route.method, f"{address(route, judge.sample)}?{query}", (route, query[:80]))


async def test_unusual_forms_cause_no_5xx_at_any_route(judge: Judge) -> None:
    for route in writing(judge.dialect):
        for body in FORMS:
            await judge.send_body(route, body[:80], body, "application/x-www-form-urlencoded")


async def test_invalid_multipart_causes_no_5xx_at_any_route(judge: Judge) -> None:
    for route in writing(judge.dialect):
        for kind, (boundary, body) in MULTIPARTS.items():
            await judge.send_body(route, kind, body, b"multipart/form-data" + boundary)


async def test_unusual_path_parameters_cause_no_5xx(judge: Judge) -> None:
    for route in distinct(judge.dialect):
        for segment in SEGMENTS if route.places else ():
            path = route.at(**dict.fromkeys(route.places, segment))

            response = await judge.send(route.method, path, (route, segment[:80]), json={})

            # No segment identifies a row, so no row can have changed.
            assert response.status_code in (404, 405, 400, 422), (route, segment[:80], response.text)


async def test_an_unsupported_method_changes_nothing(judge: Judge) -> None:
    declared = routes.of_dialect(judge.dialect)
    for path in {address(route, judge.sample) for route in declared}:
        verbs = {route.method for route in declared if re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path)}
        for verb in (*VERBS, *ODD_VERBS):
            if verb in verbs:
                continue

            response = await judge.send(verb, path, (verb, path))

            if judge.dialect == "astuto":
                assert response.status_code == 404
                assert response.json() == {"status": 404, "error": "Not Found"}
                continue
            order = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
            allowed = sorted({*verbs, *(["HEAD"] if "GET" in verbs else [])}, key=order.index)
            supported = ", ".join(allowed)
            assert response.status_code == 405
            assert response.json() == {
                "message": f"The {verb} method is not supported for this route. Supported methods: {supported}."
            }
            assert response.headers["allow"] == supported


async def test_unusual_method_overrides_cause_no_5xx(judge: Judge) -> None:
    for route in writing(judge.dialect):
        for override in ("PURGE", "GET", "", " ", "put\0", "PUT, DELETE", "HEAD", "x" * 5000):
            path = address(route, judge.sample)
            what = (route, override[:20])
            await judge.send("POST", path, what, json={"_method": override})
            await judge.send("POST", path, what, headers={"x-http-method-override": override.replace("\0", "")})
        for override in (None, 5, ["PUT"], {"a": "PUT"}, True):
            await judge.send("POST", address(route, judge.sample), (route, override), json={"_method": override})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"authorization", b"Bearer \xff\xfe"), (b"authorization", b"Bearer " + b"x" * 20_000),
        (b"authorization", b"\x80"),
        (b"authorization", b"Token token=\"\""), (b"authorization", b"Bearer ,"), (b"content-type", b"\xff"),
        (b"content-type", b"application/json; charset=\xff"), (b"content-type", b"application/json; charset=utf-16"),
        (b"content-type", b"x" * 20_000), (b"content-type", b";;;"), (b"content-type", b"multipart/form-data"),
        (b"host", b"\xff"), (b"host", b"a b"), (b"host", b"[::1"), (b"host", b"x" * 5000), (b"host", b":80"),
        (b"host", b""),
        (b"x-forwarded-for", b"\xff, ,"), (b"x-forwarded-host", b"\xff"), (b"if-none-match", b"\xff, W/"),
        (b"accept", b"\xff"), (b"accept-language", b"xx;q=9"), (b"cookie", b"\xff=\xff"), (b"content-length", b"-1"),
        (b"content-length", b"abc"), (b"content-length", b"9" * 30), (b"x-http-method-override", b"\xff"),
        (b"origin", b"\xff"), (b"range", b"bytes=9-1"), (b"expect", b"something"), (b"content-encoding", b"gzip"),
    ],
)  # fmt: skip
async def test_unusual_headers_cause_no_5xx(judge: Judge, name: bytes, value: bytes) -> None:
    routes_of = {route.method: route for route in distinct(judge.dialect)}
    for method in ("GET", "POST"):
        route = routes_of[method]
        headers = [(name, value)]
        if name != b"authorization":
            headers.append((b"authorization", f"Bearer {judge.client.token}".encode()))
        if name != b"content-type":
            headers.append((b"content-type", b"application/json"))
        base = f"/{judge.dialect}/api/v1"
        plain = judge.client.of(None, base=base)
        response = await plain.request(method, address(route, judge.sample), content=b"{}", headers=headers)

        judge.assert_in_order(response, (method, name, value[:40]))


JSON_CAP, CAP = 5 * 1024 * 1024, 28 * 1024 * 1024
TOO_LARGE = {"astuto": {"errors": ["The request is too large."]}, "productlift": {"message": ""}}


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("application/json", JSON_CAP + 1), ("application/json", 30_000_000),
        ("application/x-www-form-urlencoded", CAP + 1),
        ("multipart/form-data; boundary=x", 30_000_000), ("application/octet-stream", 30_000_000),
        ("text/plain", CAP + 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_that_is_too_large_is_rejected(judge: Judge, kind: str, size: int, has_length: bool) -> None:
    head = (
        b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' if "multipart" in kind else b""
    )
    body = head + b"a" * (size - len(head))
    sent: Any = body if has_length else _in_pieces(body)

    response = await judge.send("POST", "/posts", kind, content=sent, headers={"content-type": kind})

    assert (response.status_code, response.json()) == (413, TOO_LARGE[judge.dialect])


async def _in_pieces(body: bytes) -> Any:
    for start in range(0, len(body), 1 << 20):
        yield body[start : start + (1 << 20)]


async def test_a_wrong_key_is_rejected_before_the_body_is_read(judge: Judge) -> None:
    denied = {"astuto": {"errors": ["Access denied."]}, "productlift": {"message": "Unauthenticated."}}[judge.dialect]
    client = judge.client.of("nobody's", base=f"/{judge.dialect}/api/v1")

    for body in (b"{", b"a" * (JSON_CAP + 1), b"\xff"):
        response = await client.post("/posts", content=body, headers={"content-type": "application/json"})

        assert (response.status_code, response.json()) == (401, denied)

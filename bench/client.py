"""Request templates with random numbers, and a small HTTP client that sends them and measures the response time."""

import asyncio
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

_PLACEHOLDER: Final = re.compile(r'"<(\d+)\.\.(\d+)>"|<(\d+)\.\.(\d+)(?::(\d+))?>|<(n)>')


@dataclass(frozen=True, slots=True)
class Number:
    """A placeholder for a random number, or, without bounds, for a unique number."""

    low: int = 0
    high: int = 0
    width: int = 0

    @property
    def unique(self) -> bool:
        return not self.high


Template = tuple[str | Number, ...]


def parse_template(text: str) -> Template:
    """Split a text at its placeholders."""
    parts: list[str | Number] = []
    position = 0
    for match in _PLACEHOLDER.finditer(text):
        parts.append(text[position : match.start()])
        bare_low, bare_high, low, high, width, unique = match.groups()
        parts.append(Number() if unique else Number(int(bare_low or low), int(bare_high or high), int(width or 0)))
        position = match.end()
    return tuple(part for part in (*parts, text[position:]) if part != "")


def fill(parts: Template, chance: random.Random, unique: str) -> str:
    """The text with every placeholder replaced; `unique` is the unique number."""
    return "".join(
        part
        if isinstance(part, str)
        else unique
        if part.unique
        else str(chance.randint(part.low, part.high)).zfill(part.width)
        for part in parts
    )


def to_lua(parts: Template, run: int) -> str:
    """The same as a Lua expression for wrk."""

    def each(part: str | Number) -> str:
        if isinstance(part, str):
            return json.dumps(part)
        if part.unique:
            return f'"{run}-" .. thread .. "-" .. count'
        return f'string.format("%0{part.width or 1}d", math.random({part.low}, {part.high}))'

    return " .. ".join(map(each, parts)) or '""'


@dataclass(frozen=True, slots=True)
class Request:
    """The request of one scenario to one server."""

    path: str
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self, common: Mapping[str, str]) -> dict[str, str]:
        content_type = {} if self.body is None else {"Content-Type": "application/json"}
        return {**common, **content_type, **self.headers}

    def body_text(self) -> str:
        if self.body is None or isinstance(self.body, str):
            return self.body or ""
        return json.dumps(self.body)


class Result(NamedTuple):
    """The status of a response (599: the connection was lost), its bytes, and the response time in milliseconds."""

    status: int
    size: int
    wait: float
    body: bytes = b""


class Client:
    """One connection to a server, opened at the first request, and again after it is lost."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        address = urlsplit(url)
        self._host, self._port, self._netloc = address.hostname, address.port, address.netloc
        self._base = address.path
        self._headers = headers
        self._chance = random.Random()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._drop()

    async def ask(self, request: Request, unique: str = "0") -> Result:
        """Send the request with its placeholders replaced, and read the whole response."""
        body = fill(parse_template(request.body_text()), self._chance, unique).encode()
        path = fill(parse_template(request.path), self._chance, unique)
        headers = request.all_headers(self._headers)
        if body:
            headers["Content-Length"] = str(len(body))
        header_lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{request.method} {self._base}{path} HTTP/1.1\r\nHost: {self._netloc}\r\n{header_lines}\r\n"
        began = time.perf_counter()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=2**20)
            reader, writer = self._streams
            writer.write(head.encode() + body)
            status, size, response = await _read_response(reader)
        except (OSError, EOFError):
            self._drop()
            status, size, response = 599, 0, b""
        return Result(status, size, (time.perf_counter() - began) * 1000, response)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _read_response(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    body = b""
    if length:
        body = await reader.readexactly(int(length[1]))
    elif re.search(rb"\r\ntransfer-encoding: *chunked", head, re.IGNORECASE):
        pieces = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            pieces.append((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        body = b"".join(pieces)
    return int(head[9:12]), len(head) + len(body), body

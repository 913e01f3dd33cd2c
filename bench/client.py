"""Requests with blanks in them, and a small HTTP client that fills the blanks in and tells how long it waited."""

import asyncio
import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

_BLANK: Final = re.compile(r'"<(\d+)\.\.(\d+)>"|<(\d+)\.\.(\d+)(?::(\d+))?>|<(n)>')


@dataclass(frozen=True, slots=True)
class Number:
    """A blank for a random number, or, without bounds, for one that never comes twice."""

    low: int = 0
    high: int = 0
    width: int = 0

    @property
    def unique(self) -> bool:
        return not self.high


Template = tuple[str | Number, ...]


def template(text: str) -> Template:
    """A text with blanks, taken apart."""
    parts: list[str | Number] = []
    at = 0
    for found in _BLANK.finditer(text):
        parts.append(text[at : found.start()])
        bare_low, bare_high, low, high, width, unique = found.groups()
        parts.append(Number() if unique else Number(int(bare_low or low), int(bare_high or high), int(width or 0)))
        at = found.end()
    return tuple(part for part in (*parts, text[at:]) if part != "")


def filled(parts: Template, chance: random.Random, unique: str) -> str:
    """The text with every blank filled in; `unique` stands for the number that never comes twice."""
    return "".join(
        part
        if isinstance(part, str)
        else unique
        if part.unique
        else str(chance.randint(part.low, part.high)).zfill(part.width)
        for part in parts
    )


def in_lua(parts: Template, run: int) -> str:
    """The same as an expression of wrk's scripts."""

    def each(part: str | Number) -> str:
        if isinstance(part, str):
            return json.dumps(part)
        if part.unique:
            return f'"{run}-" .. thread .. "-" .. count'
        return f'string.format("%0{part.width or 1}d", math.random({part.low}, {part.high}))'

    return " .. ".join(map(each, parts)) or '""'


@dataclass(frozen=True, slots=True)
class Request:
    """What one server is asked in one scenario."""

    path: str
    method: str = "GET"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def all_headers(self, common: Mapping[str, str]) -> dict[str, str]:
        typed = {} if self.body is None else {"Content-Type": "application/json"}
        return {**common, **typed, **self.headers}

    def body_text(self) -> str:
        if self.body is None or isinstance(self.body, str):
            return self.body or ""
        return json.dumps(self.body)


class Asked(NamedTuple):
    """How a request went: the status (599: the connection broke), the bytes that came, the wait in milliseconds."""

    status: int
    size: int
    wait: float
    body: bytes = b""


class Client:
    """One connection to a server, opened at the first request and anew when it broke."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        address = urlsplit(url)
        self._host, self._port, self._named = address.hostname, address.port, address.netloc
        self._base = address.path
        self._headers = headers
        self._chance = random.Random()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._drop()

    async def ask(self, request: Request, unique: str = "0") -> Asked:
        """Send the request with its blanks filled in, and read the whole answer."""
        body = filled(template(request.body_text()), self._chance, unique).encode()
        path = filled(template(request.path), self._chance, unique)
        headers = request.all_headers(self._headers)
        if body:
            headers["Content-Length"] = str(len(body))
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{request.method} {self._base}{path} HTTP/1.1\r\nHost: {self._named}\r\n{told}\r\n"
        began = time.perf_counter()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection(self._host, self._port, limit=2**20)
            reader, writer = self._streams
            writer.write(head.encode() + body)
            status, size, answer = await _answered(reader)
        except (OSError, EOFError):
            self._drop()
            status, size, answer = 599, 0, b""
        return Asked(status, size, (time.perf_counter() - began) * 1000, answer)

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _answered(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
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

"""Logs: text on a terminal, one JSON object a line elsewhere. They never contain a key, a body or a sent token."""

import asyncio
import logging
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal

import orjson
import structlog

from app.http.request import RequestContext, RequestObserver

Format = Literal["text", "json"]

FLUSH_INTERVAL: Final = 0.1
MAX_WRITE_BYTES: Final = 4096
"""A pipe writes this much atomically; longer pieces of two processes would be mixed."""
MAX_BUFFERED: Final = 512


def choose_format(setting: Format | None) -> Format:
    """The format of the setting; without one, text on a terminal and JSON elsewhere."""
    return setting or ("text" if sys.stderr.isatty() else "json")


def configure(form: Format) -> None:
    """Log to standard error in one format, for this program and its libraries."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Any] = [
        structlog.processors.ExceptionRenderer(_error),
        structlog.dev.ConsoleRenderer(
            timestamp_key="at", colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if form == "text"
        else structlog.processors.JSONRenderer(_json),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # These loggers report invalid input at lower levels, with which a client could fill the disk.
    for name in ("uvicorn.error", "python_multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # While PostgreSQL is away its pool logs a traceback for each attempt; the API logs one line.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    # The rate limiter logs that Redis is away.
    logging.getLogger("slowapi").setLevel(logging.CRITICAL)
    for name in ("asyncio", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _error(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    """The traceback of an error without its message, because messages of a database quote the data."""
    error: BaseException | None = exc_info[1]
    parts: list[str] = []
    seen: set[int] = set()
    # Causes may form a cycle.
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        parts.append("".join(traceback.format_tb(error.__traceback__)) + type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nwhich led to\n\n".join(reversed(parts))


Line = dict[str, Any]
"""The fields of one request, as they are in JSON."""


_REFUSED: Final = frozenset({401, 404, 429})
"""Statuses of a request whose line contains the reason, and the address of the client."""


def _default_reason(request: RequestContext, status: int) -> str:
    """The reason where the status and the route say enough."""
    if status == 429:
        # The pages count by address only.
        return "rate_limit_ip"
    return "not_found" if request.route_path else "no_such_route"


class AccessLog:
    """One line for each request. Buffering one costs about a microsecond; they are written ten times a second."""

    def __init__(self, form: Format, write: Callable[[bytes], object] | None = None, *, client_ip: bool = True) -> None:
        """`client_ip` is whether the line of a refused request contains the client's address."""
        self._render = _text if form == "text" else _object
        self._write = write or _to_standard_error
        self._has_client_ip = client_ip
        self._lines: list[Line] = []
        self._due: asyncio.TimerHandle | None = None

    def for_dialect(self, dialect: str) -> RequestObserver:
        """What is called after each request of a dialect; requests to /health are not logged."""

        def observe(request: RequestContext, status: int, seconds: float) -> None:
            if dialect == "pages" and request.path.startswith("/health"):
                return
            principal = request.principal
            line: Line = {
                "at": datetime.now(UTC),
                "level": "info",
                "logger": "earshot.requests",
                "event": "request",
                "id": request.request_id,
                "dialect": dialect,
                "portal": None if principal is None else principal.portal_id,
                "key": None if principal is None else principal.prefix,
                "method": request.method,
                "route": request.route_path or None,
                "status": status,
                "ms": round(seconds * 1000, 3),
            }
            if status in _REFUSED:
                if self._has_client_ip:
                    line["client_ip"] = request.client_ip
                line["reason"] = request.refusal or _default_reason(request, status)
            self._append(line)

        return observe

    def _append(self, line: Line) -> None:
        self._lines.append(line)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(FLUSH_INTERVAL, self.flush)
        elif len(self._lines) >= MAX_BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write the buffered lines."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        lines, self._lines = self._lines, []
        piece = b""
        for line in lines:
            rendered = self._render(line)
            if piece and len(piece) + len(rendered) > MAX_WRITE_BYTES:
                self._write(piece)
                piece = b""
            piece += rendered
        if piece:
            self._write(piece)


def _to_standard_error(piece: bytes) -> None:
    # The server continues if the log is closed.
    with suppress(OSError):
        os.write(2, piece)


def _object(line: Line) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def _text(line: Line) -> bytes:
    begin = f"{line['at'].astimezone():%H:%M:%S} {line['status']} {line['ms']:8.2f} ms"
    route = f"{line['dialect']:<11} {line['method']:<6} {line['route'] or '(no route)'}"
    whose = "" if line["key"] is None else f"  portal {line['portal']} key {line['key']}"
    why = f"  client {line['client_ip']}" if "client_ip" in line else ""
    why += f"  reason {line['reason']}" if "reason" in line else ""
    return f"{begin}  {route}{whose}{why}  {line['id']}\n".encode()

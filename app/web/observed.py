"""What every answer to a browser carries, whichever page gives it, and that each request is noted like the doors'."""

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final

from app.http.request import ApiResponse, Receive, RequestContext, RequestObserver, Scope, Send, log_unhandled

_GONE: Final = 499
"""Noted when there was no answer: the client hung up before."""


class ObservedApp:
    """An ASGI application whose scopes carry the dispatcher's `Visit`; its answers bear the request's name."""

    def __init__(self, pages: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._pages = pages
        self._note: RequestObserver | None = None

    def set_observer(self, note: RequestObserver) -> None:
        """Have every request noted from now on."""
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        visit: RequestContext = scope["earshot.request"]
        status = _GONE

        async def named(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", visit.request_id.encode())]
            await send(message)

        try:
            await self._pages(scope, receive, named)
        except Exception as error:
            # The framework has answered 500 and hands the error on for somebody to write down.
            log_unhandled(visit, error)
            if status == _GONE:
                raise
        finally:
            visit.route_path = getattr(scope.get("route"), "path", "")
            if self._note is not None:
                self._note(visit, ApiResponse(status, b""), perf_counter() - visit.started_at)

"""Adds the request id to the responses of pages, and reports each request to the observer, as the dialects do."""

from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final

from app.http.request import Receive, RequestContext, RequestObserver, Scope, Send, log_unhandled

_CLIENT_CLOSED: Final = 499
"""Reported if there was no response, since the client disconnected before."""


class ObservedApp:
    """Wraps an ASGI application whose scopes carry the dispatcher's `RequestContext`."""

    def __init__(self, pages: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._pages = pages
        self._observer: RequestObserver | None = None

    def set_observer(self, observer: RequestObserver) -> None:
        """Call the observer after every request from now on."""
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        request: RequestContext = scope["earshot.request"]
        status = _CLIENT_CLOSED

        async def send_with_request_id(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request.request_id.encode())]
            await send(message)

        try:
            await self._pages(scope, receive, send_with_request_id)
        except Exception as error:
            # The framework has responded with 500 and raises the error again, to be logged.
            log_unhandled(request, error)
            if status == _CLIENT_CLOSED:
                raise
        finally:
            request.route_path = getattr(scope.get("route"), "path", "")
            if self._observer is not None:
                self._observer(request, status, perf_counter() - request.started_at)

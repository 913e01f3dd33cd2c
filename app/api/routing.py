"""Routes: declared to FastAPI for the documents, found by a table at a request.

FastAPI tries its routes one after another and solves an endpoint's parameters at every request; with the sixty routes
of a dialect that costs more than the database. Our endpoints take one parameter, so the door needs only to find them.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.api.calls import Answer

ENCODED_SLASH: Final = "\udc2f"
"""Stands in a path for a slash within a segment. Half a surrogate pair is in no path that was decoded from UTF-8."""

Endpoint = Callable[[Any], Awaitable[Answer]]


class Found(NamedTuple):
    """A route, and what its address said."""

    endpoint: Endpoint
    path: Mapping[str, str]
    template: str


class WrongVerb(NamedTuple):
    """The address exists, but not for this verb."""

    allowed: tuple[str, ...]


class _Node:
    __slots__ = ("endpoints", "literals", "name", "parameter", "template")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.name = ""
        self.endpoints: dict[str, Endpoint] = {}
        self.template = ""


class RouteTable:
    """Finds the endpoint of a verb and address in a few dictionary look-ups.

    Fixed words win over parameters where they are served: `GET /posts/search_duplicates` is a search, `PATCH` of the
    same address looks for a post of that name.
    """

    def __init__(self, routers: Iterable[APIRouter], *, unserved: Iterable[str] = ()) -> None:
        """`unserved` are addresses that a contract knows and this server does not: no post is looked for by them."""
        self._root = _Node()
        self._unserved = frozenset(unserved)
        for router in routers:
            for route in router.routes:
                assert isinstance(route, APIRoute)
                self._add(route)

    def _add(self, route: APIRoute) -> None:
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
                node.name = segment.strip("{}")
            else:
                node = node.literals.setdefault(segment, _Node())
        node.template = route.path
        for method in route.methods or ():
            assert method not in node.endpoints, f"{method} {route.path} is declared twice"
            node.endpoints[method] = route.endpoint

    def find(self, method: str, path: str) -> Found | WrongVerb | None:
        """The route of `/posts/3`, the verbs it knows instead, or None for an unknown address.

        A slash at the end makes no difference.
        """
        if path.rstrip("/") in self._unserved:
            return None
        segments = path[1:].rstrip("/").split("/")
        values: dict[str, str] = {}
        passed: list[_Node] = []
        node = self._walk(self._root, segments, 0, values, method, passed)
        if node is not None:
            if ENCODED_SLASH in path:
                values = {name: value.replace(ENCODED_SLASH, "/") for name, value in values.items()}
            return Found(node.endpoints[method], values, node.template)
        verbs = {verb for other in passed for verb in other.endpoints}
        return WrongVerb(tuple(sorted(verbs))) if verbs else None

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: dict[str, str], method: str, passed: list[_Node]
    ) -> _Node | None:
        """The node that serves the verb; `passed` collects those that have the address, but not the verb."""
        if at == len(segments):
            if method in node.endpoints:
                return node
            passed.append(node)
            return None
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._walk(literal, segments, at + 1, values, method, passed)
            if found is not None:
                return found
        if node.parameter is None or not segment:
            return None
        found = self._walk(node.parameter, segments, at + 1, values, method, passed)
        if found is not None:
            values[node.parameter.name] = segment
        return found

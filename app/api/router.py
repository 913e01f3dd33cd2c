"""How a chapter of a contract is declared to FastAPI: verbs, addresses, input, answers and refusals."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.http.request import ApiResponse

Endpoint = Callable[[Any], Awaitable[ApiResponse]]
E = TypeVar("E", bound=Endpoint)


class DialectRouter:
    """Collects the endpoints of one chapter.

    `refusals` words a status for the document: status to (description, model). Every route can answer `always`.
    """

    def __init__(
        self, tag: str, *, refusals: Mapping[int, Mapping[str, Any]], always: Iterable[int], headers: Mapping[str, Any]
    ) -> None:
        self.router = APIRouter(tags=[tag])
        self._refusals = refusals
        self._always = tuple(always)
        self._headers = headers

    def route(
        self,
        methods: str | Iterable[str],
        path: str,
        *,
        response_model: type[BaseModel] | Any,
        status_code: int = 200,
        errors: Iterable[int] = (),
        parameters: Iterable[Mapping[str, Any]] = (),
        request_body: Mapping[str, Any] | None = None,
        extra_responses: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Callable[[E], E]:
        """Declare an endpoint; its docstring becomes the description.

        `parameters` and `body` are OpenAPI objects, made from the class that also reads the input. `also` are further
        answers that are not refusals.
        """
        responses: dict[int | str, dict[str, Any]] = {
            code: dict(self._refusals[code]) for code in sorted({*self._always, *errors})
        }
        for code, response in (extra_responses or {}).items():
            responses[code] = dict(response)
        responses[status_code] = {"description": "Done", "headers": dict(self._headers)}
        extra: dict[str, Any] = {}
        if parameters:
            extra["parameters"] = list(parameters)
        if request_body is not None:
            extra["requestBody"] = request_body

        def declared(endpoint: E) -> E:
            for method in [methods] if isinstance(methods, str) else methods:
                self.router.add_api_route(
                    path,
                    endpoint,
                    methods=[method],
                    response_model=response_model,
                    status_code=status_code,
                    responses=responses,
                    summary=endpoint.__name__.replace("_", " ").capitalize(),
                    operation_id=f"{endpoint.__name__}_{method.lower()}",
                    openapi_extra=extra or None,
                )
            return endpoint

        return declared


def path_param(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """A part of the address, as OpenAPI describes it."""
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), "description": description}


def query_param(name: str, schema: Mapping[str, Any], description: str, *, required: bool = False) -> dict[str, Any]:
    """A query parameter, as OpenAPI describes it."""
    return {"name": name, "in": "query", "required": required, "schema": dict(schema), "description": description}


ENCODED_SLASH: Final = "\udc2f"
"""Stands in a path for a slash within a segment. Half a surrogate pair is in no path that was decoded from UTF-8."""


class RouteMatch(NamedTuple):
    """A route, and what its address said."""

    endpoint: Endpoint
    path: Mapping[str, str]
    template: str


class MethodNotAllowed(NamedTuple):
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

    def find(self, method: str, path: str) -> RouteMatch | MethodNotAllowed | None:
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
            return RouteMatch(node.endpoints[method], values, node.template)
        verbs = {verb for other in passed for verb in other.endpoints}
        return MethodNotAllowed(tuple(sorted(verbs))) if verbs else None

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

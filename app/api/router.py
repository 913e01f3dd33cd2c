"""Declares the endpoints of a dialect to FastAPI, and finds the endpoint of a request."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from fastapi import APIRouter
from fastapi.routing import APIRoute
from fastapi.types import DecoratedCallable

from app.http.response import ApiResponse

NIL_UUID: Final = "00000000-0000-0000-0000-000000000000"
"""Identifies no row."""

Endpoint = Callable[[Any], Awaitable[ApiResponse]]

ENCODED_SLASH: Final = "\udc2f"
"""Replaces `%2F`, a slash within a segment, in a path. No path decoded from UTF-8 contains half a surrogate pair."""


class RouteMatch(NamedTuple):
    """The route of a request, and the parameters in its path."""

    endpoint: Endpoint
    path_params: dict[str, str]
    route_path: str


class MethodNotAllowed(NamedTuple):
    """The path exists, but not for this method."""

    allowed: tuple[str, ...]


class InputModel(Protocol):
    """A class that reads the input of an endpoint, and describes it as OpenAPI objects."""

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]: ...

    @classmethod
    def request_body(cls) -> dict[str, Any]: ...


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    name: str = ""
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    route_path: str = ""


class DialectRouter(APIRouter):
    """Endpoints of a dialect, declared as any FastAPI routes, and found by a few dictionary look-ups.

    FastAPI makes the OpenAPI document from `routes`. `DialectApp` calls `find_route`, because the contracts demand the
    404 for an unknown path before the key, the body and the parameters are read.
    """

    error_schemas: ClassVar[Mapping[int, Mapping[str, Any]]] = {}
    """What the document says of an error: status to description and model."""
    common_errors: ClassVar[tuple[int, ...]] = ()
    """Statuses of errors that every route can return."""
    form_errors: ClassVar[tuple[int, ...]] = ()
    """Statuses of errors that every route with a form can return."""
    path_params: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Parameters in paths, as OpenAPI describes them: by first segment and name, such as `posts/id`."""
    success_headers: ClassVar[Mapping[str, Any]] = {}
    """Headers of every success, as OpenAPI describes them."""

    def __init__(self, *, tags: Iterable[str] = (), routers: Iterable[APIRouter] = ()) -> None:
        """A router with the routes of `routers`."""
        super().__init__(tags=[*tags], routes=[route for router in routers for route in router.routes])
        self._root = _Node()
        for route in self.routes:
            self._add_to_tree(route)

    def get(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for GET; see `api_route`."""
        return self.api_route(path, methods=["GET"], **options)

    def post(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for POST; see `api_route`."""
        return self.api_route(path, methods=["POST"], **options)

    def put(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for PUT; see `api_route`."""
        return self.api_route(path, methods=["PUT"], **options)

    def delete(self, path: str, **options: Any) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint for DELETE; see `api_route`."""
        return self.api_route(path, methods=["DELETE"], **options)

    def api_route(
        self,
        path: str,
        *,
        methods: list[str] | None = None,
        status_code: int | None = 200,
        errors: Iterable[int] = (),
        form: type[InputModel] | None = None,
        parameters: Iterable[Mapping[str, Any]] = (),
        path_examples: Mapping[str, Any] | None = None,
        irreversible: bool | None = None,
        extra_responses: Mapping[int, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> Callable[[DecoratedCallable], DecoratedCallable]:
        """Declare an endpoint; its docstring becomes the description.

        `errors` are statuses of `error_schemas`; a parameter in the path implies 404. `form` is the query of GET and
        DELETE, and the body of other methods. `parameters` are further parameters, as OpenAPI describes them.
        `path_examples` replace the examples of parameters in the path, by name. The example of an `irreversible`
        operation, by default each DELETE, identifies no row. `extra_responses` are further responses that are not
        errors.
        """
        methods = methods or ["GET"]
        names = re.findall(r"{(\w+)}", path)
        statuses = {*self.common_errors, *errors, *([404] if names else []), *(self.form_errors if form else ())}
        responses = self._describe_responses(status_code or 200, statuses, extra_responses or {})
        if irreversible is None:
            irreversible = methods == ["DELETE"]
        in_path = self._describe_path(path, names, path_examples or {}, irreversible=irreversible)
        openapi_extra = _describe_input([*in_path, *parameters], form, has_body=not {"GET", "DELETE"} & {*methods})

        def declare(endpoint: DecoratedCallable) -> DecoratedCallable:
            for method in methods:
                self.add_api_route(
                    path,
                    endpoint,
                    methods=[method],
                    status_code=status_code,
                    responses=responses,
                    summary=endpoint.__name__.replace("_", " ").capitalize(),
                    operation_id=f"{endpoint.__name__}_{method.lower()}",
                    openapi_extra=openapi_extra or None,
                    **options,
                )
            return endpoint

        return declare

    def _describe_responses(
        self, status_code: int, errors: Iterable[int], extra_responses: Mapping[int, Mapping[str, Any]]
    ) -> dict[int | str, dict[str, Any]]:
        responses: dict[int | str, dict[str, Any]] = {code: dict(self.error_schemas[code]) for code in sorted(errors)}
        responses.update({code: dict(response) for code, response in extra_responses.items()})
        # An endpoint whose declared status is an error never succeeds.
        done = {"description": "Done", **self.error_schemas.get(status_code, {})}
        responses[status_code] = {**done, "headers": dict(self.success_headers)}
        return responses

    def _describe_path(
        self, path: str, names: list[str], examples: Mapping[str, Any], *, irreversible: bool
    ) -> list[dict[str, Any]]:
        params = [dict(self.path_params[f"{path.split('/')[1]}/{name}"]) for name in names]
        for param in params:
            param["example"] = examples.get(param["name"], param["example"])
        if params and irreversible:
            params[-1] = _with_unknown_row(params[-1])
        return params

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """See `APIRouter.add_api_route`."""
        super().add_api_route(path, endpoint, **options)
        self._add_to_tree(self.routes[-1])

    def _add_to_tree(self, route: Any) -> None:
        assert isinstance(route, APIRoute)
        node = self._root
        for segment in route.path.strip("/").split("/"):
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
                node.name = segment.strip("{}")
            else:
                node = node.literals.setdefault(segment, _Node())
        node.route_path = route.path
        for method in route.methods or ():
            assert method not in node.endpoints, f"{method} {route.path} is declared twice"
            node.endpoints[method] = route.endpoint

    def find_route(self, method: str, path: str) -> RouteMatch | MethodNotAllowed | None:
        """The route of a method and a path such as `/posts/3`; None for an unknown path.

        Literal segments win over parameters where the method has them: `GET /posts/search_duplicates` is a search,
        `PATCH` of the same path looks for a post of that name. A slash at the end makes no difference.
        """
        segments = path[1:].rstrip("/").split("/")
        values: dict[str, str] = {}
        other_methods: list[_Node] = []
        node = _find_node(self._root, segments, 0, values, method, other_methods)
        if node is not None:
            if ENCODED_SLASH in path:
                values = {name: value.replace(ENCODED_SLASH, "/") for name, value in values.items()}
            return RouteMatch(node.endpoints[method], values, node.route_path)
        allowed = {verb for other in other_methods for verb in other.endpoints}
        return MethodNotAllowed(tuple(sorted(allowed))) if allowed else None


def _find_node(
    node: _Node, segments: list[str], index: int, values: dict[str, str], method: str, other_methods: list[_Node]
) -> _Node | None:
    """The node that has the method; `other_methods` collects those that have the path, but not the method."""
    if index == len(segments):
        if method in node.endpoints:
            return node
        other_methods.append(node)
        return None
    segment = segments[index]
    literal = node.literals.get(segment)
    if literal is not None:
        match = _find_node(literal, segments, index + 1, values, method, other_methods)
        if match is not None:
            return match
    if node.parameter is None or not segment:
        return None
    match = _find_node(node.parameter, segments, index + 1, values, method, other_methods)
    if match is not None:
        values[node.parameter.name] = segment
    return match


def path_param(name: str, schema: Mapping[str, Any], description: str, *, example: Any) -> dict[str, Any]:
    """A path parameter, as OpenAPI describes it."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": dict(schema),
        "description": description,
        "example": example,
    }


def query_param(
    name: str, schema: Mapping[str, Any], description: str, *, example: Any, required: bool = False
) -> dict[str, Any]:
    """A query parameter, as OpenAPI describes it.

    The interactive page fills in the `example` of a parameter, but not the `examples` of its schema. An optional one is
    not filled in: its example is a value of the sample portal, and with it a list of another portal would be empty.
    """
    described = {"name": name, "in": "query", "required": required, "description": description}
    if required:
        return {**described, "schema": dict(schema), "example": example}
    return {**described, "schema": dict(schema) if example is None else {**schema, "examples": [example]}}


def _describe_input(
    parameters: list[Mapping[str, Any]], form: type[InputModel] | None, *, has_body: bool
) -> dict[str, Any]:
    """The members of an OpenAPI operation for these parameters and a form, which is the body or the query."""
    if form is not None and not has_body:
        parameters = [*parameters, *form.parameters()]
    described: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if form is not None and has_body:
        described["requestBody"] = form.request_body()
    return described


def _with_unknown_row(param: Mapping[str, Any]) -> dict[str, Any]:
    """The parameter with an example that identifies no row, so that a request with it destroys nothing."""
    example = param["example"]
    unknown: Any = 0 if isinstance(example, int) else "0" if example.isdigit() else NIL_UUID
    description = f"{param['description']}. The example identifies none, so that it destroys nothing."
    return {**param, "description": description, "example": unknown}

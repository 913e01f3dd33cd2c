"""How a chapter of a contract is declared to FastAPI: verbs, addresses, input, answers and refusals."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.routing import Endpoint

E = TypeVar("E", bound=Endpoint)


class Chapter:
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
        answers: type[BaseModel] | Any,
        status: int = 200,
        may_refuse: Iterable[int] = (),
        parameters: Iterable[Mapping[str, Any]] = (),
        body: Mapping[str, Any] | None = None,
        also: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> Callable[[E], E]:
        """Declare an endpoint; its docstring becomes the description.

        `parameters` and `body` are OpenAPI objects, made from the class that also reads the input. `also` are further
        answers that are not refusals.
        """
        responses: dict[int | str, dict[str, Any]] = {
            code: dict(self._refusals[code]) for code in sorted({*self._always, *may_refuse})
        }
        for code, answer in (also or {}).items():
            responses[code] = dict(answer)
        responses[status] = {"description": "Done", "headers": dict(self._headers)}
        extra: dict[str, Any] = {}
        if parameters:
            extra["parameters"] = list(parameters)
        if body is not None:
            extra["requestBody"] = body

        def declared(endpoint: E) -> E:
            for method in [methods] if isinstance(methods, str) else methods:
                self.router.add_api_route(
                    path,
                    endpoint,
                    methods=[method],
                    response_model=answers,
                    status_code=status,
                    responses=responses,
                    summary=endpoint.__name__.replace("_", " ").capitalize(),
                    operation_id=f"{endpoint.__name__}_{method.lower()}",
                    openapi_extra=extra or None,
                )
            return endpoint

        return declared


def in_path(name: str, schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """A part of the address, as OpenAPI describes it."""
    return {"name": name, "in": "path", "required": True, "schema": dict(schema), "description": description}


def in_query(name: str, schema: Mapping[str, Any], description: str, *, required: bool = False) -> dict[str, Any]:
    """A query parameter, as OpenAPI describes it."""
    return {"name": name, "in": "query", "required": required, "schema": dict(schema), "description": description}

"""Responses to requests that are generated from the OpenAPI documents conform to these documents."""

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import given, seed
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.settings import Settings
from tests.api.test_generated_input import GENERATE
from tests.support import routes
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.support.live_server import serve_in_thread
from tests.support.routes import DIALECTS, Route
from tests.support.sample_portal import SamplePortal, fill_place, inputs, populate

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Off, because they demand what the contracts forbid:
#   negative_data_rejection     both dialects read input generously: "5abc" is 5, unknown members are ignored
#   positive_data_acceptance    what a schema allows may name nothing, be taken already, or be past a rule across fields
#   unsupported_method          Astuto answers 404, not 405, to a verb that it does not know
#   missing_required_header     there is none but the key, and that is held by tests of its own
#   ignored_auth                the same: other tests send invalid keys and none to every route
#   use_after_free, ensure_resource_availability, object_level_authorization
#                               need links between operations, which the documents don't have; the tests of isolation,
#                               of races and of each route hold what they look for
#   max_response_time           no test of ours is timed


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_every_response_matches_the_openapi_document(
    make: Factory, settings: Settings, anyone: Client, dialect: str
) -> None:
    token = await make.key(make.owner, dialect)
    declared = {f"{route.method} {route.path}": route for route in routes.of_dialect(dialect)}
    sample = {label: await populate(make, make.portal, make.owner) for label in declared}
    document = (await anyone.of(None, base=f"/{dialect}/api/v1").get("/openapi.json")).json()
    # Otherwise half of the requests would have a generated key and be rejected for it.
    del document["security"], document["components"]["securitySchemes"]
    with warnings.catch_warnings():
        # Warnings about schemathesis itself, such as a schema that no value violates.
        warnings.simplefilter("ignore")
        operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    assert sorted(operation.label for operation in operations) == sorted(declared)

    failures: list[str] = []
    answered: Counter[int] = Counter()
    with serve_in_thread(settings) as address, requests.Session() as session:
        session.headers["authorization"] = f"Bearer {token}"
        for operation in operations:
            route, known = declared[operation.label], sample[operation.label]

            def judge(case: Case, documented: int = route.status) -> int:
                response = case.call(base_url=f"{address}/{dialect}/api/v1", session=session)
                # 501 is the documented outcome of what this server does not have.
                is_refusal = response.status_code == documented == 501
                case.validate_response(response, checks=CHECKS[1:] if is_refusal else CHECKS)
                answered[response.status_code] += 1
                return response.status_code

            try:
                assert judge(_usual(operation, route, known)) == route.status, operation.label
                for mode in GenerationMode:
                    for places in ({}, _places(route, known)) if route.places else ({},):
                        _judge_generated(operation, mode, places, judge)
            except (Failure, FailureGroup) as failure:
                failures.append(f"{operation.label}: {failure}")
    assert failures == []
    assert sum(answered.values()) > 10 * len(operations)


def _usual(operation: APIOperation, route: Route, sample: SamplePortal) -> Case:
    """A request that succeeds. Generated requests to many routes never do."""
    sent: dict[str, Any] = {"path_parameters": _places(route, sample)}
    usual = {name: value for name, value in inputs(route, sample).items() if value is not None}
    if route.method == "GET":
        sent["query"] = {name: str(value) for name, value in usual.items()}
    elif usual:
        sent |= {"body": usual, "media_type": "application/json"}
    return operation.Case(**sent)


def _judge_generated(
    operation: APIOperation, mode: GenerationMode, places: dict[str, str], judge: Callable[[Case], int]
) -> None:
    strategy = operation.as_strategy(generation_mode=mode, **({"path_parameters": places} if places else {}))

    @seed(1)
    @GENERATE
    @given(case=strategy)
    def generated(case: Case) -> None:
        judge(case)

    try:
        generated()
    except Unsatisfiable:
        # No value violates the schema.
        assert mode is GenerationMode.NEGATIVE


def _places(route: Route, sample: SamplePortal) -> dict[str, str]:
    return {place: fill_place(route, place, sample) for place in route.places}

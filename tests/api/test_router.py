"""How the routes of a dialect are declared to FastAPI, and how the route of a request is found."""

import pytest

from app.api.productlift.responses import ProductLiftRouter
from app.api.request import ApiRequest
from app.api.router import ENCODED_SLASH, DialectRouter, MethodNotAllowed, RouteMatch
from app.http.response import ApiResponse

posts = ProductLiftRouter(tags=["Posts"])


@posts.get("/posts/{post}", response_model=None)
async def show_post(request: ApiRequest) -> ApiResponse:
    """One post."""
    return ApiResponse(200, b"")


@posts.get("/posts/search", response_model=None)
async def search_posts(request: ApiRequest) -> ApiResponse:
    return ApiResponse(200, b"")


@posts.api_route("/posts/{post}", methods=["PUT", "PATCH"], response_model=None)
async def update_post(request: ApiRequest) -> ApiResponse:
    return ApiResponse(200, b"")


@pytest.fixture
def router() -> DialectRouter:
    return DialectRouter(routers=[posts])


@pytest.mark.parametrize(
    ("method", "path", "match"),
    [
        ("GET", "/posts/3", RouteMatch(show_post, {"post": "3"}, "/posts/{post}")),
        ("GET", "/posts/3/", RouteMatch(show_post, {"post": "3"}, "/posts/{post}")),
        ("GET", f"/posts/a{ENCODED_SLASH}b", RouteMatch(show_post, {"post": "a/b"}, "/posts/{post}")),
        ("GET", "/posts/search", RouteMatch(search_posts, {}, "/posts/search")),
        ("PATCH", "/posts/search", RouteMatch(update_post, {"post": "search"}, "/posts/{post}")),
        ("DELETE", "/posts/3", MethodNotAllowed(("GET", "PATCH", "PUT"))),
        ("GET", "/posts", None),
        ("GET", "/posts/", None),
        ("GET", "/posts/3/votes", None),
    ],
)
def test_a_literal_segment_takes_precedence_if_it_has_the_method(
    router: DialectRouter, method: str, path: str, match: RouteMatch | MethodNotAllowed | None
) -> None:
    assert router.find_route(method, path) == match


def test_each_method_has_a_separate_operation() -> None:
    operations = [route.operation_id for route in posts.routes]

    assert operations == ["show_post_get", "search_posts_get", "update_post_put", "update_post_patch"]


def test_a_route_can_be_declared_only_once() -> None:
    with pytest.raises(AssertionError, match=r"GET /posts/\{post\} is declared twice"):
        DialectRouter(routers=[posts, posts])

"""Tabs and the portal in ProductLift's dialect. docs/contracts/productlift.md, sections 7.5 to 7.7, 9.7 and 9.9."""

from typing import Final

from app.api.productlift import path_params, portal_serializers, responses
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes import post_list
from app.api.productlift.routes.post_list import ListPosts
from app.api.productlift.schemas import Portal, Post, Tab, TabData, data_of, list_of, page_of
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.portals import portals, statuses, tabs
from app.domain.unit_of_work import Row, UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Tabs"])
portal_router = ProductLiftRouter(tags=["Portal"])

FILTERS: Final = [param for param in ListPosts.parameters() if param["name"] != "tab"]


@router.get("/tabs", response_model=list_of(Tab))
async def list_tabs(request: ApiRequest) -> ApiResponse:
    """All tabs of the portal, in their order."""
    return await responses.list_rows(request, tabs.list_all, portal_serializers.serialize_tab)


@router.get("/tabs/{key}", response_model=TabData)
async def show_tab(request: ApiRequest) -> ApiResponse:
    """A tab and its statuses."""
    return await request.read(lambda work: tab_response(work, request.path_params["key"]))


@router.get("/tabs/{key}/fetch", response_model=page_of(Post), parameters=FILTERS, errors=[422])
async def fetch_tab(request: ApiRequest) -> ApiResponse:
    """The posts on a tab, filtered and sorted as in the list of all posts, a page at a time."""
    tab_url = await request.read(lambda work: str(find_tab(work, request.path_params["key"])[2]))
    return await post_list.page(request, ListPosts.parse({**request.params, "tab": tab_url}))


@portal_router.get("/portal", response_model=data_of(Portal))
async def show_portal(request: ApiRequest) -> ApiResponse:
    """The portal that the key belongs to."""

    def get(work: UnitOfWork) -> ApiResponse:
        return responses.data_response(portal_serializers.serialize_portal(portals.get_current(work)))

    return await request.read(get)


def tab_response(work: UnitOfWork, key: str) -> ApiResponse:
    """200 with the tab of this id or URL key, and its statuses. Raises NotFound("tab")."""
    row = find_tab(work, key)
    payloads = [portal_serializers.serialize_status(status) for status in statuses.of_tab(work, row[0])]
    return responses.data_response({**portal_serializers.serialize_tab(row), "statuses": payloads})


def find_tab(work: UnitOfWork, key: str) -> Row:
    """The tab with this id or, if there is none, with this URL key. Raises NotFound("tab")."""
    if "\0" in key:
        raise NotFound("tab")
    try:
        return tabs.get(work, path_params.number(key))
    except NotFound:
        return tabs.by_url(work, key)

"""Tabs and the portal in ProductLift's dialect. docs/contracts/productlift.md, sections 7.5 to 7.7 and 9.7."""

from app.api.productlift import path_params, responses, serializers
from app.api.productlift.responses import chapter
from app.api.productlift.routes import post_list
from app.api.productlift.schemas import PortalData, PostPage, TabData, TabList
from app.api.request import Call
from app.api.router import in_path
from app.domain.errors import NotFound
from app.domain.portals import portals, statuses, tabs
from app.domain.unit_of_work import Row, Work
from app.http.request import Answer

tabs_chapter = chapter("Tabs")
portal_chapter = chapter("Portal")

KEY = in_path("key", {"type": "string"}, "The tab's number or its URL key")


@tabs_chapter.route("GET", "/tabs", answers=TabList)
async def list_tabs(call: Call) -> Answer:
    """All tabs of the portal, in their order."""

    def every(work: Work) -> Answer:
        return responses.data([serializers.tab(row) for row in tabs.every(work)])

    return await call.reading(every)


@tabs_chapter.route("GET", "/tabs/{key}", answers=TabData, parameters=[KEY], may_refuse=[404])
async def show_tab(call: Call) -> Answer:
    """A tab and its statuses."""

    def get(work: Work) -> Answer:
        row = tab_of(work, call.path["key"])
        shown = [serializers.status(status) for status in statuses.of_tab(work, row[0])]
        return responses.data({**serializers.tab(row), "statuses": shown})

    return await call.reading(get)


@tabs_chapter.route(
    "GET",
    "/tabs/{key}/fetch",
    answers=PostPage,
    parameters=[KEY, *post_list.OF_A_TAB.parameters()],
    may_refuse=[404, 422],
)
async def fetch_tab(call: Call) -> Answer:
    """The posts on a tab, filtered and sorted as in the list of all posts, a page at a time."""
    tab_url = await call.reading(lambda work: str(tab_of(work, call.path["key"])[2]))
    wanted = post_list.OF_A_TAB.read(call.asked)
    return await post_list.page(call, {**wanted, "tab": tab_url})


@portal_chapter.route("GET", "/portal", answers=PortalData)
async def show_portal(call: Call) -> Answer:
    """The portal that the key belongs to."""

    def get(work: Work) -> Answer:
        _, guid, title, locale, *_ = portals.mine(work)
        return responses.data({"guid": guid, "title": title, "localization": locale})

    return await call.reading(get)


def tab_of(work: Work, key: str) -> Row:
    """The tab that the key names: digits are a number first, then anything is a URL key. Raises NotFound("tab")."""
    if "\0" in key:
        raise NotFound("tab")
    try:
        return tabs.get(work, path_params.number(key))
    except NotFound:
        return tabs.by_url(work, key)

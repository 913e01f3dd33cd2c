"""Tabs and the portal in ProductLift's dialect. docs/contracts/productlift.md, sections 7.5 to 7.7 and 9.7."""

from app.api.calls import Answer, Call
from app.api.declaring import in_path
from app.api.productlift import answers, listing, paths, shapes
from app.api.productlift.answers import chapter
from app.api.productlift.models import PortalData, PostPage, TabData, TabList
from app.domain import portals, statuses, tabs
from app.domain.refusals import NotFound
from app.domain.work import Row, Work

tabs_chapter = chapter("Tabs")
portal_chapter = chapter("Portal")

KEY = in_path("key", {"type": "string"}, "The tab's number or its URL key")


@tabs_chapter.route("GET", "/tabs", answers=TabList)
async def list_tabs(call: Call) -> Answer:
    """All tabs of the portal, in their order."""

    def every(work: Work) -> Answer:
        return answers.data([shapes.tab(row) for row in tabs.every(work)])

    return await call.reading(every)


@tabs_chapter.route("GET", "/tabs/{key}", answers=TabData, parameters=[KEY], may_refuse=[404])
async def show_tab(call: Call) -> Answer:
    """A tab and its statuses."""

    def get(work: Work) -> Answer:
        row = tab_of(work, call.path["key"])
        shown = [shapes.status(status) for status in statuses.of_tab(work, row[0])]
        return answers.data({**shapes.tab(row), "statuses": shown})

    return await call.reading(get)


@tabs_chapter.route(
    "GET",
    "/tabs/{key}/fetch",
    answers=PostPage,
    parameters=[KEY, *listing.OF_A_TAB.parameters()],
    may_refuse=[404, 422],
)
async def fetch_tab(call: Call) -> Answer:
    """The posts on a tab, filtered and sorted as in the list of all posts, a page at a time."""
    tab_url = await call.reading(lambda work: str(tab_of(work, call.path["key"])[2]))
    wanted = listing.OF_A_TAB.read(call.asked)
    return await listing.page(call, {**wanted, "tab": tab_url})


@portal_chapter.route("GET", "/portal", answers=PortalData)
async def show_portal(call: Call) -> Answer:
    """The portal that the key belongs to."""

    def get(work: Work) -> Answer:
        _, guid, title, locale, *_ = portals.mine(work)
        return answers.data({"guid": guid, "title": title, "localization": locale})

    return await call.reading(get)


def tab_of(work: Work, key: str) -> Row:
    """The tab that the key names: digits are a number first, then anything is a URL key. Raises NotFound("tab")."""
    if "\0" in key:
        raise NotFound("tab")
    try:
        return tabs.get(work, paths.number(key))
    except NotFound:
        return tabs.by_url(work, key)

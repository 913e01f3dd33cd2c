"""Rules of tabs that no API reaches."""

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.portals import sections, tabs
from tests.support.errors import error_from
from tests.support.factory import Factory


async def test_a_tab_is_added_at_the_end_and_edited(make: Factory) -> None:
    new = await make.act(lambda work: tabs.add(work, name="Help", url="help", kind="knowledgebase"))
    await make.act(lambda work: tabs.edit(work, new, name="Manual"))

    assert tuple(await make.act(lambda work: tabs.get(work, new))) == (new, "Manual", "help", "knowledgebase")
    assert [row[0] for row in await make.act(tabs.list_all)] == [*sorted(make.tabs.values()), new]
    assert tuple(await make.act(lambda work: tabs.by_url(work, "help"))) == (new, "Manual", "help", "knowledgebase")


async def test_the_url_of_a_tab_is_unique(make: Factory) -> None:
    taken = await error_from(make.act(lambda work: tabs.add(work, name="Other", url="roadmap")), ValidationFailed)
    also = await error_from(
        make.act(lambda work: tabs.edit(work, make.tabs["feedback"], url="roadmap")), ValidationFailed
    )

    assert taken.errors == also.errors == [FieldError("url", "taken")]
    assert await make.value("SELECT count(*) FROM tabs WHERE url = 'roadmap'") == 1


async def test_a_tab_in_use_can_not_be_deleted(make: Factory) -> None:
    empty = await make.act(lambda work: tabs.add(work, name="Empty", url="empty"))
    sectioned = await make.act(lambda work: tabs.add(work, name="Sectioned", url="sectioned"))
    await make.act(lambda work: sections.add(work, title="Later", tab_id=sectioned))

    for used in (make.tabs["feedback"], sectioned):
        in_use = await error_from(make.act(lambda work, tab=used: tabs.delete(work, tab)), Conflict)
        assert in_use.code == "tab.in_use"
    await make.act(lambda work: tabs.delete(work, empty))
    assert (await error_from(make.act(lambda work: tabs.delete(work, empty)), NotFound)).resource == "tab"

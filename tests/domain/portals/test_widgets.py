"""Rules of widgets: which tab one shows, and which sites may embed it."""

import pytest

from app.domain.errors import FieldError, NotFound, ValidationFailed
from app.domain.portals import tabs, widgets
from tests.support.errors import error_from
from tests.support.factory import Factory


async def test_a_widget_shows_its_tab_or_the_first_one(make: Factory) -> None:
    of_roadmap, of_first = await make.widget(tab="roadmap"), await make.widget()

    async def tab_of(widget: str) -> str:
        return await make.act(lambda work: widgets.find_tab_url(work, widget))

    assert [await tab_of(widget) for widget in (of_roadmap, of_first)] == ["roadmap", "feedback"]
    await make.act(lambda work: tabs.reorder(work, [make.tabs["changelog"]]))
    assert [await tab_of(widget) for widget in (of_roadmap, of_first)] == ["roadmap", "changelog"]


async def test_the_widget_of_a_deleted_tab_shows_the_first_one(make: Factory) -> None:
    help_tab = await make.act(lambda work: tabs.add(work, name="Help", url="help"))
    widget = await make.act(
        lambda work: widgets.add(work, name="Help", kind="embed", tab_id=help_tab, frame_ancestors="*")
    )

    await make.act(lambda work: tabs.delete(work, help_tab))

    assert await make.act(lambda work: widgets.find_tab_url(work, widget)) == "feedback"


async def test_without_a_tab_a_widget_shows_nothing(make: Factory) -> None:
    widget = await make.widget()
    await make.run("DELETE FROM statuses")
    await make.run("DELETE FROM tabs")

    error = await error_from(make.act(lambda work: widgets.find_tab_url(work, widget)), NotFound)

    assert error.resource == "tab"


async def test_an_edit_changes_only_what_is_given(make: Factory) -> None:
    widget = await make.widget("Help", kind="sidebar", tab="roadmap", frame_ancestors="https://a.example")

    async def row() -> tuple[str, ...]:
        return tuple(await make.act(lambda work: widgets.by_uuid(work, widget)))[1:]

    before = await row()
    await make.act(lambda work: widgets.edit(work, widget))
    assert await row() == before == (widget, "Help", "sidebar", "roadmap", "https://a.example")
    await make.act(lambda work: widgets.edit(work, widget, name="Ideas", kind="embed"))
    assert await row() == (widget, "Ideas", "embed", "roadmap", "https://a.example")
    await make.act(lambda work: widgets.edit(work, widget, tab_id=None, frame_ancestors="*"))
    assert await row() == (widget, "Ideas", "embed", None, "*")
    await make.act(lambda work: widgets.edit(work, widget, tab_id=make.tabs["changelog"]))
    assert await row() == (widget, "Ideas", "embed", "changelog", "*")


async def test_a_widget_can_not_show_the_tab_of_another_portal(make: Factory) -> None:
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    widget = await make.widget(tab="roadmap")
    foreign = await make.value("SELECT min(id) FROM tabs WHERE portal_id = :p", p=other)

    for operation in (
        lambda work: widgets.add(work, name="Help", kind="widget", tab_id=foreign, frame_ancestors="*"),
        lambda work: widgets.edit(work, widget, tab_id=foreign),
    ):
        assert (await error_from(make.act(operation), NotFound)).resource == "tab"
    for operation in (
        lambda work: widgets.by_uuid(work, widget),
        lambda work: widgets.edit(work, widget, name="Theirs"),
        lambda work: widgets.delete(work, widget),
    ):
        assert (await error_from(make.act(operation, portal=other), NotFound)).resource == "widget"
    assert await make.rows("SELECT name, tab_id FROM widgets") == [{"name": "Help", "tab_id": make.tabs["roadmap"]}]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("*", "*"),
        ("'self'", "'self'"),
        ("https://example.com", "https://example.com"),
        ("  HTTPS://Example.com:8443\n http://localhost  'SELF' ", "https://example.com:8443 http://localhost 'self'"),
        ("https://*.example.com https://a.example https://*.example.com", "https://*.example.com https://a.example"),
    ],
)
def test_frame_ancestors_are_normalized(text: str, parsed: str) -> None:
    assert widgets.parse_frame_ancestors(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "example.com",
        "https://",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?x",
        "https://user@example.com",
        "https://example.com:port",
        "https://exämple.com",
        "https://a.example,https://b.example",
        "https://a.example; script-src *",
        "ftp://example.com",
        "data:",
        "https:",
        "'none'",
        "'unsafe-inline'",
        "self",
        "**",
        "https://*",
        "https://a.*.example",
        "https://a..example",
    ],
)
def test_invalid_frame_ancestors_are_rejected(text: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        widgets.parse_frame_ancestors(text)

    assert caught.value.errors == [FieldError("frame_ancestors", "invalid")]


def test_the_length_of_frame_ancestors_is_limited() -> None:
    origins = [f"https://number{number:04}.example" for number in range(1000)]
    fitting = " ".join(origins)[: widgets.MAX_FRAME_ANCESTORS].rpartition(" ")[0]

    assert widgets.parse_frame_ancestors(fitting) == fitting
    with pytest.raises(ValidationFailed) as caught:
        widgets.parse_frame_ancestors(" ".join(origins))
    assert caught.value.errors == [FieldError("frame_ancestors", "too_long", {"maximum": widgets.MAX_FRAME_ANCESTORS})]

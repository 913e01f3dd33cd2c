"""The public pages of a private portal, and posts that are hidden."""

from urllib.parse import urlencode

from app.domain.portals import portals, tabs
from app.domain.posts import moderation
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.test_widgets import IN_FRAME, UNKNOWN, titles, visitor

__all__ = ["visitor"]

PUBLIC_PATHS = (
    "/t/roadmap",
    "/posts/dark-mode",
    "/p/dark-mode-{code}",
    "/p/dark-mode-{code}/edit",
)


async def test_a_private_portal_has_no_public_pages(make: Factory, visitor: Client, productlift: Client) -> None:
    post = await make.post(title="Dark mode", status="Planned")
    pages = [path.format(code=await make.code(post)) for path in PUBLIC_PATHS]
    widget = await make.widget()
    pages.append(f"/t/roadmap?widget_id={widget}")
    of_widget = [f"/widgets/{widget}", "/embedded_roadmap"]
    statuses = {path: (await visitor.get(path)).status_code for path in pages + of_widget}
    assert set(statuses.values()) == {200, 302}

    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    # A page leads to the page of sign-in, whether it exists or not.
    for path in (*pages, "/", "/t/nothing", "/p/zzzzzz", "/p/zzzzzz/edit"):
        page = await visitor.get(path)
        assert (page.status_code, page.text) == (303, ""), path
        assert page.headers["location"] == f"/login?{urlencode({'next': path})}"
    for path, missing in zip(of_widget, (f"/widgets/{UNKNOWN}", "/embedded_roadmap?x=1"), strict=True):
        page = await visitor.get(path)
        assert (page.status_code, page.text) == (404, (await visitor.get(missing)).text), path
        assert "Dark mode" not in page.text
    framed = []
    for path in (f"/t/roadmap?widget_id={widget}", f"/t/roadmap?widget_id={UNKNOWN}"):
        framed.append(await visitor.get(path, headers=IN_FRAME))
    assert [page.status_code for page in framed] == [404, 404]
    assert framed[0].text == framed[1].text
    # Its APIs, and the pages about the server, are the same as before.
    assert (await productlift.get("/posts")).json()["total"] == 1
    assert {(await visitor.get(path)).status_code for path in ("/docs", "/widgets_sdk", "/health")} == {200}
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=False))
    assert {path: (await visitor.get(path)).status_code for path in pages + of_widget} == statuses


async def test_only_the_private_portal_is_hidden(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True), portal=other)

    pages = [
        (await visitor.of(None, base="", host=f"http://{host}.example.com").get("/t/roadmap")).status_code
        for host in ("feedback", "ideas", "elsewhere")
    ]

    assert pages == [200, 303, 404]


async def test_a_hidden_post_leaves_its_tab_at_once(make: Factory, visitor: Client) -> None:
    post = await make.post(title="Dark mode", status="Planned")
    assert titles(await visitor.get("/t/roadmap")) == ["Dark mode"]

    await make.act(lambda work: moderation.set(work, post, "rejected"))

    assert titles(await visitor.get("/t/roadmap")) == []
    await make.act(lambda work: tabs.edit(work, make.tabs["roadmap"], url="plans"))
    assert (await visitor.get("/t/roadmap")).status_code == 404
    assert (await visitor.get("/t/plans")).status_code == 200

"""What all pages of a portal have in common: compression, cached rows, names beside translated texts."""

import re
from html import unescape
from urllib.parse import quote

import pytest

from app.domain.portals import categories, portals, statuses
from app.domain.posts import visible_posts
from app.domain.users import sessions
from tests.support.clients import Client
from tests.support.factory import Factory

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


async def test_a_page_is_compressed_for_clients_that_accept_it(anyone: Client, make: Factory) -> None:
    await make.post(title="Dark mode")
    visitor = anyone.of(None, base="")

    compressed = await visitor.get("/", headers={"accept-encoding": "br, gzip"})
    plain = await visitor.get("/", headers={"accept-encoding": "gzip;q=0"})

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert [TOKEN.sub("", page.text) for page in (compressed, plain)] == [TOKEN.sub("", plain.text)] * 2
    assert int(compressed.headers["content-length"]) < len(plain.content) / 2
    for page in (compressed, plain):
        assert "Accept-Encoding" in page.headers["vary"].split(", ")


async def test_the_size_of_a_compressed_page_varies(anyone: Client, make: Factory) -> None:
    visitor = anyone.of(None, base="")

    sizes = {(await visitor.get("/?q=secret")).headers["content-length"] for _ in range(30)}

    # Otherwise a site that makes a browser request it could learn the page from its size.
    assert len(sizes) > 10


async def test_the_description_of_a_list_is_plain_text(anyone: Client, make: Factory) -> None:
    visitor = anyone.of(None, base="")
    welcome = "## Hello\n\nWe *read* [everything](https://example.com/x) & answer."
    await make.act(lambda work: portals.update_setting(work, setting="welcome_text", value=welcome))

    for path, text in (("/", "Hello We read everything &amp; answer."), ("/boards/feature-requests", "Feedback")):
        page = await visitor.get(path)
        assert f'<meta name="description" content="{text}">' in page.text


@pytest.mark.parametrize("mine", ["posted", "voted", "followed"])
async def test_a_visitor_who_asks_for_own_posts_can_sign_in(anyone: Client, make: Factory, mine: str) -> None:
    visitor = anyone.of(None, base="")

    response = await visitor.get(f"/boards/feature-requests?mine={mine}&sort=top")

    next_path = quote(f"/boards/feature-requests?mine={mine}&sort=top", safe="")
    assert (response.status_code, response.headers["location"]) == (303, f"/login?next={next_path}")


async def test_a_cached_row_has_the_tokens_and_the_state_of_its_viewer(anyone: Client, make: Factory) -> None:
    user = await make.user()
    post = await make.post(title="Dark mode")
    await make.vote(post, user)
    token = await make.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=""))
    visitor, reader = anyone.of(None, base=""), anyone.of(None, base="")
    reader.cookies.set("earshot_session", token)

    first = await visitor.get("/")
    own = await reader.get("/?sort=newest&q=")
    second = await visitor.get("/?sort=top")

    tokens = [set(TOKEN.findall(page.text)) for page in (first, own, second)]
    assert [len(each) for each in tokens] == [1, 1, 1]
    assert len(set.union(*tokens)) == 3
    pressed = [re.findall('aria-pressed="([a-z]+)"', page.text) for page in (first, own, second)]
    assert pressed == [["false"], ["true"], ["false"]]
    assert 'name="next" value="/?sort=newest&amp;q="' in own.text
    assert 'name="next" value="/?sort=top"' in second.text


async def test_a_row_shows_the_newest_counts(anyone: Client, make: Factory) -> None:
    post = await make.post(title="Dark mode")
    visitor = anyone.of(None, base="")

    before = await visitor.get("/")
    await make.vote(post, await make.user())
    after = await visitor.get("/")

    assert [re.findall('vote-count">([0-9]+)', page.text) for page in (before, after)] == [["0"], ["1"]]


async def test_a_list_that_ends_before_the_last_post_says_so(
    anyone: Client, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visible_posts, "MAX_LISTED", visible_posts.PAGE_POSTS)
    for _ in range(visible_posts.PAGE_POSTS):
        await make.post()
    visitor = anyone.of(None, base="")

    whole = await visitor.get("/?sort=newest")
    await make.post()
    cut = await visitor.get("/?sort=newest")

    assert "posts are listed" not in whole.text
    assert "Filters or a search find the others." in cut.text
    assert 'rel="next"' not in cut.text
    assert "Nothing found" in (await visitor.get("/?sort=newest&page=2")).text


async def test_the_links_of_a_list_keep_the_other_filters(anyone: Client, make: Factory) -> None:
    await make.post(title="Dark & light")
    status, category = make.statuses["Planned"], await make.category("Speed")
    visitor = anyone.of(None, base="")

    page = await visitor.get(f"/boards/bug-reports?status={status}&category={category}&q=a%26b+%C3%A9&sort=top")

    links = {unescape(link) for link in re.findall('href="([^"]+)"', page.text)}
    rest = f"category={category}&q=a%26b+%C3%A9"
    assert {
        f"/boards/bug-reports?{rest}&sort=top",
        f"/boards/bug-reports?status={status}&q=a%26b+%C3%A9&sort=top",
        f"/boards/bug-reports?status={status}&{rest}",
        f"/boards/bug-reports?status={status}&{rest}&sort=newest",
        f"/?status={status}&{rest}&sort=top",
    } <= links


async def test_names_of_filters_are_shown_as_they_are(anyone: Client, make: Factory) -> None:
    name = "100% <b>%(num)s"
    status = await make.act(lambda work: statuses.add(work, name=name, tab_id=make.tabs["roadmap"]))
    await make.act(lambda work: categories.add(work, name=name))
    visitor = anyone.of(None, base="")

    for path in ("/", f"/?status={status}"):
        page = await visitor.get(path)

        assert page.status_code == 200
        assert page.text.count("100% &lt;b&gt;%(num)s") == (2 if path == "/" else 3)
        assert "<b>%" not in page.text

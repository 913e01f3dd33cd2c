"""What of a post anybody may see."""

from itertools import product

import pytest
from sqlalchemy import select

from app.domain.models import Post
from app.domain.models.posts import MODERATION_STATES
from app.domain.portals import portals
from app.domain.posts import attachments, filters, moderation, public, publishing
from app.domain.posts.filters import PostFilter
from app.domain.posts.queries import INDEXED, PostQuery
from app.domain.search import post_index, posts
from app.domain.search.posts import Visibility
from app.domain.sql.statement import PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork
from tests.support.clients import Client
from tests.support.factory import Factory

IDS = PostQuery((Post.id,))
PUBLIC_POSTS = Statement(select(Post.id).where(Post.portal_id == PORTAL_ID, publishing.IS_PUBLIC))
MAX_POSTS = 50


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("jane.doe@example.com", "jane.doe"),
        ("jane@localhost", "jane"),
        ("Jane Doe", "Jane Doe"),
        ("Jane Doe <jane@example.com>", "Jane Doe <jane>"),
        ("Jane (jane@example.com), or jim@example.com", "Jane (jane), or jim"),
        ("jörg@größe.example", "jörg"),
        ("jane@[192.0.2.1]", "jane"),
        ('"jane doe"@example.com', '"jane doe"'),
        ("jane@@example.com", "jane"),
        ("jane\uff20example.com", "jane"),
        ("@jane", "@jane"),
        ("Jane @ work", "Jane @ work"),
        ("", ""),
    ],
)
def test_a_public_name_contains_no_email(name: str, shown: str) -> None:
    assert public.public_name(name) == shown


async def make_posts(make: Factory, *, is_indexed_first: bool) -> dict[tuple[str, bool, str | None], int]:
    """A post of each moderation state, published or not, with and without a status; by these three.

    All are in the index of the search: as they are, or as public posts that were hidden later.
    """
    made = {
        state: await make.post(title=f"Dark mode {number}", description="A theme for the night", status=state[2])
        for number, state in enumerate(product(MODERATION_STATES, (True, False), ("Planned", None)))
    }
    if is_indexed_first:
        await make.act(post_index.index_new_posts)
    for (state, is_published, _), post in made.items():
        await make.act(lambda work, post=post, state=state: moderation.set(work, post, state))  # type: ignore[misc]
        if not is_published:
            await make.act(lambda work, post=post: publishing.toggle(work, post))  # type: ignore[misc]
    await make.act(post_index.index_new_posts)
    assert not await make.act(post_index.has_new_posts)
    return made


def list_public(work: UnitOfWork, **more: object) -> set[int]:
    """The posts that the filter of lists finds, whatever the order, and as many as the counters say."""
    post_filter = PostFilter(public=True, **more)  # type: ignore[arg-type]
    found = {
        order: [row[0] for row in IDS.page(work, post_filter, order=order, descending=True, offset=0, limit=MAX_POSTS)]
        for order in (*INDEXED, "title")
    }
    assert {frozenset(ids) for ids in found.values()} == {frozenset(found["title"])}
    assert {len(ids) for ids in found.values()} == {filters.total(work, post_filter.active_filters())}
    return set(found["title"])


def search_public(work: UnitOfWork, query: str) -> set[int]:
    """The posts that a visitor's search finds, and as many as it says."""
    found = posts.search(work, query, visibility=Visibility.PUBLIC, offset=0, limit=MAX_POSTS)
    assert len(found.ids) == found.total
    return set(found.ids)


@pytest.mark.parametrize("is_indexed_first", [True, False])
async def test_pages_lists_and_the_search_agree_which_posts_visitors_see(make: Factory, is_indexed_first: bool) -> None:
    made = await make_posts(make, is_indexed_first=is_indexed_first)
    codes = {post: await make.code(post) for post in made.values()}
    visible = {made["approved", True, status] for status in ("Planned", None)}
    on_tab = {made["approved", True, "Planned"]}

    def compare(work: UnitOfWork) -> None:
        assert {row[0] for row in work.fetch_all(PUBLIC_POSTS)} == visible
        assert {post for post, code in codes.items() if public.by_code(work, code)} == visible
        assert {post for post in codes if attachments.are_public(work, post)} == visible
        # By words of the title, and by words that only the description has, which are searched in another way.
        assert search_public(work, "dark mode") == search_public(work, "theme night") == visible
        # Lists also demand a status, because posts without one are on no tab.
        assert list_public(work) == list_public(work, tab_url="roadmap") == on_tab
        assert list_public(work, status_ids=[make.statuses["Planned"]]) == on_tab
        assert list_public(work, tab_url="feedback") == set()

    await make.act(compare)


async def test_pages_and_lists_agree_that_visitors_see_no_post_of_a_private_portal(
    make: Factory, anyone: Client
) -> None:
    visitor = anyone.of(None, base="")
    made = await make_posts(make, is_indexed_first=True)
    codes = {post: await make.code(post) for post in made.values()}

    async def read_pages() -> tuple[set[int], set[str], set[int]]:
        """The posts with a page, the titles that are in lists, and the posts whose files are public."""
        pages = {
            post: await visitor.get(f"/p/dark-mode-{number}-{code}")
            for number, (post, code) in enumerate(codes.items())
        }
        lists = [await visitor.get(path) for path in ("/t/roadmap", "/embedded_roadmap", "/http_api/posts?limit=100")]
        titles = {f"Dark mode {number}" for number in range(len(made))}
        return (
            {post for post, page in pages.items() if page.status_code == 200},
            {title for title in titles for page in lists if f"{title}<" in page.text or f'"{title}"' in page.text},
            await make.act(lambda work: {post for post in codes if attachments.are_public(work, post)}),
        )

    of_visitors = {made["approved", True, status] for status in ("Planned", None)}
    assert await read_pages() == (of_visitors, {"Dark mode 0"}, of_visitors)
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    assert await read_pages() == (set(), set(), set())

"""Two changes of one thing at the same moment: both stand, no section comes below itself, and no answer is a 500."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.adapters.database import Operation
from app.domain.errors import Conflict, NotFound
from app.domain.portals import boards, categories, portals, sections, statuses, tabs
from app.domain.posts import comments, moderation, update
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from app.settings import Settings
from tests.support.concurrency import Race, Request, racing
from tests.support.factory import Factory
from tests.support.sample_portal import SamplePortal, populate

PAIRS = 100


@pytest.fixture
def race(make: Factory, settings: Settings) -> Iterator[Race]:
    with racing(settings, 3) as lanes:
        yield lanes


@pytest.fixture
async def owner_key(make: Factory) -> str:
    return await make.key(make.owner, "productlift")


@pytest.fixture
async def things(make: Factory) -> SamplePortal:
    return await populate(make, make.portal, make.owner)


# Through ProductLift's API: the path, the table, and for a round its two requests and what is to be stored then. The
# color of a category must be sent, so both send the same.
Pair = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
REQUESTS: dict[
    str, tuple[Callable[[SamplePortal], str], str, Callable[[SamplePortal], int], Callable[[int, SamplePortal], Pair]]
] = {
    "user": (
        lambda things: f"/users/{things.uuid}",
        "users",
        lambda things: things.user,
        lambda at, _: (
            {"role": ("admin", "member")[at % 2]},
            {"name": f"Name {at}"},
            {"role": ("admin", "user")[at % 2], "name": f"Name {at}"},
        ),
    ),
    "user's address": (
        lambda things: f"/users/{things.uuid}",
        "users",
        lambda things: things.user,
        lambda at, _: (
            {"email": f"jane{at}@example.org"},
            {"role": ("admin", "member")[at % 2]},
            {"email": f"jane{at}@example.org", "role": ("admin", "user")[at % 2]},
        ),
    ),
    "status": (
        lambda things: f"/statuses/{things.status}",
        "statuses",
        lambda things: things.status,
        lambda at, _: (
            {"name": f"Status {at}"},
            {"color": f"#0000{at:02x}"},
            {"name": f"Status {at}", "color": f"#0000{at:02x}"},
        ),
    ),
    "category": (
        lambda things: f"/categories/{things.category}",
        "categories",
        lambda things: things.category,
        lambda at, _: (
            {"name": f"Category {at}", "color": f"#0000{at:02x}"},
            {"color": f"#0000{at:02x}"},
            {"name": f"Category {at}", "color": f"#0000{at:02x}"},
        ),
    ),
    "section": (
        lambda things: f"/sections/{things.section}",
        "sections",
        lambda things: things.section,
        lambda at, things: (
            {"title": f"Section {at}"},
            {"parent_id": (None, things.shelf)[at % 2]},
            {"title": f"Section {at}", "parent_id": (None, things.shelf)[at % 2]},
        ),
    ),
    "post": (
        lambda things: f"/posts/{things.code}",
        "posts",
        lambda things: things.post,
        lambda at, _: (
            {"title": f"Post {at}"},
            {"description": f"Description {at}"},
            {"title": f"Post {at}", "description": f"Description {at}"},
        ),
    ),
    "post's place": (
        lambda things: f"/posts/{things.code}",
        "posts",
        lambda things: things.post,
        lambda at, things: (
            {"status_id": things.status if at % 2 else None, "title": f"Post {at}"},
            {"section_id": (things.section, things.shelf)[at % 2]},
            {"title": f"Post {at}", "section_id": (things.section, things.shelf)[at % 2]},
        ),
    ),
    "comment": (
        lambda things: f"/posts/{things.code}/comments/{things.comment}",
        "comments",
        lambda things: things.comment,
        lambda at, _: (
            {"comment": f"Comment {at}"},
            {"pinned_to_top": bool(at % 2)},
            {"body": f"Comment {at}", "pinned": bool(at % 2)},
        ),
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_of_two_requests_for_different_fields_none_is_lost(
    what: str, make: Factory, race: Race, owner_key: str, things: SamplePortal
) -> None:
    path, table, row_id, pair = REQUESTS[what]
    lost = []

    for at in range(PAIRS):
        first, second, stored = pair(at, things)
        responses = race(*(Request(owner_key, "PATCH", path(things), sent) for sent in (first, second)))

        assert [response.status_code for response in responses] == [200, 200], [response.text for response in responses]
        row = await make.row(f"SELECT {', '.join(stored)} FROM {table} WHERE id = :id", id=row_id(things))
        if dict(row) != stored:
            lost.append((dict(row), stored))
    assert lost == []
    assert await make.wrong_counters() == []


# Through the rules, also for what only the command line changes: two acts of the operator, and what is to be stored.
ActPair = tuple[Operation[Any], Operation[Any], dict[str, Any]]
ACTS: dict[str, tuple[str, Callable[[SamplePortal], int], Callable[[int, SamplePortal], ActPair]]] = {
    "users": (
        "users",
        lambda things: things.user,
        lambda at, things: (
            lambda work: users.update(work, things.user, role=("moderator", "admin")[at % 2]),
            lambda work: users.update(work, things.user, password_hash=f"hash {at}"),
            {"role": ("moderator", "admin")[at % 2], "password_hash": f"hash {at}"},
        ),
    ),
    "statuses": (
        "statuses",
        lambda things: things.status,
        lambda at, things: (
            lambda work: statuses.edit(work, things.status, is_voteable=bool(at % 2)),
            lambda work: statuses.edit(work, things.status, text_color=f"#0000{at:02x}"),
            {"is_voteable": bool(at % 2), "text_color": f"#0000{at:02x}"},
        ),
    ),
    "categories": (
        "categories",
        lambda things: things.category,
        lambda at, things: (
            lambda work: categories.edit(work, things.category, name=f"Category {at}"),
            lambda work: categories.edit(work, things.category, color=f"#0000{at:02x}"),
            {"name": f"Category {at}", "color": f"#0000{at:02x}"},
        ),
    ),
    "tabs": (
        "tabs",
        lambda things: things.tab,
        lambda at, things: (
            lambda work: tabs.edit(work, things.tab, name=f"Tab {at}"),
            lambda work: tabs.edit(work, things.tab, url=f"tab-{at}"),
            {"name": f"Tab {at}", "url": f"tab-{at}"},
        ),
    ),
    "boards": (
        "boards",
        lambda things: things.board,
        lambda at, things: (
            lambda work: boards.edit(work, things.board, name=f"Board {at}"),
            lambda work: boards.edit(work, things.board, description=f"Description {at}"),
            {"name": f"Board {at}", "description": f"Description {at}"},
        ),
    ),
    "posts": (
        "posts",
        lambda things: things.post,
        lambda at, things: (
            lambda work: update.update_post(work, things.post, PostUpdate(title=f"Post {at}")),
            lambda work: update.set_position(work, things.post, at),
            {"title": f"Post {at}", "position": at},
        ),
    ),
    "comments": (
        "comments",
        lambda things: things.comment,
        lambda at, things: (
            lambda work: comments.edit(work, things.comment, body=f"Comment {at}"),
            lambda work: comments.edit(work, things.comment, official=bool(at % 2)),
            {"body": f"Comment {at}", "official": bool(at % 2)},
        ),
    ),
    "board and status of a post": (
        "posts",
        lambda things: things.post,
        lambda at, things: (
            lambda work: update.move_to_board(work, things.post, (things.board, 1)[at % 2]),
            lambda work: update.change_status(work, things.post, (None, things.status)[at % 2], user_id=None),
            {"board_id": (things.board, 1)[at % 2], "status_id": (None, things.status)[at % 2]},
        ),
    ),
    "moderation and title of a post": (
        "posts",
        lambda things: things.post,
        lambda at, things: (
            lambda work: moderation.set(work, things.post, ("pending", "rejected")[at % 2]),
            lambda work: update.update_post(work, things.post, PostUpdate(title=f"Post {at}")),
            {"moderation": ("pending", "rejected")[at % 2], "title": f"Post {at}"},
        ),
    ),
    "order and name of boards": (
        "boards",
        lambda things: things.board,
        lambda at, things: (
            lambda work: boards.reorder(work, [things.board, 1] if at % 2 else [1, things.board]),
            lambda work: boards.edit(work, things.board, name=f"Board {at}"),
            {"position": (1, 0)[at % 2], "name": f"Board {at}"},
        ),
    ),
    "order and color of statuses": (
        "statuses",
        lambda things: things.status,
        lambda at, things: (
            lambda work: statuses.reorder(work, [things.status, 1] if at % 2 else [1, things.status]),
            lambda work: statuses.edit(work, things.status, color=f"#0000{at:02x}"),
            {"position": (1, 0)[at % 2], "color": f"#0000{at:02x}"},
        ),
    ),
    "portals": (
        "portals",
        lambda things: things.portal,
        lambda at, _: (
            lambda work: portals.update_setting(work, setting="title", value=f"Portal {at}"),
            lambda work: portals.update_setting(work, setting="locale", value=("en", "de")[at % 2]),
            {"title": f"Portal {at}", "locale": ("en", "de")[at % 2]},
        ),
    ),
}


@pytest.mark.parametrize("what", ACTS)
async def test_of_two_acts_for_different_fields_none_is_lost(
    what: str, make: Factory, race: Race, things: SamplePortal
) -> None:
    table, row_id, pair = ACTS[what]
    lost = []

    for at in range(PAIRS):
        first, second, stored = pair(at, things)

        assert race.acts(make.portal, first, second) == [None, None]
        row = await make.row(f"SELECT {', '.join(stored)} FROM {table} WHERE id = :id", id=row_id(things))
        if dict(row) != stored:
            lost.append((dict(row), stored))
    assert lost == []
    assert await make.wrong_counters() == []


GOING: dict[str, tuple[Callable[[SamplePortal], str], dict[str, Any], Callable[[SamplePortal], str]]] = {
    "user": (
        lambda things: f"/users/{things.uuid}",
        {"name": "Ms Roe"},
        lambda things: f"No query results for model [App\\User] {things.uuid}",
    ),
    "status": (
        lambda things: f"/statuses/0{things.status}",
        {"color": "#00ff00"},
        lambda things: f"No query results for model [App\\Status] 0{things.status}",
    ),
    "category": (
        lambda things: f"/categories/0{things.category}",
        {"color": "#00ff00"},
        lambda things: f"No query results for model [App\\Category] 0{things.category}",
    ),
    "section": (
        lambda things: f"/sections/0{things.section}",
        {"title": "New"},
        lambda things: f"No query results for model [App\\Section] 0{things.section}",
    ),
    "post": (
        lambda things: f"/posts/{things.code}",
        {"title": "New", "description": "Also"},
        lambda things: f"No query results for model [App\\Post] {things.code}",
    ),
    "comment": (
        lambda things: f"/posts/{things.code}/comments/0{things.comment}",
        {"comment": "New"},
        lambda things: f"No query results for model [App\\Comment] 0{things.comment}",
    ),
}


@pytest.mark.parametrize("what", GOING)
async def test_a_change_beside_a_deletion_succeeds_or_finds_nothing(
    what: str, make: Factory, race: Race, owner_key: str
) -> None:
    path, sent, unknown = GOING[what]

    for _ in range(PAIRS // 4):
        things = await populate(make, make.portal, make.owner)
        changed, gone = race(
            Request(owner_key, "PATCH", path(things), sent), Request(owner_key, "DELETE", path(things))
        )

        assert gone.status_code == 200, gone.text
        if changed.status_code != 200:
            assert (changed.status_code, changed.json()) == (404, {"message": unknown(things)})
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("many", [2, 3])
async def test_sections_put_below_each_other_at_once_form_no_cycle(
    many: int, make: Factory, race: Race, owner_key: str
) -> None:
    ring = [await make.section(f"Section {at}") for at in range(many)]
    pairs = list(zip(ring, ring[1:] + ring[:1], strict=True))

    for _ in range(PAIRS):
        await make.run("UPDATE sections SET parent_id = NULL")
        responses = race(
            *(Request(owner_key, "PATCH", f"/sections/{below}", {"parent_id": above}) for below, above in pairs)
        )

        assert await make.act(sections.cycles) == []
        assert sorted(response.status_code for response in responses) == [200] * (many - 1) + [422]


async def test_a_section_moved_beside_its_parent_stays_on_the_tab_of_its_parent(
    make: Factory, race: Race, owner_key: str
) -> None:
    parent, child = await make.section("Parent"), await make.section("Child")
    tab, other = make.tabs["feedback"], make.tabs["roadmap"]

    for _ in range(PAIRS // 2):
        await make.run("UPDATE sections SET parent_id = NULL, tab_id = :tab", tab=tab)
        race(
            Request(owner_key, "PATCH", f"/sections/{parent}", {"tab_id": other}),
            Request(owner_key, "PATCH", f"/sections/{child}", {"parent_id": parent}),
            Request(owner_key, "POST", "/sections", {"title": "New", "tab_id": tab, "parent_id": parent}),
        )

        apart = "SELECT below.id FROM sections below JOIN sections above ON above.id = below.parent_id"
        assert await make.rows(f"{apart} WHERE above.tab_id <> below.tab_id") == []


async def test_of_two_made_the_default_at_once_one_is(make: Factory, race: Race, things: SamplePortal) -> None:
    planned, new = make.statuses["Planned"], make.statuses["New"]
    for at in range(PAIRS // 2):
        spare = await make.act(lambda work, at=at: statuses.add(work, name=f"Spare {at}", tab_id=things.tab))

        assert race.acts(
            make.portal,
            lambda work: statuses.make_default(work, planned),
            lambda work: statuses.make_default(work, new),
        ) == [None, None]
        assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1

        refused = race.acts(
            make.portal,
            lambda work, spare=spare: statuses.make_default(work, spare),
            lambda work, spare=spare: statuses.delete(work, spare),
        )
        assert [type(refusal) for refusal in refused] in ([type(None), Conflict], [NotFound, type(None)])
        assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1


async def test_a_board_that_is_deleted_for_having_no_posts_takes_none_along(
    make: Factory, race: Race, things: SamplePortal
) -> None:
    key = await make.key(make.owner, "astuto")

    def delete_without_posts(work: UnitOfWork, board: int) -> None:
        if boards.count_posts(work, board) == 0:
            boards.delete(work, board)

    for at in range(PAIRS):
        board = await make.act(lambda work, at=at: boards.add(work, name=f"Empty {at}"))

        refused, response = race.beside(
            make.portal,
            lambda work, board=board: delete_without_posts(work, board),
            Request(key, "POST", "/posts", {"title": "Just now", "board_id": board}),
        )

        assert refused is None
        kept = await make.value("SELECT count(*) FROM posts WHERE board_id = :board", board=board)
        assert (response.status_code, kept) in ((201, 1), (422, 0))


async def test_ordering_beside_adding_and_deleting_loses_nothing(
    make: Factory, race: Race, things: SamplePortal
) -> None:
    for at in range(PAIRS // 4):
        going = await make.section("Going")
        order = [row["id"] for row in await make.rows("SELECT id FROM sections ORDER BY id DESC")]
        reordered, added, gone = race.acts(
            make.portal,
            lambda work, order=order: sections.reorder(work, order),
            lambda work: sections.add(work, title="New", tab_id=things.tab),
            lambda work, going=going: sections.delete(work, going),
        )

        assert (added, gone) == (None, None)
        assert reordered is None or isinstance(reordered, NotFound)
        names = race.acts(
            make.portal,
            lambda work, at=at: statuses.add(work, name=f"soon {at}", tab_id=things.tab),
            lambda work, at=at: statuses.add(work, name=f"SOON {at}", tab_id=things.tab),
        )
        # Names are unique whatever the case of letters.
        assert names.count(None) == 1
    assert await make.rows("SELECT position FROM sections GROUP BY position HAVING count(*) > 1") == []

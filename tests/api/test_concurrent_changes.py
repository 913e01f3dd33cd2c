"""Two concurrent changes of one row: both are stored, no section becomes its own ancestor, no response is a 500."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from app.domain.errors import Conflict, NotFound
from app.domain.portals import boards, categories, portals, sections, statuses, tabs
from app.domain.posts import comments, moderation, update
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users
from tests.support.concurrency import ConcurrentWriter, Request
from tests.support.factory import Factory
from tests.support.sample_portal import SamplePortal, populate

PAIRS = 100
COLORS = ("#000001", "#000002")
NAMES = ("One", "Two")


@pytest.fixture
async def sample(make: Factory) -> SamplePortal:
    return await populate(make, make.portal, make.owner)


class Requests(NamedTuple):
    """Two concurrent PATCH requests. Each value is one of two in turn, so that every round changes every field."""

    path: str
    table: str
    row_id: int
    first: dict[str, Sequence[Any]]
    second: dict[str, Sequence[Any]]


ROLES = ("admin", "member")
# The color of a category is required, so both requests have the same.
REQUESTS: dict[str, Callable[[SamplePortal], Requests]] = {
    "user": lambda sample: Requests(
        f"/users/{sample.uuid}", "users", sample.user, {"role": ROLES}, {"name": NAMES}
    ),
    "user's address": lambda sample: Requests(
        f"/users/{sample.uuid}", "users", sample.user,
        {"email": ("one@example.org", "two@example.org")}, {"role": ROLES},
    ),
    "status": lambda sample: Requests(
        f"/statuses/{sample.status}", "statuses", sample.status, {"name": NAMES}, {"color": COLORS}
    ),
    "category": lambda sample: Requests(
        f"/categories/{sample.category}", "categories", sample.category,
        {"name": NAMES, "color": COLORS}, {"color": COLORS},
    ),
    "tag": lambda sample: Requests(
        f"/tags/{sample.tag}", "tags", sample.tag, {"name": NAMES}, {"color": COLORS}
    ),
    "section": lambda sample: Requests(
        f"/sections/{sample.section}", "sections", sample.section,
        {"title": NAMES}, {"parent_id": (None, sample.shelf)},
    ),
    "post": lambda sample: Requests(
        f"/posts/{sample.code}", "posts", sample.post, {"title": NAMES}, {"description": NAMES}
    ),
    "post's place": lambda sample: Requests(
        f"/posts/{sample.code}", "posts", sample.post,
        {"status_id": (None, sample.status), "title": NAMES}, {"section_id": (sample.section, sample.shelf)},
    ),
    "comment": lambda sample: Requests(
        f"/posts/{sample.code}/comments/{sample.comment}", "comments", sample.comment,
        {"comment": NAMES}, {"pinned_to_top": (False, True)},
    ),
}  # fmt: skip
COLUMNS = {"comment": "body", "pinned_to_top": "pinned"}
STORED_ROLES = {"member": "user"}


@pytest.mark.parametrize("name", REQUESTS)
async def test_concurrent_requests_for_different_fields_are_both_stored(
    name: str, make: Factory, write: ConcurrentWriter, owner_key: str, sample: SamplePortal
) -> None:
    path, table, row_id, *fields = REQUESTS[name](sample)
    lost = []

    for number in range(PAIRS):
        payloads = [{field: values[number % 2] for field, values in each.items()} for each in fields]
        responses = write(*(Request(owner_key, "PATCH", path, payload) for payload in payloads))

        assert [response.status_code for response in responses] == [200, 200], [response.text for response in responses]
        expected = {
            COLUMNS.get(field, field): STORED_ROLES.get(value, value)
            for payload in payloads
            for field, value in payload.items()
            if field != "status_id"  # A status of null is not stored: a default replaces it.
        }
        row = await make.row(f"SELECT {', '.join(expected)} FROM {table} WHERE id = :id", id=row_id)
        if dict(row) != expected:
            lost.append((dict(row), expected))
    assert lost == []
    assert await make.wrong_counters() == []


class Edit(NamedTuple):
    """A rule that sets one column, and the values that it sets in turn."""

    column: str
    values: Sequence[Any]
    operation: Callable[[UnitOfWork, int, Any], object]


def edit(rule: Callable[..., object], column: str, *values: Any) -> Edit:
    """An edit by a rule with a parameter of the column's name."""
    return Edit(column, values, lambda work, row_id, value: rule(work, row_id, **{column: value}))


POST_TITLE = Edit("title", NAMES, lambda work, post, title: update.update_post(work, post, PostUpdate(title=title)))
PORTAL_TITLE, PORTAL_LOCALE = (
    Edit(name, values, lambda work, _, value, name=name: portals.update_setting(work, setting=name, value=value))
    for name, values in (("title", NAMES), ("locale", ("en", "de")))
)
# The table, the attribute of the sample portal with the row's id, and two edits of the operator. Some are of columns
# that only the command line changes.
OPERATIONS: dict[str, tuple[str, str, Edit, Edit]] = {
    "users": (
        "users", "user",
        edit(users.update, "role", "moderator", "admin"), edit(users.update, "password_hash", *NAMES),
    ),
    "statuses": (
        "statuses", "status",
        edit(statuses.edit, "is_voteable", False, True), edit(statuses.edit, "text_color", *COLORS),
    ),
    "categories": (
        "categories", "category", edit(categories.edit, "name", *NAMES), edit(categories.edit, "color", *COLORS),
    ),
    "tabs": ("tabs", "tab", edit(tabs.edit, "name", *NAMES), edit(tabs.edit, "url", "tab-1", "tab-2")),
    "boards": ("boards", "board", edit(boards.edit, "name", *NAMES), edit(boards.edit, "description", *NAMES)),
    "posts": ("posts", "post", POST_TITLE, Edit("position", (1, 2), update.set_position)),
    "comments": (
        "comments", "comment", edit(comments.edit, "body", *NAMES), edit(comments.edit, "official", False, True),
    ),
    "board and status of a post": (
        "posts", "post",
        Edit("board_id", (2, 1), update.move_to_board),
        Edit("status_id", (None, 1), lambda work, post, status: update.change_status(work, post, status, user_id=None)),
    ),
    "moderation and title of a post": (
        "posts", "post", Edit("moderation", ("pending", "rejected"), moderation.set), POST_TITLE,
    ),
    "order and name of boards": (
        "boards", "board",
        Edit("position", (1, 0), lambda work, board, place: boards.reorder(work, [1, board] if place else [board, 1])),
        edit(boards.edit, "name", *NAMES),
    ),
    "order and color of statuses": (
        "statuses", "status",
        Edit("position", (1, 0), lambda work, id_, place: statuses.reorder(work, [1, id_] if place else [id_, 1])),
        edit(statuses.edit, "color", *COLORS),
    ),
    "portals": ("portals", "portal", PORTAL_TITLE, PORTAL_LOCALE),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
async def test_concurrent_operations_on_different_fields_are_both_stored(
    name: str, make: Factory, write: ConcurrentWriter, sample: SamplePortal
) -> None:
    table, attribute, *edits = OPERATIONS[name]
    row_id = getattr(sample, attribute)
    lost = []

    for number in range(PAIRS):
        expected = {edit.column: edit.values[number % 2] for edit in edits}
        errors = write(
            *(
                lambda work, operation=edit.operation, value=expected[edit.column]: operation(work, row_id, value)
                for edit in edits
            )
        )

        assert errors == [None, None]
        row = await make.row(f"SELECT {', '.join(expected)} FROM {table} WHERE id = :id", id=row_id)
        if dict(row) != expected:
            lost.append((dict(row), expected))
    assert lost == []
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("path", "payload", "model"),
    [
        ("/users/{0.uuid}", {"name": "Ms Roe"}, "User"),
        ("/statuses/0{0.status}", {"color": "#00ff00"}, "Status"),
        ("/categories/0{0.category}", {"color": "#00ff00"}, "Category"),
        ("/tags/0{0.tag}", {"color": "#00ff00"}, "Tag"),
        ("/groups/0{0.group}", {"name": "New"}, "Group"),
        ("/sections/0{0.section}", {"title": "New"}, "Section"),
        ("/posts/{0.code}", {"title": "New", "description": "Also"}, "Post"),
        ("/posts/{0.code}/comments/0{0.comment}", {"comment": "New"}, "Comment"),
    ],
)
async def test_a_change_during_a_deletion_succeeds_or_returns_404(
    path: str, payload: dict[str, str], model: str, make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    for _ in range(PAIRS // 4):
        filled = path.format(await populate(make, make.portal, make.owner))
        changed, deleted = write(Request(owner_key, "PATCH", filled, payload), Request(owner_key, "DELETE", filled))

        assert deleted.status_code == 200, deleted.text
        if changed.status_code != 200:
            unknown = {"message": f"No query results for model [App\\{model}] {filled.rpartition('/')[2]}"}
            assert (changed.status_code, changed.json()) == (404, unknown)
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("many", [2, 3])
async def test_concurrent_moves_of_sections_form_no_cycle(
    many: int, make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    ring = [await make.section(f"Section {number}") for number in range(many)]
    pairs = list(zip(ring, ring[1:] + ring[:1], strict=True))

    for _ in range(PAIRS):
        await make.run("UPDATE sections SET parent_id = NULL")
        responses = write(
            *(Request(owner_key, "PATCH", f"/sections/{below}", {"parent_id": above}) for below, above in pairs)
        )

        assert await make.act(sections.cycles) == []
        assert sorted(response.status_code for response in responses) == [200] * (many - 1) + [422]


async def test_a_section_moved_during_a_move_of_its_parent_keeps_its_tab(
    make: Factory, write: ConcurrentWriter, owner_key: str
) -> None:
    parent, child = await make.section("Parent"), await make.section("Child")
    tab, other = make.tabs["feedback"], make.tabs["roadmap"]

    for _ in range(PAIRS // 2):
        await make.run("UPDATE sections SET parent_id = NULL, tab_id = :tab", tab=tab)
        write(
            Request(owner_key, "PATCH", f"/sections/{parent}", {"tab_id": other}),
            Request(owner_key, "PATCH", f"/sections/{child}", {"parent_id": parent}),
            Request(owner_key, "POST", "/sections", {"title": "New", "tab_id": tab, "parent_id": parent}),
        )

        apart = "SELECT below.id FROM sections below JOIN sections above ON above.id = below.parent_id"
        assert await make.rows(f"{apart} WHERE above.tab_id <> below.tab_id") == []


async def test_one_of_two_concurrently_set_defaults_is_the_default(
    make: Factory, write: ConcurrentWriter, sample: SamplePortal
) -> None:
    planned, new = make.statuses["Planned"], make.statuses["New"]
    for number in range(PAIRS // 2):
        spare = await make.act(lambda work, name=f"Spare {number}": statuses.add(work, name=name, tab_id=sample.tab))

        assert write(
            lambda work: statuses.make_default(work, planned), lambda work: statuses.make_default(work, new)
        ) == [None, None]
        assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1

        errors = write(
            lambda work, spare=spare: statuses.make_default(work, spare),
            lambda work, spare=spare: statuses.delete(work, spare),
        )
        assert [type(error) for error in errors] in ([type(None), Conflict], [NotFound, type(None)])
        assert await make.value("SELECT count(*) FROM statuses WHERE is_default") == 1


async def test_deleting_an_empty_board_deletes_no_concurrent_post(
    make: Factory, write: ConcurrentWriter, sample: SamplePortal
) -> None:
    key = await make.key(make.owner, "astuto")

    def delete_without_posts(work: UnitOfWork, board: int) -> None:
        if boards.count_posts(work, board) == 0:
            boards.delete(work, board)

    for number in range(PAIRS):
        board = await make.act(lambda work, name=f"Empty {number}": boards.add(work, name=name))

        error, response = write(
            lambda work, board=board: delete_without_posts(work, board),
            Request(key, "POST", "/posts", {"title": "Just now", "board_id": board}),
        )

        assert error is None
        posts = await make.value("SELECT count(*) FROM posts WHERE board_id = :board", board=board)
        assert (response.status_code, posts) in ((201, 1), (422, 0))


async def test_reordering_during_additions_and_deletions_loses_no_entry(
    make: Factory, write: ConcurrentWriter, sample: SamplePortal
) -> None:
    for number in range(PAIRS // 4):
        section = await make.section("Going")
        order = [row["id"] for row in await make.rows("SELECT id FROM sections ORDER BY id DESC")]
        reordered, added, deleted = write(
            lambda work, order=order: sections.reorder(work, order),
            lambda work: sections.add(work, title="New", tab_id=sample.tab),
            lambda work, section=section: sections.delete(work, section),
        )

        assert (added, deleted) == (None, None)
        assert reordered is None or isinstance(reordered, NotFound)
        # Names are unique whatever the case of letters.
        errors = write(
            *(
                lambda work, name=name: statuses.add(work, name=name, tab_id=sample.tab)
                for name in (f"soon {number}", f"SOON {number}")
            )
        )
        assert errors.count(None) == 1
    assert await make.rows("SELECT position FROM sections GROUP BY position HAVING count(*) > 1") == []

"""Boards beyond what a dialect can do: edit, order, default, delete."""

import pytest

from app.domain.counters import post_counters
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Board
from app.domain.portals import boards
from app.domain.portals.boards import BoardQuery
from tests.support.factory import Factory

BOARDS = BoardQuery((Board.id,))


async def test_an_edit_changes_only_the_given_fields(make: Factory) -> None:
    bugs = make.boards["Bug Reports"]

    changed = await make.act(lambda work: boards.edit(work, bugs, name="Bugs", slug="All Bugs!", description="Here"))
    again = await make.act(lambda work: boards.edit(work, bugs, name="Bugs", slug="all-bugs"))
    cleared = await make.act(lambda work: boards.edit(work, bugs, description=None))

    assert (changed, again, cleared) == (True, False, True)
    row = await make.row("SELECT name, slug, description FROM boards WHERE id = :id", id=bugs)
    assert row == {"name": "Bugs", "slug": "all-bugs", "description": None}


@pytest.mark.parametrize(
    ("wish", "problems"),
    [
        ({"name": "Feature Requests"}, [FieldError("name", "taken")]),
        ({"name": "  "}, [FieldError("name", "blank")]),
        ({"name": "x" * 513}, [FieldError("name", "too_long", {"maximum": 512})]),
        ({"slug": "feature-requests"}, [FieldError("slug", "taken")]),
        ({"slug": "!!!"}, [FieldError("slug", "invalid")]),
        ({"slug": "admin"}, [FieldError("slug", "invalid")]),
        ({"description": "x" * 1025}, [FieldError("description", "too_long", {"maximum": 1024})]),
        (
            {"name": "Feature Requests", "slug": "feature-requests"},
            [FieldError("name", "taken"), FieldError("slug", "taken")],
        ),
    ],
)
async def test_an_invalid_edit_is_rejected(make: Factory, wish: dict[str, str], problems: list[FieldError]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await make.act(lambda work: boards.edit(work, make.boards["Bug Reports"], **wish))

    assert refused.value.errors == problems


async def test_one_board_is_the_default(make: Factory) -> None:
    bugs = make.boards["Bug Reports"]

    await make.act(lambda work: boards.make_default(work, bugs))
    with pytest.raises(NotFound):
        await make.act(lambda work: boards.make_default(work, 4711))

    assert await make.rows("SELECT id FROM boards WHERE is_default") == [{"id": bugs}]
    post = await make.post()
    assert await make.value("SELECT board_id FROM posts WHERE id = :id", id=post) == bugs


async def test_a_board_is_deleted_with_its_posts_and_others_move_up(make: Factory) -> None:
    jane = await make.user()
    bugs, features = make.boards["Bug Reports"], make.boards["Feature Requests"]
    await make.act(lambda work: boards.add(work, name="Ideas"))
    gone = await make.post(board=bugs, author=jane, votes_by=[jane])
    await make.comment(gone, author=jane)
    stays = await make.post(board=features)

    with pytest.raises(Conflict) as refused:
        await make.act(lambda work: boards.delete(work, features))
    files = await make.act(lambda work: boards.delete(work, bugs))

    assert refused.value.code == "board.default"
    assert files == []
    rows = await make.rows("SELECT name, position FROM boards ORDER BY position")
    assert rows == [{"name": "Feature Requests", "position": 0}, {"name": "Ideas", "position": 1}]
    assert await make.rows("SELECT id FROM posts") == [{"id": stays}]
    counters = "SELECT posts_count, votes_count, comments_count FROM users WHERE id = :id"
    assert set((await make.row(counters, id=jane)).values()) == {0}
    assert await make.act(post_counters.find_mismatches) == []


async def test_boards_of_another_portal_are_unknown_and_share_no_names(make: Factory) -> None:
    portal, _ = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
    ideas = await make.act(lambda work: boards.add(work, name="Ideas"))

    theirs = await make.act(lambda work: boards.add(work, name="Ideas"), portal=portal)

    slugs = await make.rows("SELECT slug, position FROM boards WHERE name = 'Ideas'")
    assert slugs == [{"slug": "ideas", "position": 2}] * 2
    for operation in (
        lambda work: boards.edit(work, theirs, name="Ours"),
        lambda work: boards.reorder(work, [theirs]),
        lambda work: boards.make_default(work, theirs),
        lambda work: boards.delete(work, theirs),
        lambda work: BOARDS.by_id(work, theirs),
    ):
        with pytest.raises(NotFound):
            await make.act(operation)
    assert len(await make.act(boards.list_all)) == 3
    assert ideas != theirs

"""Edits, moves, changes of status and deletions of posts: what changes, and what must not."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.counters import post_counters
from app.domain.errors import Forbidden, NotFound, ValidationFailed
from app.domain.permissions import Actor
from app.domain.portals import categories
from app.domain.posts import update
from app.domain.posts.update import PostUpdate
from app.domain.unit_of_work import UnitOfWork
from tests.conftest import TestClock
from tests.support.factory import Factory

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 123456, tzinfo=UTC)
MODERATOR = Actor(user_id=None, role="moderator")


async def counters(make: Factory, user: int) -> tuple[int, int, int]:
    row = await make.row("SELECT posts_count, votes_count, comments_count FROM users WHERE id = :id", id=user)
    return row["posts_count"], row["votes_count"], row["comments_count"]


async def category_ids(make: Factory, post: int) -> list[int]:
    rows = await make.rows("SELECT category_id FROM post_categories WHERE post_id = :id ORDER BY 1", id=post)
    return [row["category_id"] for row in rows]


async def test_an_update_changes_the_given_fields_and_the_excerpt(make: Factory, clock: TestClock) -> None:
    post = await make.post(title="A dark mode", description="For <b>tired</b> eyes")
    clock.set(MONDAY)

    changed = await make.act(
        lambda work: update.update_post(work, post, PostUpdate(title="A darker mode", description="At <i>night</i>"))
    )

    row = await make.row("SELECT title, slug, description, description_short, updated_at FROM posts")
    assert changed
    assert (row["title"], row["slug"]) == ("A darker mode", "a-dark-mode")
    assert (row["description"], row["description_short"]) == ("At <i>night</i>", "At night")
    assert str(row["updated_at"])[:23] == "2026-01-12 09:30:00.123"


async def test_an_update_without_a_change_keeps_updated_at(make: Factory, clock: TestClock) -> None:
    post = await make.post(title="A dark mode", description=None)
    before = await make.rows("SELECT * FROM posts")
    clock.set(MONDAY)

    changed = await make.act(
        lambda work: update.update_post(
            work, post, PostUpdate(title="A dark mode", description=None, author=make.owner)
        )
    )

    assert not changed
    assert await make.rows("SELECT * FROM posts") == before


async def test_a_change_of_author_changes_the_counters_of_both(make: Factory) -> None:
    jane, john = await make.user(), await make.user()
    post = await make.post(author=jane)
    uuid = await make.uuid(john)

    await make.act(lambda work: update.update_post(work, post, PostUpdate(author=uuid)))
    after_first = await counters(make, jane), await counters(make, john)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(author=None)))

    assert after_first == ((0, 0, 0), (1, 0, 0))
    assert await counters(make, john) == (0, 0, 0)
    assert await make.value("SELECT user_id FROM posts") is None


async def test_an_unknown_author_is_rejected_and_nothing_changes(make: Factory) -> None:
    post = await make.post(title="A dark mode")

    with pytest.raises(NotFound) as unknown:
        await make.act(lambda work: update.update_post(work, post, PostUpdate(title="Taken away", author=4711)))

    assert (unknown.value.resource, unknown.value.identifier) == ("user", 4711)
    assert await make.value("SELECT title FROM posts") == "A dark mode"


async def test_categories_are_replaced_and_counted(make: Factory) -> None:
    post = await make.post()
    red, green, blue = [await make.category(name) for name in ("red", "green", "blue")]

    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[red, green])))
    first = await category_ids(make, post)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[blue, green, 4711])))
    second = await category_ids(make, post)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[4711])))
    unknown_only = await category_ids(make, post)
    kept = await make.act(post_counters.find_mismatches)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[])))

    assert (first, second, unknown_only, await category_ids(make, post)) == (
        [red, green],
        [green, blue],
        [green, blue],
        [],
    )
    assert kept == await make.act(post_counters.find_mismatches) == []


async def test_a_section_is_set_and_removed_and_counted(make: Factory) -> None:
    post = await make.post()
    soon = await make.section("Soon")

    await make.act(lambda work: update.update_post(work, post, PostUpdate(section_id=soon)))
    given = await make.value("SELECT section_id FROM posts"), await make.act(post_counters.find_mismatches)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(section_id=4711)))
    unknown = await make.value("SELECT section_id FROM posts")
    await make.act(lambda work: update.update_post(work, post, PostUpdate(section_id=None)))

    assert given == (soon, [])
    assert unknown == soon
    assert await make.value("SELECT section_id FROM posts") is None
    assert await make.act(post_counters.find_mismatches) == []


async def test_a_moved_post_is_counted_on_its_new_board(make: Factory) -> None:
    post = await make.post()
    bugs = make.boards["Bug Reports"]

    moved = await make.act(lambda work: update.move_to_board(work, post, bugs))
    again = await make.act(lambda work: update.move_to_board(work, post, bugs))

    assert (moved, again) == (True, False)
    assert await make.value("SELECT board_id FROM posts") == bugs
    assert await make.act(post_counters.find_mismatches) == []
    with pytest.raises(NotFound):
        await make.act(lambda work: update.move_to_board(work, post, 4711))


async def test_only_a_status_change_is_recorded_and_published(make: Factory, clock: TestClock) -> None:
    jane = await make.user()
    admin = await make.user(role="admin")
    post = await make.post()
    planned = make.statuses["Planned"]
    clock.set(MONDAY)

    async def change(status: int | None) -> bool:
        actor = Actor(user_id=admin, role="admin")
        return await make.act(lambda work: update.change_status(work, post, status, user_id=jane), actor=actor)

    changes = [await change(planned), await change(planned), await change(None), await change(None)]

    assert changes == [True, False, True, False]
    history = await make.rows("SELECT post_id, user_id, actor_id, status_id FROM status_changes ORDER BY id")
    assert history == [
        {"post_id": post, "user_id": jane, "actor_id": admin, "status_id": planned},
        {"post_id": post, "user_id": jane, "actor_id": admin, "status_id": None},
    ]
    facts = await make.facts("post.status_changed")
    described = {"id": planned, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}
    assert [(fact["post_id"], fact["user_id"], fact["actor_id"]) for fact in facts] == [(post, jane, admin)] * 2
    assert [json.loads(fact["body"]) for fact in facts] == [
        {"old_status_id": None, "new_status_id": planned, "old_status": None, "new_status": described},
        {"old_status_id": planned, "new_status_id": None, "old_status": described, "new_status": None},
    ]
    row = await make.row("SELECT status_changed_at, updated_at FROM posts")
    assert {str(row["status_changed_at"])[:19], str(row["updated_at"])[:19]} == {"2026-01-12 09:30:00"}
    assert await make.act(post_counters.find_mismatches) == []


async def test_an_unknown_status_is_rejected(make: Factory) -> None:
    post = await make.post()

    with pytest.raises(NotFound) as unknown:
        await make.act(lambda work: update.change_status(work, post, 4711, user_id=None))

    assert unknown.value.resource == "status"


async def test_a_post_is_deleted_with_all_related_rows(make: Factory) -> None:
    jane, john = await make.user(), await make.user()
    post = await make.post(author=jane, status="Planned", votes_by=[jane, john])
    other = await make.post(author=john, votes_by=[john])
    first = await make.comment(post, author=jane)
    await make.comment(post, author=jane, parent=first)
    elsewhere = await make.comment(other, author=john, parent=first)
    await make.comment(other, author=john, parent=elsewhere)
    stays = await make.comment(other, author=john)
    await make.comment(post, author=john, internal=True)
    await make.act(lambda work: update.change_status(work, post, None, user_id=jane))
    await make.run(
        "INSERT INTO attachments (portal_id, post_id, kind, name, original_name, media_type, size, created_at)"
        " SELECT portal_id, id, 'image', 'abc.png', 'me.png', 'image/png', 5, created_at FROM posts WHERE id = :id",
        id=post,
    )

    files = await make.act(lambda work: update.delete(work, post))

    assert files == ["abc.png"]
    assert await make.rows("SELECT id, comments_count FROM posts") == [{"id": other, "comments_count": 1}]
    assert await make.rows("SELECT id FROM comments") == [{"id": stays}]
    assert await make.rows("SELECT post_id FROM votes") == [{"post_id": other}]
    assert await make.rows("SELECT id FROM status_changes") == []
    assert await make.rows("SELECT id FROM attachments") == []
    assert await counters(make, jane) == (0, 0, 0)
    assert await counters(make, john) == (1, 1, 1)
    assert await make.act(post_counters.find_mismatches) == []
    (fact,) = await make.facts("post.deleted")
    assert (fact["post_id"], fact["user_id"]) == (post, jane)
    assert json.loads(fact["body"])["title"] == "Post number 3"
    with pytest.raises(NotFound):
        await make.act(lambda work: update.delete(work, post))


async def test_a_user_can_not_change_a_post(make: Factory) -> None:
    post = await make.post()
    user = Actor(user_id=None, role="user")

    for operation in (
        lambda work: update.update_post(work, post, PostUpdate(title="Taken over")),
        lambda work: update.move_to_board(work, post, make.boards["Bug Reports"]),
        lambda work: update.change_status(work, post, None, user_id=None),
        lambda work: update.delete(work, post),
    ):
        with pytest.raises(Forbidden):
            await make.act(operation, actor=user)


async def test_another_portals_posts_boards_and_statuses_are_unknown(make: Factory) -> None:
    post = await make.post()
    portal, owner = await make.new_portal("Elsewhere", host="elsewhere.example.com", email="else@example.com")
    theirs = await make.post(portal=portal, author=owner)
    their_board = await make.value("SELECT board_id FROM posts WHERE id = :id", id=theirs)
    their_status = await make.value("SELECT min(id) FROM statuses WHERE portal_id = :theirs", theirs=portal)

    for operation in (
        lambda work: update.update_post(work, theirs, PostUpdate(title="Taken over")),
        lambda work: update.delete(work, theirs),
        lambda work: update.move_to_board(work, post, their_board),
        lambda work: update.change_status(work, post, their_status, user_id=None),
        lambda work: update.update_post(work, post, PostUpdate(author=owner)),
    ):
        with pytest.raises(NotFound):
            await make.act(operation)
    assert await make.value("SELECT count(*) FROM posts") == 2


async def test_concurrent_changes_keep_counters_correct(make: Factory) -> None:
    posts = [await make.post(votes_by=[make.owner]) for _ in range(4)]
    statuses = [make.statuses[name] for name in ("Planned", "Completed", "New")]
    boards = list(make.boards.values())
    john = await make.user()

    async def one(number: int) -> None:
        post = posts[number % 4]
        changes = PostUpdate(author=john if number % 2 else make.owner)
        try:
            await make.act(lambda work: update.change_status(work, post, statuses[number % 3], user_id=None))
            await make.act(lambda work: update.move_to_board(work, post, boards[number % 2]))
            await make.act(lambda work: update.update_post(work, post, changes))
            await make.comment(post, author=john)
            if number > 20:
                await make.act(lambda work: update.delete(work, post))
        except (NotFound, ValidationFailed):
            pass  # Another task has deleted the post; a comment then reports that the post is missing.

    await asyncio.gather(*(one(number) for number in range(24)))

    assert await make.act(post_counters.find_mismatches) == []
    for user in (make.owner, john):
        counted = await make.row(
            "SELECT (SELECT count(*) FROM posts WHERE user_id = :id) AS posts,"
            " (SELECT count(*) FROM votes WHERE user_id = :id) AS votes,"
            " (SELECT count(*) FROM comments WHERE user_id = :id) AS comments",
            id=user,
        )
        assert await counters(make, user) == tuple(counted.values())


async def test_a_category_deleted_during_an_update_leaves_no_counter(
    make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    category, post = await make.category(), await make.post()
    replace_categories = update._replace_categories

    def replace_and_delete(work: UnitOfWork, *args: Any) -> set[int]:
        category_ids = replace_categories(work, *args)
        categories.delete(work, category)
        return category_ids

    monkeypatch.setattr(update, "_replace_categories", replace_and_delete)
    await make.act(lambda work: update.update_post(work, post, PostUpdate(category_ids=[category])))

    assert await make.rows("SELECT * FROM post_categories") == []
    assert await make.act(post_counters.find_mismatches) == []

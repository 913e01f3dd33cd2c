"""What the forms that edit posts and comments begin with, and for whom."""

import pytest

from app.domain.errors import DomainError, Forbidden, NotFound
from app.domain.permissions import VISITOR, Actor
from app.domain.posts import editing
from app.domain.posts.editing import EditableComment, EditablePost
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory


async def test_a_post_is_edited_by_its_author_and_the_team(make: Factory) -> None:
    jane = await make.user()
    post = await make.post(title="Dark mode", description="At night", author=jane)
    code, board = await make.code(post), await make.value("SELECT board_id FROM posts")
    expected = EditablePost(post, "Dark mode", "At night", board, frozenset(), [], may_delete=True)

    for actor in (Actor(jane, "user"), Actor(make.owner, "moderator")):
        assert await make.act(lambda work: editing.find_post(work, code), actor=actor) == expected
    for other in (VISITOR, Actor(make.owner, "user")):
        with pytest.raises(Forbidden):
            await make.act(lambda work: editing.find_post(work, code), actor=other)


async def test_an_author_may_delete_a_post_until_somebody_else_answers(make: Factory) -> None:
    jane = await make.user()
    post = await make.post(author=jane, votes_by=[jane])
    await make.comment(post, author=jane)
    code = await make.code(post)

    async def may_delete(actor: Actor) -> bool:
        return (await make.act(lambda work: editing.find_post(work, code), actor=actor)).may_delete

    assert await may_delete(Actor(jane, "user"))
    await make.comment(post)
    assert not await may_delete(Actor(jane, "user"))
    assert await may_delete(Actor(make.owner, "moderator"))


async def test_a_text_that_is_too_long_is_none_rather_than_cut(make: Factory) -> None:
    fits, too_long = await make.post(description="d" * 50_000), await make.post(description="d" * 50_001)
    comment, long_comment = await make.comment(fits, body="c" * 10_000), await make.comment(fits, body="c" * 10_001)
    code, long_code = await make.code(fits), await make.code(too_long)

    def find(work: UnitOfWork) -> list[str | None]:
        return [
            *(editing.find_post(work, each).description for each in (code, long_code)),
            *(editing.find_comment(work, code, each).body for each in (comment, long_comment)),
        ]

    assert await make.act(find) == ["d" * 50_000, None, "c" * 10_000, None]


async def test_a_comment_is_edited_by_its_author_and_the_team(make: Factory) -> None:
    jane = await make.user()
    post, other = await make.post(), await make.post()
    comment, internal = await make.comment(post, author=jane, body="Yes"), await make.comment(post, internal=True)
    code, other_code = await make.code(post), await make.code(other)

    async def find(actor: Actor, comment_id: int, on: str = code) -> EditableComment | type[DomainError]:
        try:
            return await make.act(lambda work: editing.find_comment(work, on, comment_id), actor=actor)
        except (Forbidden, NotFound) as error:
            return type(error)

    author, team = Actor(jane, "user"), Actor(make.owner, "moderator")
    assert await find(author, comment) == EditableComment(comment, "Yes")
    assert await find(team, comment) == EditableComment(comment, "Yes")
    assert await find(Actor(make.owner, "user"), comment) == Forbidden
    assert await find(VISITOR, comment) == Forbidden
    assert await find(team, internal) == NotFound
    assert await find(author, comment, other_code) == NotFound

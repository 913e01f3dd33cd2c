"""The list of the actor's own comments."""

import pytest

from app.domain.errors import Forbidden
from app.domain.permissions import OPERATOR, VISITOR, Actor
from app.domain.posts import own_comments
from tests.support.factory import Factory


async def bodies(make: Factory, actor: Actor, *, portal: int | None = None) -> list[str]:
    page = await make.act(lambda work: own_comments.list_page(work, offset=0), actor=actor, portal=portal)
    return [comment.body for comment in page.comments]


async def test_comments_are_listed_as_far_as_their_posts_are_visible(make: Factory) -> None:
    user, other = await make.user(), await make.user()
    public = await make.post(title="Public", author=other)
    own = await make.post(author=user, moderation="pending")
    hidden = await make.post(author=other, moderation="pending")
    await make.comment(public, author=user, body="first")
    await make.comment(public, author=other, body="of another")
    await make.comment(own, author=user, body="on my own")
    await make.comment(hidden, author=user, body="on a hidden one")
    await make.comment(public, author=user, body="internal", internal=True)

    assert await bodies(make, Actor(user, "user")) == ["on my own", "first"]
    assert await bodies(make, Actor(user, "moderator")) == ["internal", "on a hidden one", "on my own", "first"]
    portal, _ = await make.new_portal("Other", host="other.example.com", email="a@example.com")
    assert await bodies(make, Actor(user, "moderator"), portal=portal) == []


async def test_a_long_comment_is_cut(make: Factory) -> None:
    user = await make.user()
    await make.comment(await make.post(title="About it"), author=user, body="x" * 2000)

    page = await make.act(lambda work: own_comments.list_page(work, offset=0), actor=Actor(user, "user"))

    [comment] = page.comments
    assert (len(comment.body), comment.post_title, comment.is_internal) == (500, "About it", False)


async def test_only_users_have_comments_of_their_own(make: Factory) -> None:
    for actor in (VISITOR, OPERATOR):
        with pytest.raises(Forbidden):
            await bodies(make, actor)

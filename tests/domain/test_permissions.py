"""Each rule checks the permission it needs, whoever calls it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain import feedback, product_vision
from app.domain.counters import audit
from app.domain.errors import Forbidden
from app.domain.feedback import FeedbackQuery
from app.domain.models import Board, Comment, Feedback, Post, Status, User, Vote
from app.domain.permissions import OPERATOR, VISITOR, Actor, Permission, is_allowed
from app.domain.portals import deletion, portals, sections, tags
from app.domain.portals.boards import BoardQuery
from app.domain.portals.statuses import StatusQuery
from app.domain.posts import anonymous_votes, attachments, moderation, publishing
from app.domain.posts.attachments import StoredFile
from app.domain.posts.filters import ALL
from app.domain.posts.queries import PostQuery
from app.domain.posts.reply_queries import CommentQuery, VoteQuery
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import (
    accounts,
    api_keys,
    attributes,
    bulk,
    groups,
    identities,
    identity_providers,
    ownership,
    passkeys,
    sessions,
    sign_in,
    sign_on,
    sign_up,
    users,
)
from app.domain.users.identities import Claims
from app.domain.users.identity_providers import ProviderSettings
from app.domain.users.passkeys import StoredPasskey
from app.domain.users.queries import UserQuery
from app.domain.users.sign_in import Credentials
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory

Rule = Callable[[UnitOfWork], Any]

OWNER = Actor(user_id=1, role="owner")
USER = Actor(user_id=1, role="user")
MODERATOR = Actor(user_id=1, role="moderator")
FILE = StoredFile("attachment", "a.png", "a.png", "image/png", 5)
PAGE = {"offset": 0, "limit": 10}
POSTS, USERS = PostQuery((Post.id,)), UserQuery((User.id,), deleted=True)
FEEDBACK = FeedbackQuery((Feedback.id,))
COMMENTS, VOTES, BOARDS = CommentQuery((Comment.id,)), VoteQuery((Vote.id,)), BoardQuery((Board.id,))

OPERATIONS: list[Rule] = [
    lambda work: portals.create(work, title="Other"),
    lambda work: portals.update_setting(work, setting="title", value="Other"),
    lambda work: deletion.delete_portal(work),
    lambda work: ownership.transfer(work, 1),
    lambda work: api_keys.import_key(work, user_id=1, dialect="astuto", digest_="a", prefix="tkn_"),
    lambda work: api_keys.list_keys(work),
    lambda work: api_keys.revoke_all(work),
    lambda work: audit.repair(work),
    lambda work: sections.break_cycles(work),
    lambda work: accounts.find_owner(work, "token", purpose="invitation"),
    lambda work: accounts.accept_invitation(work, "token", name="Jane", password_hash="x"),
    lambda work: accounts.request_password_reset(work, "owner@example.com"),
    lambda work: accounts.request_confirmation(work, "owner@example.com"),
    lambda work: accounts.reset_password(work, "token", password_hash="x"),
    lambda work: accounts.confirm_email(work, "token", browser_token=None),
    lambda work: sessions.create(work, user_id=1, method="link", user_agent=""),
    lambda work: sign_in.find_by_email(work, "owner@example.com", sends_mail=True),
    lambda work: sign_in.complete(work, Credentials(1, "hash", True), sends_mail=True, new_hash=None, user_agent=""),
    lambda work: sign_in.request(work, "owner@example.com", browser_token="browser"),
    lambda work: sign_in.create_link(work, 1),
    lambda work: identity_providers.create(work, ProviderSettings()),
    lambda work: identity_providers.edit(work, 1, ProviderSettings()),
    lambda work: identity_providers.delete_provider(work, 1),
    lambda work: identity_providers.list_all(work),
    lambda work: identity_providers.get(work, 1),
    lambda work: identities.sign_in_by_provider(work, 1, Claims("subject", None, False, None)),
    lambda work: passkeys.find_by_credential(work, "credential"),
    lambda work: passkeys.record_use(
        work, StoredPasskey(1, 1, "key", 0), sign_count=1, challenge="c", expires_at=datetime.now(UTC)
    ),
    lambda work: sign_on.use_proof(work, "proof", user_id=1, expires_at=datetime.now(UTC)),
    lambda work: sign_up.sign_up(
        work, email="jane@example.com", name="Jane", password_hash=None, browser_token="browser"
    ),
    lambda work: sign_in.find_link_owner(work, "token"),
    lambda work: sign_in.use_link(work, "token", browser_token=None),
    lambda work: sign_in.use_code(work, "123456", browser_token="browser"),
]
READS: list[Rule] = [
    lambda work: POSTS.by_id(work, 1),
    lambda work: POSTS.by_code(work, "abcdef"),
    lambda work: POSTS.by_code_or_id(work, "1"),
    lambda work: POSTS.page(work, ALL, order="title", descending=True, **PAGE),
    lambda work: POSTS.page_with_total(work, ALL, order="title", descending=True, **PAGE),
    lambda work: POSTS.ids(work, ALL, order="title", descending=True, **PAGE),
    lambda work: POSTS.by_ids(work, [1]),
    *(
        rule
        for query in (COMMENTS, VOTES)
        for rule in (
            lambda work, query=query: query.by_id(work, 1),
            lambda work, query=query: query.page(work, **PAGE),
            lambda work, query=query: query.for_post(work, 1, limit=1),
            lambda work, query=query: query.ids(work, **PAGE),
            lambda work, query=query: query.by_ids(work, [1]),
        )
    ),
    lambda work: USERS.by_id(work, 1),
    lambda work: USERS.by_uuid(work, "a"),
    lambda work: USERS.by_email(work, "a@example.com"),
    lambda work: USERS.page(work, newest_first=True, **PAGE),
    lambda work: USERS.ids(work, newest_first=True, **PAGE),
    lambda work: USERS.by_ids(work, [1]),
    lambda work: USERS.total(work),
    lambda work: USERS.members(work, 1, **PAGE),
    lambda work: groups.list_all(work),
    lambda work: groups.get(work, 1),
    lambda work: groups.count_members(work, 1),
    lambda work: BOARDS.by_id(work, 1),
    lambda work: BOARDS.by_slug(work, "ideas"),
    lambda work: BOARDS.all(work),
    lambda work: StatusQuery((Status.id,)).all(work),
    lambda work: FEEDBACK.by_id(work, 1),
    lambda work: FEEDBACK.page(work, status=None, **PAGE),
    lambda work: FEEDBACK.ids(work, status=None, **PAGE),
    lambda work: FEEDBACK.by_ids(work, [1]),
    lambda work: FEEDBACK.total(work, status=None),
    lambda work: product_vision.find(work),
    lambda work: attributes.list_groups(work),
    lambda work: attributes.list_plans(work),
    lambda work: moderation.page(work, "pending", **PAGE),
    lambda work: moderation.ids(work, "pending"),
    lambda work: moderation.by_ids(work, "pending", [1]),
]


async def forbidden(make: Factory, rule: Rule, actor: Actor) -> str:
    with pytest.raises(Forbidden) as caught:
        await make.act(rule, actor=actor)
    return caught.value.permission


@pytest.mark.parametrize("rule", OPERATIONS)
async def test_only_the_operator_can_manage_portals_keys_and_repairs(rule: Rule, make: Factory) -> None:
    assert await forbidden(make, rule, OWNER) == "operate"


@pytest.mark.parametrize("rule", READS)
async def test_a_user_can_not_read_with_the_queries_of_the_apis(rule: Rule, make: Factory) -> None:
    assert await forbidden(make, rule, USER) == "read"


@pytest.mark.parametrize(
    ("rule", "permission"),
    [
        (lambda work: tags.add(work, name="Urgent"), "manage_catalogue"),
        (lambda work: tags.edit(work, 1, name="Urgent"), "manage_catalogue"),
        (lambda work: tags.delete(work, 1), "manage_catalogue"),
        (lambda work: groups.add(work, name="Beta"), "manage_users"),
        (lambda work: groups.rename(work, 1, "Beta"), "manage_users"),
        (lambda work: groups.delete_group(work, 1), "manage_users"),
        (lambda work: groups.add_member(work, 1, "a"), "manage_users"),
        (lambda work: groups.remove_member(work, 1, "a"), "manage_users"),
    ],
)
async def test_a_moderator_can_not_change_tags_and_groups(rule: Rule, permission: str, make: Factory) -> None:
    assert await forbidden(make, rule, MODERATOR) == permission


async def test_files_and_invitations_require_a_moderator(make: Factory) -> None:
    post = await make.post(author=await make.user())

    assert await forbidden(make, lambda work: attachments.add(work, post_id=post, file=FILE), USER) == "write_post"
    assert await forbidden(make, lambda work: users.invite(work, make.owner, None), USER) == "register_user"
    assert await make.value("SELECT count(*) FROM attachments") == 0


@pytest.mark.parametrize(
    ("rule", "role", "permission"),
    [
        (lambda work: feedback.create(work, title="A", description="", user_id=None, post_id=None), "user", None),
        (lambda work: feedback.edit(work, 1, title="A"), "user", None),
        (lambda work: feedback.delete(work, 1), "user", None),
        (lambda work: product_vision.save(work, title="A"), "moderator", "edit_vision"),
        (lambda work: product_vision.delete(work), "moderator", "edit_vision"),
        (lambda work: bulk.block(work, []), "user", "block_user"),
        (lambda work: bulk.unblock(work, []), "moderator", "manage_users"),
        (lambda work: sign_up.approve(work, 1), "moderator", "manage_users"),
        (lambda work: sign_up.list_awaiting(work), "moderator", "manage_users"),
        (lambda work: bulk.delete(work, [], with_content=True), "moderator", "manage_users"),
    ],
)
async def test_feedback_the_vision_and_bulk_changes_require_a_role(
    rule: Rule, role: str, permission: str | None, make: Factory
) -> None:
    before = await snapshot(make.server.database)

    assert await forbidden(make, rule, Actor(user_id=1, role=role)) == (permission or "write_feedback")
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_anonymous_votes_and_publishing_require_a_moderator(make: Factory) -> None:
    post = await make.post()
    vote = {"post": post, "anonymous_id": "visitor"}

    assert await forbidden(make, lambda work: anonymous_votes.cast(work, **vote), USER) == "cast_vote"
    assert await forbidden(make, lambda work: anonymous_votes.retract(work, **vote), USER) == "cast_vote"
    assert await forbidden(make, lambda work: publishing.toggle(work, post), USER) == "write_post"
    assert await make.row("SELECT published, votes_count FROM posts") == {"published": True, "votes_count": 0}


FOR_ONESELF = {
    Permission.CAST_VOTE,
    Permission.WRITE_POST,
    Permission.WRITE_COMMENT,
    Permission.CHOOSE_NOTIFICATIONS,
    Permission.MANAGE_ACCOUNT,
}
EVERYBODY = {Permission.VIEW}


@pytest.mark.parametrize("permission", Permission)
def test_below_moderator_a_user_has_permissions_for_oneself_only(permission: Permission) -> None:
    assert is_allowed(USER, permission, of_user=1) == (permission in FOR_ONESELF | EVERYBODY)
    assert is_allowed(USER, permission, of_user=2) == (permission in EVERYBODY)
    assert is_allowed(USER, permission) == (permission in EVERYBODY)
    assert is_allowed(VISITOR, permission) == (permission in EVERYBODY)
    assert is_allowed(VISITOR, permission, of_user=1) == (permission in EVERYBODY)


@pytest.mark.parametrize(
    "rule",
    [
        lambda work: sessions.list_of_user(work, 2),
        lambda work: sessions.revoke(work, 1, user_id=2),
        lambda work: sessions.revoke_all(work, 2),
        lambda work: passkeys.add(work, user_id=2, credential_id="a", public_key="b", sign_count=0, name="Phone"),
        lambda work: passkeys.list_of_user(work, 2),
        lambda work: passkeys.delete_passkey(work, 1, user_id=2),
    ],
)
async def test_nobody_manages_the_sign_in_of_another_user(rule: Rule, make: Factory) -> None:
    for role in ("user", "moderator", "admin", "owner"):
        assert await forbidden(make, rule, Actor(user_id=1, role=role)) == "manage_account"


def test_an_account_is_for_its_user_and_the_operator() -> None:
    permission = Permission.MANAGE_ACCOUNT

    assert [is_allowed(actor, permission, of_user=1) for actor in (USER, OWNER, OPERATOR)] == [True] * 3
    assert not any(is_allowed(actor, permission, of_user=user) for actor in (USER, OWNER) for user in (2, None))


@pytest.mark.parametrize(
    "permission", [Permission.CHOOSE_NOTIFICATIONS, Permission.MANAGE_ACCOUNT, Permission.MANAGE_KEYS]
)
def test_a_moderator_has_some_permissions_for_oneself_only(permission: Permission) -> None:
    assert [is_allowed(MODERATOR, permission, of_user=user) for user in (1, 2, None)] == [True, False, False]


@pytest.mark.parametrize("permission", [Permission.MANAGE_ACCOUNT, Permission.MANAGE_KEYS])
def test_a_key_can_not_change_the_account_of_its_user(permission: Permission) -> None:
    assert not is_allowed(Actor(user_id=1, role="owner", key_id=1), permission, of_user=1)


def test_the_operator_has_every_permission() -> None:
    assert [permission for permission in Permission if not is_allowed(OPERATOR, permission)] == []

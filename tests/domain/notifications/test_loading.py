"""What an email says when it is sent, and why it is not sent any more."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from app.domain.notifications import choices
from app.domain.notifications.content import Account, Content, Item, Post, Recap
from app.domain.notifications.loading import (
    MAX_DIGEST_TEXT,
    MAX_TEXT,
    encode_digest,
    encode_notification,
    encode_recap,
    load_account_mail,
    load_content,
)
from app.domain.notifications.mentions import MAX_MENTIONS, find_mentions
from app.domain.posts import comments, follows, moderation, publishing, update
from app.domain.users import deletion, profile, users
from tests.support.factory import Factory
from tests.support.stored_events import BASE_URL

BODY = "It works <@{jane}> & <@00000000-0000-4000-8000-000000000000>"


@dataclass(frozen=True)
class Email:
    """A queued email."""

    kind: str
    user_id: int | None
    post_id: int | None
    payload: str | None


@dataclass(frozen=True)
class Scene:
    """A public post of Joe that Jane follows, with a comment of Joe, and the status that it got."""

    make: Factory
    jane: int
    joe: int
    post: int
    comment: int
    status: int

    def email(self, kind: str, subject: int | None = None) -> Email:
        subject = subject or {"status_change": self.status, "new_post": None, "pending_post": None}.get(
            kind, self.comment
        )
        return Email(kind, self.jane, self.post, encode_notification(BASE_URL, subject_id=subject))

    def digest(self, *items: tuple[str, int, int | None]) -> Email:
        return Email("digest", self.jane, None, encode_digest(BASE_URL, items))

    async def load(self, email: Email, *, portal: int | None = None) -> Content | str:
        return await self.make.act(lambda work: load_content(work, email), portal=portal)

    async def items(self, email: Email) -> list[Item]:
        content = await self.load(email)
        assert isinstance(content, Content), content
        return list(content.items)


@pytest_asyncio.fixture
async def scene(make: Factory) -> Scene:
    """The scene; Jane is a moderator who asked for everything."""
    jane = await make.user(name="Jane Roe", email="jane@example.com", role="moderator")
    joe = await make.user(name="joe@example.com")
    post = await make.post(title="Dark mode", description="For *eyes*", author=joe)
    await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    comment = await make.comment(post, author=joe, body=BODY.format(jane=await make.uuid(jane)))
    for kind in ("new_post", "pending_post"):
        await make.act(lambda work, kind=kind: choices.set_choice(work, jane, kind, "at_once"))
    await make.run("UPDATE portals SET title = 'Ideas', locale = 'de', accent_color = '#0096ff'")
    return Scene(make, jane, joe, post, comment, make.statuses["Planned"])


async def the_post(scene: Scene) -> Post:
    return Post(scene.post, "Dark mode", f"{BASE_URL}/p/dark-mode-{await scene.make.code(scene.post)}")


@pytest.mark.parametrize("kind", ["post_update", "comment", "reply", "mention"])
async def test_mail_about_a_comment_has_its_text_and_author(scene: Scene, kind: str) -> None:
    content = await scene.load(scene.email(kind))

    expected = Item(
        kind,
        await the_post(scene),
        # A name that is an address is shown as on the public pages.
        "joe",
        text="It works @Jane Roe & <@00000000-0000-4000-8000-000000000000>",
        comment_id=scene.comment,
    )
    assert content == Content(
        kind=kind,
        user_id=scene.jane,
        to_name="Jane Roe",
        to_email="jane@example.com",
        portal_title="Ideas",
        locale="de",
        accent_color="#0096ff",
        base_url=BASE_URL,
        items=[expected],
    )


@pytest.mark.parametrize("kind", ["comment", "digest", "recap"])
@pytest.mark.parametrize(("own", "expected"), [(None, "de"), ("en", "en")])
async def test_mail_is_in_the_language_of_its_recipient(
    scene: Scene, kind: str, own: str | None, expected: str
) -> None:
    await scene.make.act(lambda work: profile.edit(work, scene.jane, locale=own))
    await scene.make.run("UPDATE users SET recap = 'daily' WHERE id = :id", id=scene.jane)
    recap = encode_recap(BASE_URL, frequency="daily", published=1, pending=0)
    emails = {
        "comment": scene.email("comment"),
        "digest": scene.digest(("comment", scene.post, scene.comment)),
        "recap": Email("recap", scene.jane, None, recap),
    }

    content = await scene.load(emails[kind])

    assert isinstance(content, Content)
    assert content.locale == expected


async def test_mail_about_a_status_has_the_status_of_its_event(scene: Scene) -> None:
    assert await scene.items(scene.email("status_change")) == [
        Item("status_change", await the_post(scene), None, status=("Planned", "#0096ff"))
    ]


async def test_mail_about_a_post_has_its_description(scene: Scene) -> None:
    new = await scene.items(scene.email("new_post"))
    await scene.make.run("UPDATE posts SET moderation = 'pending', user_id = NULL, description = NULL")
    pending = await scene.items(scene.email("pending_post"))

    post = await the_post(scene)
    assert new == [Item("new_post", post, "joe", text="For *eyes*")]
    assert pending == [Item("pending_post", post, None)]


async def test_long_texts_are_cut_off(scene: Scene) -> None:
    exact, longer = await scene.make.comment(scene.post, body="x" * MAX_TEXT), None
    longer = await scene.make.comment(scene.post, body="x" * (MAX_TEXT + 1))

    (whole,), (cut,) = [await scene.items(scene.email("reply", comment)) for comment in (exact, longer)]
    in_digest = await scene.items(scene.digest(("reply", scene.post, longer)))

    assert (whole.text, cut.text) == ("x" * MAX_TEXT, "x" * MAX_TEXT + "…")
    assert [item.text for item in in_digest] == ["x" * MAX_DIGEST_TEXT + "…"]


def test_mentions_are_found_once_each_and_up_to_a_maximum() -> None:
    uuids = [f"00000000-0000-4000-8000-{number:012x}" for number in range(MAX_MENTIONS + 5)]
    everybody = " ".join(f"<@{uuid}>" for uuid in uuids)

    assert find_mentions(everybody) == uuids[:MAX_MENTIONS]
    assert find_mentions(f"<@{uuids[1].upper()}>,<@{uuids[1]}><@{uuids[0]}>") == [uuids[1], uuids[0]]
    assert find_mentions(f"@Jane {uuids[0]} <@{uuids[0]} <@> <#ABCDEF> <@{uuids[0]}0>") == []


async def change(scene: Scene, what: str) -> None:
    """Something that happens between the event and the email."""
    make, jane, post = scene.make, scene.jane, scene.post
    rules: dict[str, Callable[[Any], Any]] = {
        "blocked": lambda work: users.block(work, jane),
        "deleted": lambda work: deletion.delete(work, jane, with_content=False),
        "stopped": lambda work: choices.set_enabled(work, jane, False),
        "demoted": lambda work: users.update(work, jane, role="user"),
        "unfollowed": lambda work: choices.stop_following(work, jane, post),
        "post rejected": lambda work: moderation.set(work, post, "rejected"),
        "post pending": lambda work: moderation.set(work, post, "pending"),
        "post unpublished": lambda work: publishing.toggle(work, post),
        "post deleted": lambda work: update.delete(work, post),
        "comment deleted": lambda work: comments.delete(work, scene.comment, with_replies=False),
        "no summary": lambda work: choices.set_recap(work, jane, "never"),
    }
    statements = {
        "without address": f"UPDATE users SET email = NULL, email_key = NULL WHERE id = {jane}",
        "unconfirmed": f"UPDATE users SET signed_up_at = created_at, email_confirmed_at = NULL WHERE id = {jane}",
        "comment internal": "UPDATE comments SET internal = true",
        "status deleted": "DELETE FROM statuses WHERE name = 'Planned'",
    }
    if what in rules:
        await make.act(rules[what])
    elif what in statements:
        await make.run(statements[what])
    else:
        await make.act(lambda work: choices.set_choice(work, jane, what.removeprefix("no "), "never"))


OF_FOLLOWERS = ("post_update", "status_change", "comment")
OF_COMMENTS = ("post_update", "comment", "reply", "mention")
OF_PUBLIC_POSTS = (*OF_COMMENTS, "status_change", "new_post")
OF_STAFF = ("new_post", "pending_post")
EVERY_KIND = (*OF_PUBLIC_POSTS, "pending_post")
REASONS = {
    "blocked": ("the recipient is blocked", EVERY_KIND),
    "deleted": ("the recipient was deleted", EVERY_KIND),
    "without address": ("the recipient has no address", EVERY_KIND),
    "unconfirmed": ("the recipient has not confirmed the address", EVERY_KIND),
    "stopped": ("the recipient stopped all notifications", EVERY_KIND),
    "demoted": ("the recipient is not a moderator, administrator or owner any more", OF_STAFF),
    "unfollowed": ("the recipient does not follow the post any more", OF_FOLLOWERS),
    "post rejected": ("visitors can not see the post", OF_PUBLIC_POSTS),
    "post pending": ("visitors can not see the post", OF_PUBLIC_POSTS),
    "post unpublished": ("visitors can not see the post", OF_PUBLIC_POSTS),
    "post deleted": ("the post was deleted", EVERY_KIND),
    "comment deleted": ("the comment was deleted", OF_COMMENTS),
    "comment internal": ("the comment was deleted", OF_COMMENTS),
    "status deleted": ("the status was deleted", ("status_change",)),
    **{f"no {kind}": ("the recipient refused this kind of notification", (kind,)) for kind in EVERY_KIND},
}


@pytest.mark.parametrize("what", REASONS)
async def test_mail_that_must_not_be_sent_any_more_has_a_reason(scene: Scene, what: str) -> None:
    kinds = [kind for kind in EVERY_KIND if kind != "pending_post"]
    before = {kind: await scene.load(scene.email(kind)) for kind in kinds}
    await change(scene, what)
    after = {kind: await scene.load(scene.email(kind)) for kind in kinds}

    reason, kinds_without_mail = REASONS[what]
    assert [content for content in before.values() if not isinstance(content, Content)] == []
    assert after == {kind: reason if kind in kinds_without_mail else content for kind, content in before.items()}


@pytest.mark.parametrize("what", [what for what, (_, kinds) in REASONS.items() if "pending_post" in kinds])
async def test_mail_about_a_pending_post_that_must_not_be_sent_any_more(scene: Scene, what: str) -> None:
    await scene.make.run("UPDATE posts SET moderation = 'pending'")
    before = await scene.load(scene.email("pending_post"))

    await change(scene, what)

    assert isinstance(before, Content)
    assert await scene.load(scene.email("pending_post")) == REASONS[what][0]


async def test_a_post_that_was_decided_does_not_wait_for_approval(scene: Scene) -> None:
    for what in ("approved", "rejected"):
        await scene.make.run(f"UPDATE posts SET moderation = '{what}'")
        assert await scene.load(scene.email("pending_post")) == "the post does not wait for approval any more"


async def test_a_deleted_recipient_without_a_row_has_a_reason(scene: Scene) -> None:
    for user in (None, 12345):
        assert await scene.load(Email("comment", user, scene.post, "{}")) == "the recipient was deleted"


async def test_nothing_of_another_portal_is_shown(scene: Scene) -> None:
    make = scene.make
    elsewhere, stranger = await make.new_portal("Other", host="ideas.example.com", email="owner@example.com")
    others = await make.post(title="Secret", author=stranger, portal=elsewhere)
    secret = await make.comment(others, author=stranger, portal=elsewhere)
    await make.run("UPDATE posts SET status_id = NULL")

    assert await scene.load(scene.email("comment"), portal=elsewhere) == "the recipient was deleted"
    assert await scene.load(scene.email("comment", secret)) == "the comment was deleted"
    email = Email("reply", scene.jane, others, encode_notification(BASE_URL, subject_id=secret))
    assert await scene.load(email) == "the post was deleted"
    status = await make.value(f"SELECT id FROM statuses WHERE portal_id = {elsewhere} AND name = 'Planned'")
    assert await scene.load(scene.email("status_change", status)) == "the status was deleted"
    mention = await make.comment(scene.post, body=f"<@{await make.uuid(stranger)}>")
    (item,) = await scene.items(scene.email("reply", mention))
    assert item.text == f"<@{await make.uuid(stranger)}>"


class TestDigests:
    async def test_items_are_those_that_may_be_shown_in_their_order(self, scene: Scene) -> None:
        make = scene.make
        hidden, gone = await make.post(), await make.post()
        for post in (hidden, gone):
            await make.act(lambda work, post=post: follows.add(work, post_id=post, user_id=scene.jane))
        second = await make.comment(scene.post, author=scene.joe, body="Hidden")
        third = await make.comment(scene.post, author=scene.joe, body="Thanks")
        of_hidden = await make.comment(hidden)
        items = [
            ("new_post", scene.post, None),
            ("post_update", hidden, of_hidden),
            ("comment", scene.post, second),
            ("reply", scene.post, third),
            ("new_post", gone, None),
            ("mention", scene.post, scene.comment),
        ]
        await make.act(lambda work: publishing.toggle(work, hidden))
        await make.act(lambda work: update.delete(work, gone))
        await make.act(lambda work: comments.delete(work, second, with_replies=False))
        await make.act(lambda work: choices.set_choice(work, scene.jane, "mention", "never"))

        found = await scene.items(scene.digest(*items))

        post = await the_post(scene)
        assert found == [
            Item("new_post", post, "joe", text="For *eyes*"),
            Item("reply", post, "joe", text="Thanks", comment_id=third),
        ]

    async def test_of_several_changes_of_a_status_the_last_one_is_shown(self, scene: Scene) -> None:
        make = scene.make
        other = await make.post(title="Export")
        await make.act(lambda work: follows.add(work, post_id=other, user_id=scene.jane))
        done = make.statuses["Completed"]
        items = [(scene.post, scene.status), (other, scene.status), (scene.post, done), (scene.post, scene.status)]
        items += [(scene.post, done)]

        found = await scene.items(scene.digest(*(("status_change", *item) for item in items)))

        assert [(item.post.title, item.status and item.status[0]) for item in found] == [
            ("Export", "Planned"),
            ("Dark mode", "Completed"),
        ]

    async def test_a_digest_of_which_nothing_is_left_has_a_reason(self, scene: Scene) -> None:
        await change(scene, "post rejected")

        digest = scene.digest(("comment", scene.post, scene.comment), ("status_change", scene.post, scene.status))
        assert await scene.load(digest) == "visitors can not see the post"

    @pytest.mark.parametrize("what", ["blocked", "deleted", "without address", "unconfirmed", "stopped"])
    async def test_a_digest_is_not_sent_to_who_gets_no_mail(self, scene: Scene, what: str) -> None:
        await change(scene, what)

        assert await scene.load(scene.digest(("reply", scene.post, scene.comment))) == REASONS[what][0]


class TestRecaps:
    async def test_a_summary_has_its_counts(self, scene: Scene) -> None:
        await scene.make.act(lambda work: choices.set_recap(work, scene.jane, "weekly"))
        payload = encode_recap(BASE_URL, frequency="daily", published=3, pending=1)

        content = await scene.load(Email("recap", scene.jane, None, payload))

        assert isinstance(content, Content)
        assert (content.kind, content.items) == ("recap", ())
        assert content.recap == Recap("daily", 3, 1, f"{BASE_URL}/")

    @pytest.mark.parametrize(
        ("what", "reason"),
        [
            ("no summary", "the recipient refused the summary"),
            ("demoted", "the recipient is not a moderator, administrator or owner any more"),
            ("stopped", "the recipient stopped all notifications"),
            ("blocked", "the recipient is blocked"),
        ],
    )
    async def test_a_summary_that_must_not_be_sent_any_more(self, scene: Scene, what: str, reason: str) -> None:
        await scene.make.act(lambda work: choices.set_recap(work, scene.jane, "daily"))
        await change(scene, what)

        payload = encode_recap(BASE_URL, frequency="daily", published=3, pending=1)
        assert await scene.load(Email("recap", scene.jane, None, payload)) == reason


class TestAccountMail:
    async def load(self, scene: Scene, **how: Any) -> Content | str:
        email = Email("password_reset", scene.jane, None, None)
        account = Account(link=f"{BASE_URL}/password-reset?token=x")
        return await scene.make.act(lambda work: load_account_mail(work, email, account, base_url=BASE_URL, **how))

    async def test_it_is_sent_whatever_the_user_chose(self, scene: Scene) -> None:
        await change(scene, "stopped")

        content = await self.load(scene)
        assert isinstance(content, Content)
        assert content.account == Account(link=f"{BASE_URL}/password-reset?token=x")
        assert (content.kind, content.to_email, content.items) == ("password_reset", "jane@example.com", ())
        former = await self.load(scene, to_email="jane@example.org")
        assert isinstance(former, Content)
        assert former.to_email == "jane@example.org"

    @pytest.mark.parametrize("what", ["blocked", "deleted", "without address"])
    async def test_it_is_not_sent_to_who_can_not_sign_in(self, scene: Scene, what: str) -> None:
        await change(scene, what)

        assert await self.load(scene) == REASONS[what][0]


async def test_a_payload_has_ids_and_no_texts(scene: Scene) -> None:
    assert json.loads(scene.email("comment").payload or "") == {"base_url": BASE_URL, "subject_id": scene.comment}

"""The rows of the benchmarks: the same users, posts, votes and comments for Earshot and for the ceiling.

They depend on the amounts only, so that two databases of the same amounts are equal on both engines.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from app.domain.identifiers import ALPHABET, slugify
from app.domain.posts.create import make_excerpt
from tests.domain.search.titles import titles

PORTAL, OWNER = 1, 1
BOARDS, VOTEABLE_STATUSES, SECTIONS, CATEGORIES = 10, 3, 5, 21
SOMEDAY = 6
"""A status in addition to the five of a new portal."""
RARE = {"board": BOARDS, "status": SOMEDAY, "section": SECTIONS, "category": CATEGORIES}
"""Values of only some ten posts, for filters with few results."""
RARE_POSTS = 10

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
_WORDS = """
dark mode export search slow login button mobile app crash report dashboard filter sort webhook rate limit invoice
billing team invite role permission email notification digest import calendar chart theme font color keyboard shortcut
editor markdown upload image avatar profile language translate offline cache performance page load error message time
zone date format
"""
_CHOICE = _WORDS.split()

Table = tuple[str, tuple[str, ...], Iterator[tuple[Any, ...]]]
"""A table's name, the columns that are filled, and its rows."""
TimestampAdapter = Callable[[datetime], Any]
"""Converts a timestamp for the driver of the engine."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """The numbers of rows. Votes and comments are spread evenly over the posts."""

    posts: int = 100_000
    votes: int = 500_000
    comments: int = 200_000
    users: int = 20_000

    def __str__(self) -> str:
        return ", ".join(f"{getattr(self, each.name):,} {each.name}" for each in fields(self))

    def user(self, number: int) -> int:
        """The id of the n-th user; the owner comes before all of them."""
        return OWNER + 1 + number % self.users

    def share(self, whole: int, post: int) -> int:
        """How many of `whole` the post with this id has."""
        return whole // self.posts + (post <= whole % self.posts)

    def is_rare(self, post: int) -> bool:
        """Whether the post has the values of RARE."""
        return post % max(1, self.posts // RARE_POSTS) == 0


def user_uuid(user: int) -> str:
    """The UUID of a user, made from the id."""
    return f"00000000-0000-4000-8000-{user:012}"


def code(post: int) -> str:
    """Six characters that begin with a letter, unique for a thousand million posts, in no order."""
    number, text = post * 498_729_167 % 62**5, ALPHABET[10 + post % 52]
    for _ in range(5):
        number, digit = divmod(number, 62)
        text += ALPHABET[digit]
    return text


@dataclass(frozen=True, slots=True)
class Draft:
    """A post of both schemas."""

    id: int
    author: int
    board: int
    status: int
    section: int | None
    categories: tuple[int, ...]
    title: str
    text: str
    created_at: datetime


def drafts(amounts: Amounts) -> Iterator[Draft]:
    """All posts, oldest first, a minute apart."""
    chance = random.Random("posts")
    for post, title in enumerate(titles(amounts.posts), 1):
        board, status = chance.randint(1, BOARDS - 1), chance.randint(1, VOTEABLE_STATUSES)
        section = chance.randint(1, SECTIONS - 1) if chance.random() < 0.2 else None
        categories = chance.sample(range(1, CATEGORIES), 2)
        if amounts.is_rare(post):
            board, status, section, categories[0] = RARE["board"], RARE["status"], RARE["section"], RARE["category"]
        yield Draft(
            post,
            amounts.user(chance.randrange(amounts.users)),
            board,
            status,
            section,
            tuple(sorted(categories)),
            title,
            _prose(chance, 72),
            BEGINNING + timedelta(minutes=post),
        )


def _prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(_CHOICE, k=words))


def _votes(amounts: Amounts) -> Iterator[tuple[int, int, int, datetime]]:
    """Vote, post, voter, timestamp. The voters of a post are seven ids apart, so that they differ."""
    chance, vote = random.Random("votes"), 0
    for post in range(1, amounts.posts + 1):
        first = chance.randrange(amounts.users)
        for turn in range(amounts.share(amounts.votes, post)):
            vote += 1
            yield vote, post, amounts.user(first + 7 * turn), BEGINNING + timedelta(minutes=post, seconds=turn)


def _comments(amounts: Amounts) -> Iterator[tuple[int, int, int, str, datetime]]:
    """Comment, post, author, text, timestamp."""
    chance, comment = random.Random("comments"), 0
    for post in range(1, amounts.posts + 1):
        for turn in range(amounts.share(amounts.comments, post)):
            comment += 1
            author = amounts.user(chance.randrange(amounts.users))
            yield comment, post, author, _prose(chance, 20), BEGINNING + timedelta(minutes=post, seconds=turn)


def of_earshot(amounts: Amounts, at: TimestampAdapter) -> Iterator[Table]:
    """The rows of Earshot's tables in addition to those of a new portal, in the order of their references."""
    then = at(BEGINNING)
    both = ("created_at", "updated_at")
    yield (
        "users",
        ("id", "portal_id", "uuid", "email", "email_key", "name", *both),
        (
            (user, PORTAL, user_uuid(user), address, address, f"User Name {user}", joined, joined)
            for user in map(amounts.user, range(amounts.users))
            for address, joined in ((f"user{user}@example.org", at(BEGINNING + timedelta(seconds=user))),)
        ),
    )
    yield (
        "boards",
        ("id", "portal_id", "name", "slug", "position", *both),
        ((board, PORTAL, f"Board {board}", f"board-{board}", board, then, then) for board in range(3, BOARDS + 1)),
    )
    yield (
        "statuses",
        ("id", "portal_id", "tab_id", "name", "color", "position", *both),
        iter([(SOMEDAY, PORTAL, 1, "Someday", "#336699", SOMEDAY, then, then)]),
    )
    yield (
        "sections",
        ("id", "portal_id", "tab_id", "title", "position", *both),
        ((section, PORTAL, 1, f"Section {section}", section, then, then) for section in range(1, SECTIONS + 1)),
    )
    yield (
        "categories",
        ("id", "portal_id", "name", "name_key", "color", *both),
        (
            (each, PORTAL, f"Category {each}", f"category {each}", "#3366ff", then, then)
            for each in range(1, CATEGORIES + 1)
        ),
    )
    yield "posts", (
        "id", "portal_id", "code", "slug", "board_id", "user_id", "status_id", "section_id", "title", "description",
        "description_short", "votes_count", "comments_count", "status_changed_at", *both,
    ), (
        (
            post.id, PORTAL, code(post.id), f"{slugify(post.title)}-{post.id}", post.board, post.author,
            post.status, post.section, post.title, post.text, make_excerpt(post.text),
            amounts.share(amounts.votes, post.id), amounts.share(amounts.comments, post.id), created_at, created_at,
            created_at,
        )
        for post in drafts(amounts)
        for created_at in (at(post.created_at),)
    )  # fmt: skip
    yield (
        "post_categories",
        ("post_id", "category_id"),
        ((post.id, category) for post in drafts(amounts) for category in post.categories),
    )
    yield (
        "votes",
        ("id", "portal_id", "post_id", "user_id", *both),
        (
            (vote, PORTAL, post, voter, timestamp, timestamp)
            for vote, post, voter, cast_at in _votes(amounts)
            for timestamp in (at(cast_at),)
        ),
    )
    yield (
        "comments",
        ("id", "portal_id", "post_id", "user_id", "body", *both),
        (
            (comment, PORTAL, post, author, text, timestamp, timestamp)
            for comment, post, author, text, written_at in _comments(amounts)
            for timestamp in (at(written_at),)
        ),
    )


def of_ceiling(amounts: Amounts, at: TimestampAdapter, key_hash: str) -> Iterator[Table]:
    """The rows of the ceiling's tables, all columns in their order."""
    then = at(BEGINNING)
    yield "portals", (), iter([(PORTAL, "Feedback", then)])
    yield "api_keys", (), iter([(1, PORTAL, OWNER, key_hash, then)])
    yield (
        "users",
        (),
        (
            (user, PORTAL, f"User Name {user}", f"user{user}@example.org", f"/avatars/{user}.png", then)
            for user in map(amounts.user, range(amounts.users))
        ),
    )
    yield "boards", (), ((each, PORTAL, f"Board {each}", f"board-{each}", then) for each in range(1, BOARDS + 1))
    yield "statuses", (), ((each, PORTAL, f"Status {each}", "#3366ff", then) for each in range(1, SOMEDAY + 1))
    yield (
        "categories",
        (),
        ((each, PORTAL, f"Category {each}", f"category-{each}", then) for each in range(1, CATEGORIES + 1)),
    )
    yield "posts", (), (
        (
            post.id, PORTAL, post.author, post.board, post.status, post.title, post.text,
            amounts.share(amounts.votes, post.id), amounts.share(amounts.comments, post.id), at(post.created_at),
        )
        for post in drafts(amounts)
    )  # fmt: skip
    yield (
        "post_categories",
        (),
        ((post.id, category, PORTAL, then) for post in drafts(amounts) for category in post.categories),
    )
    yield "votes", (), ((vote, PORTAL, post, voter, at(cast_at)) for vote, post, voter, cast_at in _votes(amounts))
    yield (
        "comments",
        (),
        (
            (comment, PORTAL, post, author, text, at(written_at))
            for comment, post, author, text, written_at in _comments(amounts)
        ),
    )

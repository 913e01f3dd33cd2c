"""Records the responses to writers, and compares them with the database: each acknowledged write is stored once."""

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from tests.support.sql import rows

Key = TypeVar("Key", bound=Hashable)

CUT_BY: Final = "cut by"
"""The prefix of the outcome of a request without a response; the kind of error follows."""


@dataclass
class Tally:
    """How often a write was acknowledged, and how often its outcome is unknown: then it may be stored or not."""

    acknowledged: int = 0
    unknown: int = 0

    def add(self, *, acknowledged: bool) -> None:
        if acknowledged:
            self.acknowledged += 1
        else:
            self.unknown += 1

    def allows(self, count: int) -> bool:
        return self.acknowledged <= count <= self.acknowledged + self.unknown


@dataclass
class Entry:
    """A post, comment or vote: how often it was created and deleted, and its id, if it is known."""

    created: Tally = field(default_factory=Tally)
    deleted: Tally = field(default_factory=Tally)
    id: int | str | None = None

    @property
    def is_absent(self) -> bool:
        """Whether it is known not to exist."""
        is_known = not (self.created.unknown or self.deleted.unknown)
        return is_known and self.created.acknowledged == self.deleted.acknowledged


@dataclass
class StatusHistory:
    """The status changes of a post; `last` is the last acknowledged status."""

    changes: Tally = field(default_factory=Tally)
    last: int | None = None

    def allows(self, status: int | None) -> bool:
        """Whether the post may have this status: after an unknown outcome, it may have any."""
        return bool(self.changes.unknown) or self.last in (None, status)


class Journal:
    """Shared by concurrent writers. Posts by title, comments by body, votes by post and user, statuses by post."""

    def __init__(self) -> None:
        self.posts: dict[str, Entry] = {}
        self.comments: dict[str, Entry] = {}
        self.votes: dict[tuple[int, int], Entry] = {}
        self.statuses: dict[int, StatusHistory] = {}
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.changed = threading.Condition()

    def note(self, outcome: str) -> None:
        """Count the outcome of a request."""
        with self.changed:
            self.outcomes[outcome] += 1
            self.changed.notify_all()

    def complain(self, what: str) -> None:
        """Record a response that must never occur, whatever breaks."""
        with self.changed:
            self.wrong.append(what)
            self.changed.notify_all()

    @property
    def acknowledged(self) -> int:
        return self.outcomes["acknowledged"]

    @property
    def cut(self) -> int:
        """The number of requests that were at least partly sent and got no response."""
        return sum(many for outcome, many in self.outcomes.items() if outcome.startswith(CUT_BY))

    def await_a_moment(self, chance: random.Random) -> None:
        """Wait until writes are in progress, and then a random time."""
        self.await_outcomes("acknowledged", chance.randrange(20, 120))
        time.sleep(chance.uniform(0, 0.02))

    def await_outcomes(self, outcome: str, many: int, *, seconds: float = 60) -> None:
        """Wait for this number of further requests with this outcome."""
        with self.changed:
            target = self.outcomes[outcome] + many
            reached = self.changed.wait_for(lambda: self.wrong or self.outcomes[outcome] >= target, seconds)
        assert not self.wrong, self.wrong[:3]
        assert reached, f"{outcome}: {self.outcomes[outcome]} of {target}"

    def differences(self, url: str) -> list[str]:
        """Every difference between database and journal; empty if no write was lost or stored twice."""
        events = _Events(url)
        return [
            *self._post_differences(url, events),
            *self._comment_differences(url, events),
            *self._vote_differences(url, events),
            *self._status_differences(url),
        ]

    def _post_differences(self, url: str, events: "_Events") -> list[str]:
        ids: dict[str, list[int]] = defaultdict(list)
        # A post is deleted by the id of the dialect that created it, which for ProductLift is the code.
        id_of = dict(events.ids_of_deleted_codes)
        for post, code, title in rows(url, "SELECT id, code, title FROM posts"):
            ids[title].append(post)
            id_of[code] = id_of[post] = post

        def subject(title: str, entry: Entry) -> Hashable:
            return id_of.get(entry.id, ids[title][0] if ids[title] else entry.id)

        wrong = _compare("post", self.posts, ids, subject, events, "post.submitted", "post.deleted")
        return wrong + [
            f"post {title!r}: neither the post nor its post.deleted is there"
            for title, entry in self.posts.items()
            if isinstance(subject(title, entry), str)
        ]

    def _comment_differences(self, url: str, events: "_Events") -> list[str]:
        ids: dict[str, list[int]] = defaultdict(list)
        for comment, body in rows(url, "SELECT id, body FROM comments"):
            ids[body].append(comment)

        def subject(body: str, entry: Entry) -> Hashable:
            return entry.id or (ids[body][0] if ids[body] else None)

        return _compare("comment", self.comments, ids, subject, events, "comment.written", "comment.deleted")

    def _vote_differences(self, url: str, events: "_Events") -> list[str]:
        pairs: dict[tuple[int, int], list[int]] = defaultdict(list)
        for vote, post, user in rows(url, "SELECT id, post_id, user_id FROM votes"):
            pairs[post, user].append(vote)
        return _compare("vote", self.votes, pairs, lambda pair, _: pair, events, "vote.cast", "vote.retracted")

    def _status_differences(self, url: str) -> list[str]:
        stored: dict[int, list[int | None]] = defaultdict(list)
        for post, status in rows(url, "SELECT post_id, status_id FROM status_changes ORDER BY id"):
            stored[post].append(status)
        current = dict(rows(url, "SELECT id, status_id FROM posts"))
        events = Counter(post for (post,) in rows(url, "SELECT post_id FROM facts WHERE kind = 'post.status_changed'"))
        wrong = []
        for post, history in self.statuses.items():
            changes = stored[post]
            if not history.changes.allows(len(changes)) or events[post] != len(changes):
                wrong.append(
                    f"status of post {post}: {history}, but there are {len(changes)} changes and {events[post]} events"
                )
            if (changes and current[post] != changes[-1]) or not history.allows(current[post]):
                wrong.append(f"status of post {post}: {history}, but it has {current[post]} after {changes[-1:]}")
        return wrong


class _Events:
    """The number of events, by kind and subject."""

    def __init__(self, url: str) -> None:
        self.counts: Counter[tuple[str, Hashable]] = Counter()
        self.ids_of_deleted_codes: dict[int | str | None, int] = {}
        for kind, post, subject, user, body in rows(url, "SELECT kind, post_id, subject_id, user_id, body FROM facts"):
            about = {"vote": (post, user), "comment": subject}.get(kind.partition(".")[0], post)
            self.counts[kind, about] += 1
            if kind == "post.deleted":
                self.ids_of_deleted_codes[json.loads(body)["code"]] = post


def _compare(
    name: str,
    entries: Mapping[Key, Entry],
    stored: Mapping[Key, Sequence[int]],
    subject: Callable[[Key, Entry], Hashable],
    events: _Events,
    created: str,
    deleted: str,
) -> list[str]:
    """Compare the stored rows, the events of the two kinds, and the responses."""
    wrong = [f"{name} {key!r}: no writer created it" for key in stored.keys() - entries.keys()]
    for key, entry in entries.items():
        count, about = len(stored.get(key, ())), subject(key, entry)
        creations, deletions = events.counts[created, about], events.counts[deleted, about]
        if count > 1 or creations - deletions != count:
            wrong.append(f"{name} {key!r}: {count} rows, {creations} events of creation and {deletions} of deletion")
        elif not entry.created.allows(creations) or not entry.deleted.allows(deletions):
            wrong.append(f"{name} {key!r}: {entry}, but {creations} events of creation and {deletions} of deletion")
    return wrong

"""Records the responses to writers, and compares them with the database: each acknowledged write is stored once."""

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.sql import rows

CUT_BY: Final = "cut by"
"""The prefix of the outcome of a request without a response; the kind of error follows."""


@dataclass
class Tally:
    """How often a write was acknowledged, and how often its response was lost: then it may be stored or not."""

    sure: int = 0
    perhaps: int = 0

    def add(self, *, acknowledged: bool) -> None:
        if acknowledged:
            self.sure += 1
        else:
            self.perhaps += 1

    def allows(self, count: int) -> bool:
        return self.sure <= count <= self.sure + self.perhaps


@dataclass
class Thing:
    """A post, comment or vote: how often it was created and deleted. `number` is its id, if it is known."""

    made: Tally = field(default_factory=Tally)
    gone: Tally = field(default_factory=Tally)
    number: int | str | None = None


@dataclass
class Course:
    """The status changes of a post; `last` is the last acknowledged status."""

    changes: Tally = field(default_factory=Tally)
    last: int | None = None

    def allows(self, status: int | None) -> bool:
        """Whether the post may have this status: after a lost response, it may have any."""
        return bool(self.changes.perhaps) or self.last in (None, status)


class Journal:
    """Shared by concurrent writers. Posts by title, comments by body, votes by post and user, statuses by post."""

    def __init__(self) -> None:
        self.posts: dict[str, Thing] = {}
        self.comments: dict[str, Thing] = {}
        self.votes: dict[tuple[int, int], Thing] = {}
        self.statuses: dict[int, Course] = {}
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
        facts = _Facts(url)
        return [*self._posts(url, facts), *self._comments(url, facts), *self._votes(url, facts), *self._courses(url)]

    def _posts(self, url: str, facts: "_Facts") -> list[str]:
        standing: dict[str, list[int]] = defaultdict(list)
        numbers: dict[int | str | None, int] = {}
        for number, code, title in rows(url, "SELECT id, code, title FROM posts"):
            standing[title].append(number)
            numbers[code] = numbers[number] = number
        numbers |= facts.deleted_codes
        wrong = [f"post {title!r}: no writer created it" for title in standing.keys() - self.posts.keys()]
        for title, thing in self.posts.items():
            ids = standing.get(title, [])
            number = numbers.get(thing.number, ids[0] if ids else thing.number)
            if isinstance(number, str):
                wrong.append(f"post {title!r}: neither the post nor its post.deleted is there")
                continue
            wrong += _compare(f"post {title!r}", thing, len(ids), facts, "post.submitted", "post.deleted", number)
        return wrong

    def _comments(self, url: str, facts: "_Facts") -> list[str]:
        standing: dict[str, list[int]] = defaultdict(list)
        for number, body in rows(url, "SELECT id, body FROM comments"):
            standing[body].append(number)
        wrong = [f"comment {body!r}: no writer created it" for body in standing.keys() - self.comments.keys()]
        for body, thing in self.comments.items():
            ids = standing.get(body, [])
            number = thing.number or (ids[0] if ids else None)
            kinds = ("comment.written", "comment.deleted")
            wrong += _compare(f"comment {body!r}", thing, len(ids), facts, *kinds, number)
        return wrong

    def _votes(self, url: str, facts: "_Facts") -> list[str]:
        standing = Counter(rows(url, "SELECT post_id, user_id FROM votes"))
        wrong = [f"vote {pair}: no writer cast it" for pair in standing.keys() - self.votes.keys()]
        for pair, thing in self.votes.items():
            wrong += _compare(f"vote {pair}", thing, standing[pair], facts, "vote.cast", "vote.retracted", pair)
        return wrong

    def _courses(self, url: str) -> list[str]:
        history: dict[int, list[int | None]] = defaultdict(list)
        for post, status in rows(url, "SELECT post_id, status_id FROM status_changes ORDER BY id"):
            history[post].append(status)
        current = dict(rows(url, "SELECT id, status_id FROM posts"))
        events = Counter(
            dict(rows(url, "SELECT post_id, count(*) FROM facts WHERE kind = 'post.status_changed' GROUP BY 1"))
        )
        wrong = []
        for post, course in self.statuses.items():
            passed = history[post]
            if not course.changes.allows(len(passed)) or events[post] != len(passed):
                wrong.append(f"status of post {post}: {course}, but history has {len(passed)} and facts {events[post]}")
            if (passed and current[post] != passed[-1]) or not course.allows(current[post]):
                wrong.append(f"status of post {post}: {course}, but it has {current[post]} after {passed[-1:]}")
        return wrong


class _Facts:
    """The number of events, by kind and by what they are about."""

    def __init__(self, url: str) -> None:
        self.counted: Counter[tuple[str, Hashable]] = Counter()
        self.deleted_codes: dict[int | str | None, int] = {}
        for kind, post, subject, user, body in rows(url, "SELECT kind, post_id, subject_id, user_id, body FROM facts"):
            about = {"vote": (post, user), "comment": subject}.get(kind.partition(".")[0], post)
            self.counted[kind, about] += 1
            if kind == "post.deleted":
                payload: Mapping[str, Any] = json.loads(body)
                self.deleted_codes[payload["code"]] = post


def _compare(name: str, thing: Thing, standing: int, facts: _Facts, made: str, gone: str, about: Hashable) -> list[str]:
    """Compare the rows, events and responses of one thing."""
    made_facts, gone_facts = (facts.counted[made, about], facts.counted[gone, about]) if about is not None else (0, 0)
    if standing not in (0, 1):
        return [f"{name}: there {standing} times"]
    if made_facts - gone_facts != standing:
        return [f"{name}: there {standing} times, but facts say made {made_facts} times and gone {gone_facts} times"]
    if not thing.made.allows(made_facts) or not thing.gone.allows(gone_facts):
        return [f"{name}: {thing}, but facts say made {made_facts} times and gone {gone_facts} times"]
    return []

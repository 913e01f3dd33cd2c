"""What writers were told, and whether the database says the same: each acknowledged write once, none twice."""

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
"""How the outcome of a request begins that was sent and not answered; the kind of error follows."""


@dataclass
class Tally:
    """How often something was acknowledged, and how often the answer was cut: then it may stand or not."""

    sure: int = 0
    perhaps: int = 0

    def add(self, *, acknowledged: bool) -> None:
        if acknowledged:
            self.sure += 1
        else:
            self.perhaps += 1

    def allows(self, found: int) -> bool:
        return self.sure <= found <= self.sure + self.perhaps


@dataclass
class Thing:
    """A post, a comment or a vote: how often it was made and taken away. `number` is its id, if that was told."""

    made: Tally = field(default_factory=Tally)
    gone: Tally = field(default_factory=Tally)
    number: int | str | None = None


@dataclass
class Course:
    """The statuses that a post was given; `last` is the one that was acknowledged last."""

    changes: Tally = field(default_factory=Tally)
    last: int | None = None

    def allows(self, status: int | None) -> bool:
        """Whether the post may have this status: after a change that was cut nobody can tell."""
        return bool(self.changes.perhaps) or self.last in (None, status)


class Journal:
    """Kept by several writers at once. Posts by title, comments by body, votes by post and user, statuses by post."""

    def __init__(self) -> None:
        self.posts: dict[str, Thing] = {}
        self.comments: dict[str, Thing] = {}
        self.votes: dict[tuple[int, int], Thing] = {}
        self.statuses: dict[int, Course] = {}
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.changed = threading.Condition()

    def note(self, outcome: str) -> None:
        """One more request had this outcome."""
        with self.changed:
            self.outcomes[outcome] += 1
            self.changed.notify_all()

    def complain(self, what: str) -> None:
        """An answer that nobody may get, whatever breaks."""
        with self.changed:
            self.wrong.append(what)
            self.changed.notify_all()

    @property
    def acknowledged(self) -> int:
        return self.outcomes["acknowledged"]

    @property
    def cut(self) -> int:
        """How many requests were sent, or begun to be, and never answered."""
        return sum(many for outcome, many in self.outcomes.items() if outcome.startswith(CUT_BY))

    def await_a_moment(self, chance: random.Random) -> None:
        """Wait until writes are under way, and then for any moment of them: the pause is what makes it random."""
        self.await_outcomes("acknowledged", chance.randrange(20, 120))
        time.sleep(chance.uniform(0, 0.02))

    def await_outcomes(self, outcome: str, many: int, *, seconds: float = 60) -> None:
        """Wait until so many more requests had this outcome."""
        with self.changed:
            target = self.outcomes[outcome] + many
            reached = self.changed.wait_for(lambda: self.wrong or self.outcomes[outcome] >= target, seconds)
        assert not self.wrong, self.wrong[:3]
        assert reached, f"{outcome}: {self.outcomes[outcome]} of {target}"

    def differences(self, url: str) -> list[str]:
        """Every way in which the database and the journal disagree; none when nothing was lost or doubled."""
        facts = _Facts(url)
        return [*self._posts(url, facts), *self._comments(url, facts), *self._votes(url, facts), *self._courses(url)]

    def _posts(self, url: str, facts: "_Facts") -> list[str]:
        standing: dict[str, list[int]] = defaultdict(list)
        numbers: dict[int | str | None, int] = {}
        for number, code, title in rows(url, "SELECT id, code, title FROM posts"):
            standing[title].append(number)
            numbers[code] = numbers[number] = number
        numbers |= facts.deleted_codes
        wrong = [f"post {title!r}: nobody wrote it" for title in standing.keys() - self.posts.keys()]
        for title, thing in self.posts.items():
            found = standing.get(title, [])
            number = numbers.get(thing.number, found[0] if found else thing.number)
            if isinstance(number, str):
                wrong.append(f"post {title!r}: neither it nor a fact of its end is there")
                continue
            wrong += _compared(f"post {title!r}", thing, len(found), facts, "post.submitted", "post.deleted", number)
        return wrong

    def _comments(self, url: str, facts: "_Facts") -> list[str]:
        standing: dict[str, list[int]] = defaultdict(list)
        for number, body in rows(url, "SELECT id, body FROM comments"):
            standing[body].append(number)
        wrong = [f"comment {body!r}: nobody wrote it" for body in standing.keys() - self.comments.keys()]
        for body, thing in self.comments.items():
            found = standing.get(body, [])
            number = thing.number or (found[0] if found else None)
            kinds = ("comment.written", "comment.deleted")
            wrong += _compared(f"comment {body!r}", thing, len(found), facts, *kinds, number)
        return wrong

    def _votes(self, url: str, facts: "_Facts") -> list[str]:
        standing = Counter(rows(url, "SELECT post_id, user_id FROM votes"))
        wrong = [f"vote {pair}: nobody cast it" for pair in standing.keys() - self.votes.keys()]
        for pair, thing in self.votes.items():
            wrong += _compared(f"vote {pair}", thing, standing[pair], facts, "vote.cast", "vote.retracted", pair)
        return wrong

    def _courses(self, url: str) -> list[str]:
        history: dict[int, list[int | None]] = defaultdict(list)
        for post, status in rows(url, "SELECT post_id, status_id FROM status_changes ORDER BY id"):
            history[post].append(status)
        kept = dict(rows(url, "SELECT id, status_id FROM posts"))
        told = Counter(
            dict(rows(url, "SELECT post_id, count(*) FROM facts WHERE kind = 'post.status_changed' GROUP BY 1"))
        )
        wrong = []
        for post, course in self.statuses.items():
            passed = history[post]
            if not course.changes.allows(len(passed)) or told[post] != len(passed):
                wrong.append(f"status of post {post}: {course}, but history has {len(passed)} and facts {told[post]}")
            if (passed and kept[post] != passed[-1]) or not course.allows(kept[post]):
                wrong.append(f"status of post {post}: {course}, but it has {kept[post]} after {passed[-1:]}")
        return wrong


class _Facts:
    """How often each thing is said to have happened, by kind and whom it is about."""

    def __init__(self, url: str) -> None:
        self.counted: Counter[tuple[str, Hashable]] = Counter()
        self.deleted_codes: dict[int | str | None, int] = {}
        for kind, post, subject, user, body in rows(url, "SELECT kind, post_id, subject_id, user_id, body FROM facts"):
            about = {"vote": (post, user), "comment": subject}.get(kind.partition(".")[0], post)
            self.counted[kind, about] += 1
            if kind == "post.deleted":
                told: Mapping[str, Any] = json.loads(body)
                self.deleted_codes[told["code"]] = post


def _compared(
    name: str, thing: Thing, standing: int, facts: _Facts, made: str, gone: str, about: Hashable
) -> list[str]:
    """Rows, facts and what was told, of one thing."""
    made_facts, gone_facts = (facts.counted[made, about], facts.counted[gone, about]) if about is not None else (0, 0)
    if standing not in (0, 1):
        return [f"{name}: there {standing} times"]
    if made_facts - gone_facts != standing:
        return [f"{name}: there {standing} times, but facts say made {made_facts} times and gone {gone_facts} times"]
    if not thing.made.allows(made_facts) or not thing.gone.allows(gone_facts):
        return [f"{name}: {thing}, but facts say made {made_facts} times and gone {gone_facts} times"]
    return []

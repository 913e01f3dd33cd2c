"""A sample portal: two months in the life of a small product, told through the rules, the same at every telling.

Only codes, UUIDs and keys differ from one portal to the next, for these must not be guessed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy import update

from app.demo import texts
from app.domain.models import Board, EventRow
from app.domain.portals import boards, categories, statuses
from app.domain.portals.boards import BoardQuery
from app.domain.posts import comments, create, votes
from app.domain.posts import update as post_changes
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import NOW, PORTAL_ID, Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users

DAYS: Final = 60
LIVELY: Final = 12
"""So many of the newest posts are approved, voted for and talked about: they are what is seen first."""
WAITING: Final = range(25, 70, 6)
"""The posts that wait for approval, counted from the newest."""
REFUSED: Final = range(28, 70, 12)
"""The posts that were rejected, counted likewise."""

_BOARDS: Final = BoardQuery((Board.id, Board.name))
# Nobody is to get a letter about what never happened.
_TOLD: Final = Statement(update(EventRow).where(EventRow.portal_id == PORTAL_ID).values(expanded_at=NOW))

_LATER: Final = ("Planned", "In Progress", "Completed", "Rejected")
_SHARES: Final = (24, 14, 22, 10)
"""Of a hundred posts, how many came from New to each of these."""


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    act: Callable[[], object]


def fill(work: UnitOfWork, *, owner_id: int) -> None:
    """Put the sample into a portal that has just begun. Counters, history and dates are those of real acts."""
    _Story(work, owner_id).tell()


class _Story:
    def __init__(self, work: UnitOfWork, owner_id: int) -> None:
        self._work = work
        # Not a secret: the story is to be the same every time.
        self._random = Random("earshot")  # noqa: S311
        self._end = work.now
        self._events: list[_Event] = []
        self._post_ids: dict[int, int] = {}
        work.now = self._end - timedelta(days=DAYS + 1)
        boards.add(work, name=texts.INTEGRATIONS, description="Other tools that this one should talk to.")
        self._boards = {name: board_id for board_id, name in _BOARDS.all(work)}
        self._statuses = {row[1]: row[0] for row in statuses.list_all(work)}
        self._categories = [categories.add(work, name=name, color=color) for name, color in texts.CATEGORIES]
        self._team = [owner_id]
        self._people = [owner_id]
        for email, name, role in texts.PEOPLE:
            user_id = users.create(work, email=email, name=name, role=role)
            self._people.append(user_id)
            if role == "moderator":
                self._team.append(user_id)

    def tell(self) -> None:
        work, chance = self._work, self._random
        told = texts.titles()
        chance.shuffle(told)
        step = timedelta(days=DAYS) / len(told)
        begin = self._end - timedelta(days=DAYS)
        for number, (board, title) in enumerate(told):
            # A little before its turn, so that the last one is not newer than now.
            self._post(number, board, title, begin + step * number + step * chance.random())
        # In the order of time, so that ids grow with dates as they do in life.
        for event in sorted(self._events, key=lambda event: event.at):
            work.now = event.at
            event.act()
        work.now = self._end
        work.execute(_TOLD)

    def _post(self, number: int, board: str, title: str, at: datetime) -> None:
        chance = self._random
        author = chance.choice(self._people[1:])
        newest = len(texts.titles()) - number
        wish = NewPost(
            title=title,
            description=chance.choice(texts.REASONS[board]) if chance.random() < 0.85 else "",
            author=author,
            board_id=self._boards[board],
            status_id=self._statuses["New"],
            category_id=chance.choice(self._categories) if chance.random() < 0.45 else None,
            follow=True,
            moderation=_moderation(newest),
        )
        self._at(at, lambda: self._post_ids.update({number: create.create_post(self._work, wish).id}))
        if wish.moderation != "approved":
            return
        lively = newest <= LIVELY
        liking = chance.choice((0.2, 0.5, 0.8))
        for voter in self._people:
            if chance.random() < liking or (lively and voter == author):
                self._at(self._after(at), self._voting(number, voter))
        remarks = chance.choice((1, 1, 2, 3) if lively else (0, 0, 1, 1, 2, 3))
        for talk in chance.sample(texts.TALK[board], remarks):
            self._talk(number, talk, self._after(at))
        for status, at_then in self._course(at):
            self._at(at_then, self._moving(number, status, texts.UPDATES[board][status]))

    def _talk(self, number: int, talk: tuple[str, tuple[str, ...]], at: datetime) -> None:
        chance = self._random
        remark, replies = talk
        reply = chance.choice(replies)
        speaker, other = chance.sample(self._people, 2)
        answered = chance.random() < 0.4
        said: list[int] = []
        self._at(at, lambda: said.append(self._say(number, speaker, remark)))
        if answered:
            self._at(self._after(at), lambda: self._say(number, other, reply, parent_id=said[0]))

    def _course(self, at: datetime) -> list[tuple[str, datetime]]:
        """The statuses that a post came to, and when."""
        drawn = self._random.choices((*_LATER, None), (*_SHARES, 100 - sum(_SHARES)))[0]
        if drawn is None:
            return []
        if drawn == "Completed":
            planned = self._after(at)
            begun = self._after(planned)
            return [("Planned", planned), ("In Progress", begun), ("Completed", self._after(begun))]
        return [(drawn, self._after(at))]

    def _voting(self, number: int, voter: int) -> Callable[[], object]:
        return lambda: votes.cast(self._work, NewVote(post=self._post_ids[number], voter=voter))

    def _moving(self, number: int, status: str, update: str) -> Callable[[], object]:
        person = self._random.choice(self._team)

        def move() -> None:
            post_changes.change_status(self._work, self._post_ids[number], self._statuses[status], user_id=person)
            self._say(number, person, update, official=True)

        return move

    def _say(self, number: int, person: int, body: str, *, parent_id: int | None = None, official: bool = False) -> int:
        return comments.create(
            self._work,
            post_id=self._post_ids[number],
            author_id=person,
            body=body,
            parent_id=parent_id,
            official=official,
            same_post_parent=True,
            follow=True,
        )

    def _at(self, moment: datetime, operation: Callable[[], object]) -> None:
        self._events.append(_Event(moment, operation))

    def _after(self, moment: datetime) -> datetime:
        """Some time between a moment and the end, rather sooner than later."""
        return moment + (self._end - moment) * (0.02 + 0.9 * self._random.random() ** 3)


def _moderation(newest: int) -> str:
    """The state of a post that is the first, second, … from the newest."""
    if newest in WAITING:
        return "pending"
    return "rejected" if newest in REFUSED else "approved"

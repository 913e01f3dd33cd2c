"""A sample portal: two months of posts, votes and comments, created through the rules, always with the same data.

Only codes, UUIDs and keys differ between two sample portals, because these must not be guessable.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Any, Final

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
ACTIVE_POSTS: Final = 12
"""This many of the newest posts are approved and have votes and comments: they are on the first page."""
PENDING_POSTS: Final = range(25, 70, 6)
"""The posts that wait for approval, counted from the newest."""
REJECTED_POSTS: Final = range(28, 70, 12)
"""The posts that were rejected, counted from the newest."""

_BOARDS: Final = BoardQuery((Board.id, Board.name))
# No follower must be notified of invented events.
_MARK_EVENTS_EXPANDED: Final = Statement(
    update(EventRow).where(EventRow.portal_id == PORTAL_ID).values(expanded_at=NOW)
)

_LATER_STATUSES: Final = ("Planned", "In Progress", "Completed", "Rejected")
_PERCENTAGES: Final = (24, 14, 22, 10)
"""How many of a hundred posts change from New to each of these statuses."""


def fill(work: UnitOfWork, *, owner_id: int) -> None:
    """Fill a new portal with the sample. Counters, history and dates are those of real requests."""
    _Sample(work, owner_id).create()


class _Sample:
    def __init__(self, work: UnitOfWork, owner_id: int) -> None:
        self._work = work
        # Not a secret: the data must be the same every time.
        self._random = Random("earshot")  # noqa: S311
        self._end = work.now
        self._actions: list[tuple[datetime, Callable[[], object]]] = []
        self._post_ids: dict[int, int] = {}
        work.now = self._end - timedelta(days=DAYS + 1)
        boards.add(work, name=texts.INTEGRATIONS, description="Other tools that this one should talk to.")
        self._board_ids = {name: board_id for board_id, name in _BOARDS.all(work)}
        self._status_ids = {row[1]: row[0] for row in statuses.list_all(work)}
        self._category_ids = [categories.add(work, name=name, color=color) for name, color in texts.CATEGORIES]
        self._team_ids = [owner_id]
        self._user_ids = [owner_id]
        for email, name, role in texts.PEOPLE:
            user_id = users.create(work, email=email, name=name, role=role)
            self._user_ids.append(user_id)
            if role == "moderator":
                self._team_ids.append(user_id)

    def create(self) -> None:
        work, random = self._work, self._random
        titles = list(texts.TITLES)
        random.shuffle(titles)
        step = timedelta(days=DAYS) / len(titles)
        begin = self._end - timedelta(days=DAYS)
        for number, (board, title) in enumerate(titles):
            # At a random time within its step, so that the last post is not newer than the end.
            self._plan_post(number, board, title, begin + step * number + step * random.random())
        # In the order of time, so that ids grow with dates.
        for at, run in sorted(self._actions, key=itemgetter(0)):
            work.now = at
            run()
        work.now = self._end
        work.execute(_MARK_EVENTS_EXPANDED)

    def _plan_post(self, number: int, board: str, title: str, at: datetime) -> None:
        random = self._random
        author = random.choice(self._user_ids[1:])
        rank = len(texts.TITLES) - number
        new_post = NewPost(
            title=title,
            description=random.choice(texts.REASONS[board]) if random.random() < 0.85 else "",
            author=author,
            board_id=self._board_ids[board],
            status_id=self._status_ids["New"],
            category_id=random.choice(self._category_ids) if random.random() < 0.45 else None,
            follow=True,
            moderation=_moderation_state(rank),
        )
        self._at(at, lambda: self._post_ids.update({number: create.create_post(self._work, new_post).id}))
        if new_post.moderation != "approved":
            return
        is_active = rank <= ACTIVE_POSTS
        vote_probability = random.choice((0.2, 0.5, 0.8))
        for voter in self._user_ids:
            if random.random() < vote_probability or (is_active and voter == author):
                self._at(self._after(at), self._vote_action(number, voter))
        comment_count = random.choice((1, 1, 2, 3) if is_active else (0, 0, 1, 1, 2, 3))
        for thread in random.sample(texts.TALK[board], comment_count):
            self._plan_thread(number, thread, self._after(at))
        for status, changed_at in self._status_history(at):
            self._at(changed_at, self._status_action(number, status, texts.UPDATES[board][status]))

    def _plan_thread(self, number: int, thread: tuple[str, tuple[str, ...]], at: datetime) -> None:
        random = self._random
        comment, replies = thread
        reply = random.choice(replies)
        author, replier = random.sample(self._user_ids, 2)
        has_reply = random.random() < 0.4
        comment_ids: list[int] = []
        self._at(at, lambda: comment_ids.append(self._comment(number, author, comment)))
        if has_reply:
            self._at(self._after(at), lambda: self._comment(number, replier, reply, parent_id=comment_ids[0]))

    def _status_history(self, at: datetime) -> list[tuple[str, datetime]]:
        """The later statuses of a post created at `at`, each with its time."""
        status = self._random.choices((*_LATER_STATUSES, None), (*_PERCENTAGES, 100 - sum(_PERCENTAGES)))[0]
        if status is None:
            return []
        if status == "Completed":
            planned = self._after(at)
            started = self._after(planned)
            return [("Planned", planned), ("In Progress", started), ("Completed", self._after(started))]
        return [(status, self._after(at))]

    def _vote_action(self, number: int, voter: int) -> Callable[[], object]:
        return lambda: votes.cast(self._work, NewVote(post=self._post_ids[number], voter=voter))

    def _status_action(self, number: int, status: str, update: str) -> Callable[[], object]:
        user_id = self._random.choice(self._team_ids)

        def change_status() -> None:
            post_changes.change_status(self._work, self._post_ids[number], self._status_ids[status], user_id=user_id)
            self._comment(number, user_id, update, official=True)

        return change_status

    def _comment(self, number: int, author_id: int, body: str, **options: Any) -> int:
        post_id = self._post_ids[number]
        options |= {"same_post_parent": True, "follow": True}
        return comments.create(self._work, post_id=post_id, author_id=author_id, body=body, **options)

    def _at(self, at: datetime, operation: Callable[[], object]) -> None:
        self._actions.append((at, operation))

    def _after(self, at: datetime) -> datetime:
        """A random time between `at` and the end, more often early than late."""
        return at + (self._end - at) * (0.02 + 0.9 * self._random.random() ** 3)


def _moderation_state(rank: int) -> str:
    """The moderation state of a post; the newest has rank 1."""
    if rank in PENDING_POSTS:
        return "pending"
    return "rejected" if rank in REJECTED_POSTS else "approved"

"""A sample portal: a year of posts, votes and comments, created through the rules, always with the same data.

Only codes, UUIDs, keys and the names of files differ between two sample portals, because these must not be guessable.
One user and the widget always have the same UUID: the examples in the document of ProductLift's API.
Drawing the images needs Pillow, so import this package only for a start with `--demo`.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import itemgetter
from random import Random
from typing import Final

from sqlalchemy import bindparam, update

from app.api.productlift.path_params import EXAMPLE_USER, EXAMPLE_WIDGET
from app.demo import texts
from app.demo.people import DOCUMENTED_EMAIL, TEAM, VOTERS, WRITERS, SamplePerson, generate_people
from app.demo.texts import TEAM_PREFIX, SamplePost
from app.domain import feedback, product_vision
from app.domain.models import EventRow, User, Widget
from app.domain.portals import boards, categories, portals, sections, statuses, tabs, tags, widgets
from app.domain.posts import anonymous_votes, attachments, comments, create, moderation, public, votes
from app.domain.posts import update as post_changes
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.posts.update import PostUpdate
from app.domain.posts.votes import NewVote
from app.domain.sql.statement import NOW, PORTAL_ID, Statement, parameters, row_in_portal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import groups, users
from app.domain.users.queries import UserQuery

DAYS: Final = 365
ACTIVE_POSTS: Final = 12
"""This many of the newest posts are approved and have votes and comments: they are on the first page."""
ANONYMOUS_VOTER: Final = "visitor-1"
"""The name of a voter without a user, who has voted for the active posts."""
FRESH_POSTS: Final = 24
"""This many of the newest posts are approved, still have the status New, and have few votes."""
MAX_FRESH_VOTES: Final = 9
MAX_TAIL_VOTES: Final = 26
"""Of the posts without a given number of votes, half have less than a tenth of these."""
MAX_GROUP_SIZE: Final = 8

_UUIDS: Final = UserQuery((User.id, User.uuid), deleted=False)
# No follower must be notified of invented events.
_MARK_EVENTS_EXPANDED: Final = Statement(
    update(EventRow).where(EventRow.portal_id == PORTAL_ID).values(expanded_at=NOW)
)
_SET_UUID: Final = Statement(
    update(User)
    .where(User.portal_id == PORTAL_ID, User.email_key == bindparam("email"))
    .values(uuid=bindparam("new_uuid"))
)
_SET_COMPANY: Final = Statement(update(User).where(row_in_portal(User, "user")).values(**parameters("company", "plan")))
_SET_WIDGET_UUID: Final = Statement(
    update(Widget).where(Widget.portal_id == PORTAL_ID).values(uuid=bindparam("new_uuid"))
)


def fill(work: UnitOfWork, *, files: Mapping[str, StoredFile]) -> None:
    """Fill a new portal with the sample. Counters, history and dates are those of real requests.

    `files` are those of `app.demo.files.store_files`.
    """
    _Sample(work, files).create()


class _Sample:
    def __init__(self, work: UnitOfWork, files: Mapping[str, StoredFile]) -> None:
        self._work = work
        self._files = files
        # Not a secret: the data must be the same every time.
        self._random = Random("earshot")  # noqa: S311
        self._end = work.now
        self._actions: list[tuple[datetime, Callable[[], object]]] = []
        self._post_ids: dict[str, int] = {}
        self._user_ids: dict[SamplePerson, int] = {}
        people = list(generate_people(self._random, WRITERS + VOTERS))
        self._writers = people[:WRITERS]
        self._voters = people
        work.now = self._end - timedelta(days=DAYS + 1)
        portals.update_setting(work, setting="title", value=texts.TITLE)
        portals.update_setting(work, setting="welcome_text", value=texts.WELCOME)
        boards.add(work, name=texts.INTEGRATIONS, description="Connections between Halyard and other tools.")
        self._board_ids = {row["name"]: row["id"] for row in boards.list_all(work)}
        self._status_ids = {row["name"]: row["id"] for row in statuses.list_all(work)}
        self._category_ids = {name: categories.add(work, name=name, color=color) for name, color in texts.CATEGORIES}
        self._tag_ids = {name: tags.add(work, name=name, color=color) for name, color in texts.TAGS}
        self._section_ids: dict[str | None, int | None] = {None: None}
        for url, entries in texts.SECTIONS.items():
            tab_id = tabs.by_url(work, url)["id"]
            for title, parent in entries:
                parent_id = self._section_ids[parent]
                self._section_ids[title] = sections.add(work, title=title, tab_id=tab_id, parent_id=parent_id)

        widgets.add(work, name=texts.WIDGET, kind="widget", tab_id=None, frame_ancestors=widgets.ANY_SITE)

    def create(self) -> None:
        work = self._work
        posts = self._sort_by_age(texts.load_posts())
        for rank, (post, author) in enumerate(zip(posts, self._authors(), strict=False), start=1):
            # The portal grows: half of the posts were created in the last third of the time.
            age = timedelta(days=DAYS) * ((rank - self._random.random()) / len(posts)) ** 1.6
            self._plan_post(post, rank, author, self._end - age)
        for post in posts[:ACTIVE_POSTS]:
            self._at(self._end, self._anonymous_vote_action(post))
        # In the order of time, so that ids grow with dates.
        for at, run in sorted(self._actions, key=itemgetter(0)):
            work.now = at
            run()
        work.now = self._end
        self._add_views(posts)
        self._add_planning()
        work.execute(_SET_UUID, email=DOCUMENTED_EMAIL, new_uuid=EXAMPLE_USER)
        self._add_groups()
        work.execute(_SET_WIDGET_UUID, new_uuid=EXAMPLE_WIDGET)
        work.execute(_MARK_EVENTS_EXPANDED)

    def _sort_by_age(self, posts: list[SamplePost]) -> list[SamplePost]:
        """The posts, newest first: active and fresh ones, then those to be moderated among the others."""
        random = self._random
        random.shuffle(posts)
        approved = [post for post in posts if post.moderation == "approved"]
        fresh = [post for post in approved if not post.history and post.votes is None]
        active = [post for post in fresh if post.threads][:ACTIVE_POSTS]
        newest = active + [post for post in fresh if post not in active][: FRESH_POSTS - ACTIVE_POSTS]
        # Posts with a history or many votes tend to be older.
        older = sorted(
            (post for post in approved if post not in newest),
            key=lambda post: random.random() + (0.4 if post.history or post.votes else 0.0),
        )
        sorted_posts = newest + older
        for number, post in enumerate(post for post in posts if post.moderation == "pending"):
            sorted_posts.insert(FRESH_POSTS + 3 * number, post)
        for number, post in enumerate(post for post in posts if post.moderation == "rejected"):
            sorted_posts.insert(2 * FRESH_POSTS + 17 * number, post)
        return sorted_posts

    def _authors(self) -> Iterator[SamplePerson]:
        """The writers in turn, each time in another order."""
        while True:
            yield from self._random.sample(self._writers, WRITERS)

    def _plan_post(self, post: SamplePost, rank: int, author: SamplePerson, at: datetime) -> None:
        self._at(at, lambda: self._create_post(post, author))
        if post.moderation == "rejected":
            decided_at = at + timedelta(hours=self._random.uniform(1, 40))
            self._at(decided_at, lambda: moderation.reject(self._work, self._post_ids[post.title]))
        if post.moderation != "approved":
            return
        # Votes end when the post is completed or rejected.
        closed_at = self._end
        changed_at = at
        for status, text in post.history:
            changed_at += (self._end - changed_at) * self._random.uniform(0.1, 0.4)
            self._at(changed_at, self._status_action(post, status, text))
            if status in ("Completed", "Rejected"):
                closed_at = changed_at
        self._plan_votes(post, rank, author, at, closed_at)
        for thread in post.threads:
            self._plan_thread(post, thread, at, changed_at if post.history else self._end)
        for thread in post.reactions:
            self._plan_thread(post, thread, changed_at, self._end)

    def _create_post(self, post: SamplePost, author: SamplePerson) -> None:
        work = self._work
        category_ids = [self._category_ids[name] for name in post.categories]
        new_post = NewPost(
            title=post.title,
            description=post.description,
            author=self._user_id(author),
            board_id=self._board_ids[post.board],
            status_id=self._status_ids["New"],
            section_id=self._section_ids[post.section],
            category_id=category_ids[0] if category_ids else None,
            tag_ids=[self._tag_ids[name] for name in post.tags],
            follow=True,
            moderation="approved" if post.moderation == "approved" else "pending",
        )
        post_id = self._post_ids[post.title] = create.create_post(work, new_post).id
        if len(category_ids) > 1:
            post_changes.update_post(work, post_id, PostUpdate(category_ids=category_ids))
        if post.image is not None:
            attachments.add(work, post_id=post_id, file=self._files[post.image])
        if post.attachment is not None:
            attachments.add(work, post_id=post_id, file=self._files[post.attachment[0]])

    def _plan_votes(self, post: SamplePost, rank: int, author: SamplePerson, begin: datetime, end: datetime) -> None:
        random = self._random
        count = post.votes
        if count is None:
            # A long tail: few of these posts come near to the maximum.
            count = 1 + int(MAX_TAIL_VOTES * random.random() ** 4)
            count = min(count, MAX_FRESH_VOTES) if rank <= FRESH_POSTS else count
        # The first people vote most often.
        weights = {person: random.random() ** (1 + number / 40) for number, person in enumerate(self._voters)}
        voters = sorted((person for person in self._voters if person != author), key=weights.__getitem__, reverse=True)
        self._at(begin, self._vote_action(post, author))
        for voter in voters[: count - 1]:
            self._at(self._time_between(begin, end), self._vote_action(post, voter))

    def _plan_thread(self, post: SamplePost, thread: tuple[str, ...], begin: datetime, end: datetime) -> None:
        """Each comment of a thread is a reply to the comment before it."""
        at = self._time_between(begin, end)
        comment_ids: list[int] = []
        previous: SamplePerson | None = None
        for text in thread:
            candidates = TEAM if text.startswith(TEAM_PREFIX) else self._writers
            author = self._random.choice([person for person in candidates if person != previous])
            self._at(at, self._comment_action(post, author, text.removeprefix(TEAM_PREFIX), comment_ids))
            at += min(timedelta(hours=self._random.uniform(0.3, 60)), (end - at) / 2)
            previous = author

    def _comment_action(
        self, post: SamplePost, author: SamplePerson, text: str, comment_ids: list[int]
    ) -> Callable[[], object]:
        """Add a comment below the last of `comment_ids`, and its id to them."""
        return lambda: comment_ids.append(
            self._comment(post, author, text, parent_id=comment_ids[-1] if comment_ids else None)
        )

    def _status_action(self, post: SamplePost, status: str, text: str) -> Callable[[], object]:
        person = self._random.choice(TEAM)

        def change_status() -> None:
            work, post_id = self._work, self._post_ids[post.title]
            user_id = self._user_id(person)
            post_changes.change_status(work, post_id, self._status_ids[status], user_id=user_id)
            section_id = self._section_ids[texts.find_section(post, status)]
            post_changes.update_post(work, post_id, PostUpdate(section_id=section_id))
            if text:
                self._comment(post, person, text, official=True)

        return change_status

    def _vote_action(self, post: SamplePost, voter: SamplePerson) -> Callable[[], object]:
        return lambda: votes.cast(self._work, NewVote(post=self._post_ids[post.title], voter=self._user_id(voter)))

    def _anonymous_vote_action(self, post: SamplePost) -> Callable[[], object]:
        return lambda: anonymous_votes.cast(self._work, post=self._post_ids[post.title], anonymous_id=ANONYMOUS_VOTER)

    def _comment(
        self, post: SamplePost, author: SamplePerson, body: str, *, parent_id: int | None = None, official: bool = False
    ) -> int:
        return comments.create(
            self._work,
            post_id=self._post_ids[post.title],
            author_id=self._user_id(author),
            body=body,
            parent_id=parent_id,
            official=official,
            same_post_parent=True,
            follow=True,
        )

    def _user_id(self, person: SamplePerson) -> int:
        """The id of the user, who is created at the first action."""
        user_id = self._user_ids.get(person)
        if user_id is None:
            user_id = users.create(self._work, email=person.email, name=person.name, role=person.role)
            self._user_ids[person] = user_id
        return user_id

    def _add_views(self, posts: list[SamplePost]) -> None:
        views = {self._post_ids[post.title]: self._random.randint(12, 90) for post in posts}
        for post in posts:
            views[self._post_ids[post.title]] += (post.votes or 0) * self._random.randint(4, 9)
        public.record_views(self._work, views)

    def _add_planning(self) -> None:
        """Add the companies and plans of the writers, feedback of the last days, and the product vision."""
        work = self._work
        writers = [self._user_ids[person] for person in self._writers if person in self._user_ids]
        for number, user_id in enumerate(writers):
            company, plan = texts.COMPANIES[number % len(texts.COMPANIES)]
            work.execute(_SET_COMPANY, user=user_id, company=company, plan=plan)
        for number, (title, description) in enumerate(texts.FEEDBACK):
            work.now = self._end - timedelta(days=len(texts.FEEDBACK) - number)
            feedback.create(work, title=title, description=description, user_id=writers[number], post_id=None)
        product_vision.save(work, **texts.VISION)
        work.now = self._end

    def _add_groups(self) -> None:
        """Groups of the first people who write; some people are in two."""
        for number, name in enumerate(texts.GROUPS):
            group_id = groups.add(self._work, name=name)
            for person in self._writers[number * MAX_GROUP_SIZE // 2 :][:MAX_GROUP_SIZE]:
                _, uuid = _UUIDS.by_id(self._work, self._user_id(person))
                groups.add_member(self._work, group_id, uuid)

    def _at(self, at: datetime, operation: Callable[[], object]) -> None:
        self._actions.append((at, operation))

    def _time_between(self, begin: datetime, end: datetime) -> datetime:
        """A random time, more often early than late."""
        return begin + (end - begin) * (0.001 + 0.98 * self._random.random() ** 2)

"""Writers that go on writing through both dialects while something breaks, and keep a journal of it."""

import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from typing import Any, Final, NamedTuple

from tests.support.sql import rows
from tests.support.write_journal import CUT_BY, Course, Journal, Thing

LONGEST_ANSWER: Final = 20.0
"""No answer may take longer, whatever breaks: a wait for longer is a hang."""
UNAVAILABLE: Final = {
    "astuto": b'{"errors":["Service temporarily unavailable."]}',
    "productlift": b'{"message":"Service Unavailable"}',
}


CUT: Final = (OSError, http.client.HTTPException)


class Hanging(Exception):
    """The server keeps a client waiting."""


class Answer(NamedTuple):
    """Status, headers with names in small letters, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def told(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Keeps one connection to a server, and opens another when that is gone. `keys` by dialect."""

    def __init__(self, port: int, keys: dict[str, str]) -> None:
        self._keys = keys
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_ANSWER)
        self.is_new_connection = True
        """Whether the last request was the first on its connection."""

    def ask(self, dialect: str, method: str, path: str, sent: Any = None) -> Answer:
        """One request. Raises one of CUT when it is cut, and Hanging when there is no answer for too long."""
        headers = {"authorization": f"Bearer {self._keys[dialect]}", "content-type": "application/json"}
        body = None if sent is None else json.dumps(sent)
        self.is_new_connection = self._connection.sock is None
        try:
            self._connection.request(method, "/api/v1" + path, body, headers)
            response = self._connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except TimeoutError as error:
            raise Hanging(f"{dialect} {method} {path}: no answer in {LONGEST_ANSWER:.0f} seconds") from error
        except CUT:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


def is_unavailable(dialect: str, response: Answer) -> bool:
    """Whether it is to the letter what the dialect says while the database is away."""
    return (
        response.status == 503
        and response.body == UNAVAILABLE[dialect]
        and response.headers["content-type"].startswith("application/json")
        and int(response.headers["retry-after"]) > 0
    )


class Stage(NamedTuple):
    """What is there when the writers begin: posts and statuses by id, and a user for each writer."""

    posts: list[int]
    statuses: list[int]
    users: list[tuple[int, str]]
    board: int


class _Unanswered(Exception):
    """The write was not acknowledged."""


class _Cut(_Unanswered):
    """Nobody can tell whether it stands."""


class _Refused(_Unanswered):
    """Nobody listened: it was not even sent, and can't stand."""


class Writer:
    """One of several. Each votes in the name of a user of its own, so that nobody else moves what it writes down."""

    _numbers = count(1)

    def __init__(self, caller: Caller, stage: Stage, place: int, journal: Journal, seed: int) -> None:
        self._caller = caller
        self._stage = stage
        self._journal = journal
        self._chance = random.Random(f"{seed} {place}")
        self._user, self._uuid = stage.users[place]
        # Posts whose status only this writer changes.
        self._own = stage.posts[place :: len(stage.users)]
        self._acts: list[Callable[[], None]] = [
            self.post, self.vote, self.vote, self.unvote, self.comment, self.delete_comment, self.delete_post,
            self.status,
        ]  # fmt: skip
        self._live: list[tuple[int, str, int | None]] = []
        self._comments: list[tuple[str, int, int]] = []

    def work(self, over: threading.Event, *, outlast: bool) -> None:
        """Write until it is over or, unless the writer is to outlast that, a write was not acknowledged."""
        try:
            while not over.is_set():
                try:
                    self._chance.choice(self._acts)()
                except _Unanswered:
                    if not outlast:
                        return
                    self._await_service(over)
        except Exception as error:
            self._journal.complain(f"{type(error).__name__}: {error}")
        finally:
            self._caller.close()

    def _await_service(self, over: threading.Event) -> None:
        away = ["astuto", "productlift"]
        # A client that is told to come again does so; these come sooner than they are told.
        while away and not over.wait(0.05):
            for dialect in tuple(away):
                try:
                    response = self._caller.ask(dialect, "GET", "/posts?limit=1")
                except CUT as error:
                    self._unanswered(error)
                    continue
                if response.status == 200:
                    self._journal.note(f"{dialect} again")
                    away.remove(dialect)
                    continue
                self._judge(dialect, response)

    def _judge(self, dialect: str, response: Answer) -> None:
        if not is_unavailable(dialect, response):
            raise AssertionError(f"{dialect}: {response}")
        self._journal.note(f"{dialect} 503")

    def _unanswered(self, error: Exception) -> _Unanswered:
        if isinstance(error, ConnectionRefusedError):
            self._journal.note("refused")
            return _Refused()
        where = " on a new connection" if self._caller.is_new_connection else ""
        self._journal.note(f"{CUT_BY} {type(error).__name__}{where}")
        return _Cut()

    def _write(self, dialect: str, method: str, path: str, sent: Any = None) -> Any:
        """What the answer says. Raises _Unanswered."""
        try:
            response = self._caller.ask(dialect, method, path, sent)
        except CUT as error:
            raise self._unanswered(error) from error
        if response.status in (200, 201):
            self._journal.note("acknowledged")
            return response.told()
        if response.status != 503:
            raise AssertionError(f"{dialect} {method} {path}: {response}")
        self._judge(dialect, response)
        raise _Cut

    @contextmanager
    def _noted(self, tally: Any) -> Iterator[None]:
        try:
            yield
        except _Cut:
            tally.add(acknowledged=False)
            raise
        tally.add(acknowledged=True)

    def _dialect(self) -> str:
        return self._chance.choice(("astuto", "productlift"))

    def _create(self, title: str) -> tuple[str, int | str]:
        thing = self._journal.posts[title] = Thing()
        dialect = self._dialect()
        with self._noted(thing.made):
            if dialect == "astuto":
                sent = {"title": title, "board_id": self._stage.board}
                thing.number = self._write(dialect, "POST", "/posts", sent)["id"]
            else:
                thing.number = self._write(dialect, "POST", "/posts", {"title": title})["data"]["id"]
        assert thing.number is not None
        return dialect, thing.number

    def post(self) -> None:
        self._create(f"Lasting {next(self._numbers)}")

    def delete_post(self) -> None:
        title = f"Fleeting {next(self._numbers)}"
        dialect, number = self._create(title)
        with self._noted(self._journal.posts[title].gone):
            self._write(dialect, "DELETE", f"/posts/{number}")

    def vote(self) -> None:
        post = self._chance.choice(self._stage.posts)
        if (post, self._user) in self._journal.votes and not self._free(post):
            return
        thing = self._journal.votes.setdefault((post, self._user), Thing())
        number = None
        with self._noted(thing.made):
            if self._dialect() == "astuto":
                sent = {"post_id": post, "impersonated_user_id": self._user}
                number = self._write("astuto", "POST", "/votes", sent)["id"]
            else:
                self._write("productlift", "POST", f"/posts/{post}/votes/{self._uuid}")
        self._live.append((post, self._uuid, number))

    def _free(self, post: int) -> bool:
        thing = self._journal.votes[post, self._user]
        return not (thing.made.perhaps or thing.gone.perhaps) and thing.made.sure == thing.gone.sure

    def unvote(self) -> None:
        if not self._live:
            return
        post, uuid, number = self._live.pop(self._chance.randrange(len(self._live)))
        with self._noted(self._journal.votes[post, self._user].gone):
            if number is not None:
                self._write("astuto", "DELETE", f"/votes/{number}")
            else:
                self._write("productlift", "DELETE", f"/posts/{post}/votes/{uuid}")

    def comment(self) -> None:
        body, post = f"Comment {next(self._numbers)}", self._chance.choice(self._stage.posts)
        thing = self._journal.comments[body] = Thing()
        with self._noted(thing.made):
            if self._dialect() == "astuto":
                thing.number = self._write("astuto", "POST", "/comments", {"post_id": post, "body": body})["id"]
            else:
                sent = {"comment": body}
                thing.number = self._write("productlift", "POST", f"/posts/{post}/comments", sent)["data"]["id"]
        assert isinstance(thing.number, int)
        self._comments.append((body, post, thing.number))

    def delete_comment(self) -> None:
        if not self._comments:
            return
        body, post, number = self._comments.pop(self._chance.randrange(len(self._comments)))
        with self._noted(self._journal.comments[body].gone):
            if self._dialect() == "astuto":
                self._write("astuto", "DELETE", f"/comments/{number}")
            else:
                self._write("productlift", "DELETE", f"/posts/{post}/comments/{number}")

    def status(self) -> None:
        post = self._chance.choice(self._own)
        course = self._journal.statuses.setdefault(post, Course())
        if course.changes.perhaps:
            return
        status = self._chance.choice([one for one in self._stage.statuses if one != course.last])
        with self._noted(course.changes):
            if self._dialect() == "astuto":
                self._write("astuto", "PUT", f"/posts/{post}/update_status", {"post_status_id": status})
            else:
                self._write("productlift", "PATCH", f"/posts/{post}", {"status_id": status})
        course.last = status


def stage(caller: Caller, url: str, journal: Journal, *, writers: int) -> Stage:
    """Make posts and users, unless they are there; then all that stand now, and the statuses that take votes."""
    (board,) = rows(url, "SELECT min(id) FROM boards")[0]
    if not journal.posts:
        for number in range(3 * writers):
            thing = journal.posts[f"Lasting first {number}"] = Thing()
            sent = {"title": f"Lasting first {number}", "board_id": board}
            thing.number = caller.ask("astuto", "POST", "/posts", sent).told()["id"]
            thing.made.add(acknowledged=True)
        for number in range(writers):
            sent = {"name": f"Writer {number}", "email": f"writer{number}@example.com", "role": "member"}
            made = caller.ask("productlift", "POST", "/users", sent)
            assert made.status == 200, made
    users = rows(url, "SELECT id, uuid FROM users WHERE email LIKE 'writer%' ORDER BY id")
    taking = "SELECT id FROM statuses WHERE name IN ('Planned', 'In Progress') ORDER BY id"
    standing = rows(url, "SELECT id FROM posts WHERE title LIKE 'Lasting%' ORDER BY id")
    posts, statuses = ([number for (number,) in found] for found in (standing, rows(url, taking)))
    return Stage(posts, statuses, [(number, uuid) for number, uuid in users], board)


@contextmanager
def writing(
    port: int,
    keys: dict[str, str],
    url: str,
    journal: Journal,
    *,
    writers: int = 6,
    seed: int = 0,
    outlast: bool = False,
) -> Iterator[list[threading.Thread]]:
    """Writers in threads, until the block is left."""
    with closing(Caller(port, keys)) as caller:
        there = stage(caller, url, journal, writers=writers)
    over = threading.Event()
    threads = []
    for place in range(writers):
        writer = Writer(Caller(port, keys), there, place, journal, seed)
        threads.append(threading.Thread(target=writer.work, args=(over,), kwargs={"outlast": outlast}))
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        over.set()
        for thread in threads:
            thread.join()

"""Writers that send requests in both dialects while something breaks, and record the outcomes."""

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

MAX_RESPONSE_SECONDS: Final = 20.0
"""A response that takes longer is a failure, whatever breaks."""
UNAVAILABLE: Final = {
    "astuto": b'{"errors":["Service temporarily unavailable."]}',
    "productlift": b'{"message":"Service Unavailable"}',
}


CUT: Final = (OSError, http.client.HTTPException)


class ResponseTimeout(Exception):
    """The server did not respond in time."""


class Response(NamedTuple):
    """Status, headers with lower-case names, and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """A client with one connection, reopened after it is lost. `keys` has a key for each dialect."""

    def __init__(self, port: int, keys: dict[str, str]) -> None:
        self._keys = keys
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=MAX_RESPONSE_SECONDS)
        self.is_new_connection = True
        """Whether the last request was the first on its connection."""

    def send(self, dialect: str, method: str, path: str, payload: Any = None) -> Response:
        """Send a request. Raises one of CUT if the connection is lost, and ResponseTimeout."""
        headers = {"authorization": f"Bearer {self._keys[dialect]}", "content-type": "application/json"}
        body = None if payload is None else json.dumps(payload)
        self.is_new_connection = self._connection.sock is None
        try:
            self._connection.request(method, "/api/v1" + path, body, headers)
            response = self._connection.getresponse()
            return Response(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        except TimeoutError as error:
            raise ResponseTimeout(
                f"{dialect} {method} {path}: no response in {MAX_RESPONSE_SECONDS:.0f} seconds"
            ) from error
        except CUT:
            self._connection.close()
            raise

    def close(self) -> None:
        self._connection.close()


def is_unavailable(dialect: str, response: Response) -> bool:
    """Whether this is exactly the dialect's response while the database is unavailable."""
    return (
        response.status == 503
        and response.body == UNAVAILABLE[dialect]
        and response.headers["content-type"].startswith("application/json")
        and int(response.headers["retry-after"]) > 0
    )


class Stage(NamedTuple):
    """The rows at the start of the writers: ids of posts and statuses, and a user for each writer."""

    posts: list[int]
    statuses: list[int]
    users: list[tuple[int, str]]
    board: int


class _Unanswered(Exception):
    """The write was not acknowledged."""


class _Cut(_Unanswered):
    """The connection was lost: the write may be stored or not."""


class _Refused(_Unanswered):
    """The connection was refused: the write was not payload."""


class Writer:
    """One of several writers. Each votes in the name of its own user, so that no other writer changes its votes."""

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
        """Write until `over` is set or, unless `outlast`, until a write is not acknowledged."""
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
        # These retry sooner than `retry-after` says.
        while away and not over.wait(0.05):
            for dialect in tuple(away):
                try:
                    response = self._caller.send(dialect, "GET", "/posts?limit=1")
                except CUT as error:
                    self._record_cut(error)
                    continue
                if response.status == 200:
                    self._journal.note(f"{dialect} again")
                    away.remove(dialect)
                    continue
                self._check_unavailable(dialect, response)

    def _check_unavailable(self, dialect: str, response: Response) -> None:
        if not is_unavailable(dialect, response):
            raise AssertionError(f"{dialect}: {response}")
        self._journal.note(f"{dialect} 503")

    def _record_cut(self, error: Exception) -> _Unanswered:
        if isinstance(error, ConnectionRefusedError):
            self._journal.note("refused")
            return _Refused()
        where = " on a new connection" if self._caller.is_new_connection else ""
        self._journal.note(f"{CUT_BY} {type(error).__name__}{where}")
        return _Cut()

    def _write(self, dialect: str, method: str, path: str, payload: Any = None) -> Any:
        """The JSON of the response. Raises _Unanswered."""
        try:
            response = self._caller.send(dialect, method, path, payload)
        except CUT as error:
            raise self._record_cut(error) from error
        if response.status in (200, 201):
            self._journal.note("acknowledged")
            return response.json()
        if response.status != 503:
            raise AssertionError(f"{dialect} {method} {path}: {response}")
        self._check_unavailable(dialect, response)
        raise _Cut

    @contextmanager
    def _record_outcome(self, tally: Any) -> Iterator[None]:
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
        with self._record_outcome(thing.made):
            if dialect == "astuto":
                payload = {"title": title, "board_id": self._stage.board}
                thing.number = self._write(dialect, "POST", "/posts", payload)["id"]
            else:
                thing.number = self._write(dialect, "POST", "/posts", {"title": title})["data"]["id"]
        assert thing.number is not None
        return dialect, thing.number

    def post(self) -> None:
        self._create(f"Lasting {next(self._numbers)}")

    def delete_post(self) -> None:
        title = f"Fleeting {next(self._numbers)}"
        dialect, number = self._create(title)
        with self._record_outcome(self._journal.posts[title].gone):
            self._write(dialect, "DELETE", f"/posts/{number}")

    def vote(self) -> None:
        post = self._chance.choice(self._stage.posts)
        if (post, self._user) in self._journal.votes and not self._has_no_vote(post):
            return
        thing = self._journal.votes.setdefault((post, self._user), Thing())
        number = None
        with self._record_outcome(thing.made):
            if self._dialect() == "astuto":
                payload = {"post_id": post, "impersonated_user_id": self._user}
                number = self._write("astuto", "POST", "/votes", payload)["id"]
            else:
                self._write("productlift", "POST", f"/posts/{post}/votes/{self._uuid}")
        self._live.append((post, self._uuid, number))

    def _has_no_vote(self, post: int) -> bool:
        thing = self._journal.votes[post, self._user]
        return not (thing.made.perhaps or thing.gone.perhaps) and thing.made.sure == thing.gone.sure

    def unvote(self) -> None:
        if not self._live:
            return
        post, uuid, number = self._live.pop(self._chance.randrange(len(self._live)))
        with self._record_outcome(self._journal.votes[post, self._user].gone):
            if number is not None:
                self._write("astuto", "DELETE", f"/votes/{number}")
            else:
                self._write("productlift", "DELETE", f"/posts/{post}/votes/{uuid}")

    def comment(self) -> None:
        body, post = f"Comment {next(self._numbers)}", self._chance.choice(self._stage.posts)
        thing = self._journal.comments[body] = Thing()
        with self._record_outcome(thing.made):
            if self._dialect() == "astuto":
                thing.number = self._write("astuto", "POST", "/comments", {"post_id": post, "body": body})["id"]
            else:
                payload = {"comment": body}
                thing.number = self._write("productlift", "POST", f"/posts/{post}/comments", payload)["data"]["id"]
        assert isinstance(thing.number, int)
        self._comments.append((body, post, thing.number))

    def delete_comment(self) -> None:
        if not self._comments:
            return
        body, post, number = self._comments.pop(self._chance.randrange(len(self._comments)))
        with self._record_outcome(self._journal.comments[body].gone):
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
        with self._record_outcome(course.changes):
            if self._dialect() == "astuto":
                self._write("astuto", "PUT", f"/posts/{post}/update_status", {"post_status_id": status})
            else:
                self._write("productlift", "PATCH", f"/posts/{post}", {"status_id": status})
        course.last = status


def stage(caller: Caller, url: str, journal: Journal, *, writers: int) -> Stage:
    """Create posts and users, unless they exist; return all posts, and the statuses that accept votes."""
    (board,) = rows(url, "SELECT min(id) FROM boards")[0]
    if not journal.posts:
        for number in range(3 * writers):
            thing = journal.posts[f"Lasting first {number}"] = Thing()
            payload = {"title": f"Lasting first {number}", "board_id": board}
            thing.number = caller.send("astuto", "POST", "/posts", payload).json()["id"]
            thing.made.add(acknowledged=True)
        for number in range(writers):
            payload = {"name": f"Writer {number}", "email": f"writer{number}@example.com", "role": "member"}
            response = caller.send("productlift", "POST", "/users", payload)
            assert response.status == 200, response
    users = rows(url, "SELECT id, uuid FROM users WHERE email LIKE 'writer%' ORDER BY id")
    voteable = "SELECT id FROM statuses WHERE name IN ('Planned', 'In Progress') ORDER BY id"
    posts_now = rows(url, "SELECT id FROM posts WHERE title LIKE 'Lasting%' ORDER BY id")
    posts, statuses = ([number for (number,) in ids] for ids in (posts_now, rows(url, voteable)))
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
    """Run writers in threads until the block ends."""
    with closing(Caller(port, keys)) as caller:
        start = stage(caller, url, journal, writers=writers)
    over = threading.Event()
    threads = []
    for place in range(writers):
        writer = Writer(Caller(port, keys), start, place, journal, seed)
        threads.append(threading.Thread(target=writer.work, args=(over,), kwargs={"outlast": outlast}))
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        over.set()
        for thread in threads:
            thread.join()

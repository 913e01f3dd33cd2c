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
from tests.support.write_journal import CUT_BY, Entry, Journal, StatusHistory, Tally

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


class _NotAcknowledged(Exception):
    """The server rejected the connection, or the write has no response, or a 503."""


class Writer:
    """One of several writers. Each votes in the name of its own user, so that no other writer changes its votes."""

    _numbers = count(1)

    def __init__(self, caller: Caller, stage: Stage, place: int, journal: Journal, seed: int) -> None:
        self._caller = caller
        self._stage = stage
        self._journal = journal
        self._random = random.Random(f"{seed} {place}")
        self._user, self._uuid = stage.users[place]
        # Posts whose status only this writer changes.
        self._own = stage.posts[place :: len(stage.users)]
        self._actions: list[Callable[[], None]] = [
            self.post, self.vote, self.vote, self.unvote, self.comment, self.delete_comment, self.delete_post,
            self.status,
        ]  # fmt: skip
        # The id of a vote is known if it was cast through Astuto's dialect.
        self._votes: list[tuple[int, int | None]] = []
        self._comments: list[tuple[str, int, int]] = []

    def work(self, over: threading.Event, *, outlast: bool) -> None:
        """Write until `over` is set or, unless `outlast`, until a write is not acknowledged."""
        try:
            while not over.is_set():
                try:
                    self._random.choice(self._actions)()
                except _NotAcknowledged:
                    if not outlast:
                        return
                    self._await_service(over)
        except Exception as error:
            self._journal.complain(f"{type(error).__name__}: {error}")
        finally:
            self._caller.close()

    def _await_service(self, over: threading.Event) -> None:
        unavailable = ["astuto", "productlift"]
        # These retry sooner than `retry-after` says.
        while unavailable and not over.wait(0.05):
            for dialect in tuple(unavailable):
                try:
                    response = self._caller.send(dialect, "GET", "/posts?limit=1")
                except CUT as error:
                    self._record_cut(error)
                    continue
                if response.status == 200:
                    self._journal.note(f"{dialect} again")
                    unavailable.remove(dialect)
                    continue
                self._check_unavailable(dialect, response)

    def _check_unavailable(self, dialect: str, response: Response) -> None:
        if not is_unavailable(dialect, response):
            raise AssertionError(f"{dialect}: {response}")
        self._journal.note(f"{dialect} 503")

    def _record_cut(self, error: Exception) -> None:
        where = " on a new connection" if self._caller.is_new_connection else ""
        is_refused = isinstance(error, ConnectionRefusedError)
        self._journal.note("refused" if is_refused else f"{CUT_BY} {type(error).__name__}{where}")

    def _write(self, tally: Tally, **requests: tuple[str, str, Any]) -> tuple[str, Any]:
        """Send the request of one of these dialects and count its outcome; return the dialect and the JSON.

        Raises _NotAcknowledged. A write whose connection was refused was not sent, so it is not counted.
        """
        dialect = self._random.choice(list(requests))
        try:
            response = self._caller.send(dialect, *requests[dialect])
        except CUT as error:
            self._record_cut(error)
            if not isinstance(error, ConnectionRefusedError):
                tally.add(acknowledged=False)
            raise _NotAcknowledged from error
        if response.status in (200, 201):
            self._journal.note("acknowledged")
            tally.add(acknowledged=True)
            return dialect, response.json()
        self._check_unavailable(dialect, response)
        tally.add(acknowledged=False)
        raise _NotAcknowledged

    def _create_post(self, title: str) -> tuple[str, int | str]:
        """Create a post; return the dialect and the id in this dialect."""
        entry = self._journal.posts[title] = Entry()
        payload = {"title": title}
        dialect, created = self._write(
            entry.created,
            astuto=("POST", "/posts", payload | {"board_id": self._stage.board}),
            productlift=("POST", "/posts", payload),
        )
        entry.id = _id_of(created)
        return dialect, entry.id

    def post(self) -> None:
        self._create_post(f"Lasting {next(self._numbers)}")

    def delete_post(self) -> None:
        title = f"Fleeting {next(self._numbers)}"
        dialect, post = self._create_post(title)
        self._write(self._journal.posts[title].deleted, **{dialect: ("DELETE", f"/posts/{post}", None)})

    def vote(self) -> None:
        post = self._random.choice(self._stage.posts)
        entry = self._journal.votes.setdefault((post, self._user), Entry())
        if not entry.is_absent:
            return
        dialect, created = self._write(
            entry.created,
            astuto=("POST", "/votes", {"post_id": post, "impersonated_user_id": self._user}),
            productlift=("POST", f"/posts/{post}/votes/{self._uuid}", None),
        )
        self._votes.append((post, created["id"] if dialect == "astuto" else None))

    def unvote(self) -> None:
        if not self._votes:
            return
        post, vote = self._votes.pop(self._random.randrange(len(self._votes)))
        tally = self._journal.votes[post, self._user].deleted
        if vote is not None:
            self._write(tally, astuto=("DELETE", f"/votes/{vote}", None))
        else:
            self._write(tally, productlift=("DELETE", f"/posts/{post}/votes/{self._uuid}", None))

    def comment(self) -> None:
        body, post = f"Comment {next(self._numbers)}", self._random.choice(self._stage.posts)
        entry = self._journal.comments[body] = Entry()
        _, created = self._write(
            entry.created,
            astuto=("POST", "/comments", {"post_id": post, "body": body}),
            productlift=("POST", f"/posts/{post}/comments", {"comment": body}),
        )
        entry.id = comment = _id_of(created)
        self._comments.append((body, post, comment))

    def delete_comment(self) -> None:
        if not self._comments:
            return
        body, post, comment = self._comments.pop(self._random.randrange(len(self._comments)))
        self._write(
            self._journal.comments[body].deleted,
            astuto=("DELETE", f"/comments/{comment}", None),
            productlift=("DELETE", f"/posts/{post}/comments/{comment}", None),
        )

    def status(self) -> None:
        post = self._random.choice(self._own)
        history = self._journal.statuses.setdefault(post, StatusHistory())
        if history.changes.unknown:
            return
        status = self._random.choice([one for one in self._stage.statuses if one != history.last])
        self._write(
            history.changes,
            astuto=("PUT", f"/posts/{post}/update_status", {"post_status_id": status}),
            productlift=("PATCH", f"/posts/{post}", {"status_id": status}),
        )
        history.last = status


def _id_of(created: Any) -> Any:
    """The id in the response of either dialect."""
    return created.get("data", created)["id"]


def stage(caller: Caller, url: str, journal: Journal, *, writers: int) -> Stage:
    """Create posts and users, unless they exist; return all posts, and the statuses that accept votes."""
    (board,) = rows(url, "SELECT min(id) FROM boards")[0]
    if not journal.posts:
        for number in range(3 * writers):
            payload = {"title": f"Lasting first {number}", "board_id": board}
            created = caller.send("astuto", "POST", "/posts", payload).json()
            journal.posts[payload["title"]] = Entry(created=Tally(acknowledged=1), id=created["id"])
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

"""How many connections one process takes: fewer than it may have files open, so that there are some for its work."""

import resource
from contextlib import suppress
from time import monotonic
from typing import Final

import structlog
from uvicorn.server import ServerState

MOST_RESERVED: Final = 200
"""Files kept for the database, Redis, uploads and what else is at work; half of them for saying no to connections."""
WITHOUT_LIMIT: Final = 100_000
MOST_ASKED_FOR: Final = 8_192
"""As far as a process raises its own limit of open files."""
QUIET_SECONDS: Final = 60.0

log = structlog.get_logger("earshot.serving")


class Connections(ServerState):
    """The connections of one process, and whether there is room for one more."""

    def __init__(self) -> None:
        super().__init__()
        self.files = open_files()
        reserved = min(MOST_RESERVED, self.files // 2)
        self.most = self.files - reserved
        self.most_refused = reserved // 2
        self._told_at = -QUIET_SECONDS

    def room(self) -> bool | None:
        """None where there is room for all; True for one who can be told that there is none, False when not even that.

        Logs a lack of room, at most once a minute.
        """
        count = len(self.connections)
        if count <= self.most:
            return None
        now = monotonic()
        if now - self._told_at >= QUIET_SECONDS:
            self._told_at = now
            log.warning(
                "new connections are refused: raise the limit of open files (ulimit -n), or start more processes",
                connections=self.most,
                open_files=self.files,
            )
        return count <= self.most + self.most_refused


def open_files() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else min(soft, WITHOUT_LIMIT)


def raise_open_files() -> None:
    """Let this process, and those that it starts, have as many files open as the system grants without being asked.

    The usual soft limit of 1024 is there for old programs that can't count further, not to hold others to it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_ASKED_FOR if hard == resource.RLIM_INFINITY else min(hard, MOST_ASKED_FOR)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    # Some systems grant less than they say; then it stays as it is.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

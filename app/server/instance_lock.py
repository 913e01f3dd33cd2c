"""One server a database: a second one would count requests for itself, and nobody would be held to the limits."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from app.server import StartupError
from app.settings import Settings

LOCK_FILE: Final = "serving.lock"


@contextmanager
def hold(settings: Settings) -> Iterator[None]:
    """Make the data directory and lock it, and SQLite's file too, while the block runs and this process lives.

    Raises StartupError when the directory can't be written, or when another server holds either and limits are counted
    in memory. With Redis, or without limits, several servers may share them.
    """
    with ExitStack() as held:
        folder = settings.data_dir.absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.callback(os.close, _taken(folder / LOCK_FILE, f"runs on the data directory {folder}", settings))
        except OSError as error:
            raise StartupError(
                f"the data directory {folder} can't be written ({error.strerror}): "
                "give it to this user, or set EARSHOT_DATA_DIR to another one"
            ) from None
        if settings.database.startswith("sqlite:///"):
            # Two data directories may name one file, also by a link. Beside the file, never on it: to close the file
            # would end the locks that SQLite itself has on it.
            file = Path(os.path.realpath(settings.database.removeprefix("sqlite:///")))
            # What can't be written there is told by who makes and opens the file.
            with suppress(OSError):
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = file.with_name(f"serving.{file.name}.lock")
                held.callback(os.close, _taken(lock, f"serves the database {file}", settings))
        yield


def _taken(path: Path, what: str, settings: Settings) -> int:
    """The descriptor of the locked file. Raises OSError when it can't be opened, and StartupError."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if settings.redis_url is not None or not settings.rate_limits:
            return file
        holder = os.read(file, 20).decode(errors="replace").strip()
        os.close(file)
        raise StartupError(
            f"another server{f' (process {holder})' if holder.isdigit() else ''} {what}: end it, or set "
            "EARSHOT_REDIS_URL so that both count requests together, or set EARSHOT_RATE_LIMITS=off"
        ) from None
    except OSError:
        # Some network file systems have no locks.
        return file
    # On a full disk the lock holds all the same.
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
    return file

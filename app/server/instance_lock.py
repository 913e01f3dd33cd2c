"""Permits one server for each database: two would count requests separately, and clients could exceed the limits."""

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
    """Make the data directory, and lock it and SQLite's file inside the block.

    Raises StartupError when the directory can't be written, or when another server holds one of the locks and limits
    are counted in memory. With Redis, or without limits, several servers may share both.
    """
    with ExitStack() as stack:
        folder = settings.data_dir.absolute()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            own = "EARSHOT_DATA_DIR" if settings.database_url is None else "EARSHOT_DATA_DIR and EARSHOT_DATABASE_URL"
            lock = _lock(folder / LOCK_FILE, f"runs on the data directory {folder}", own, settings)
            stack.callback(os.close, lock)
        except OSError as error:
            raise StartupError(
                f"the data directory {folder} can't be written ({error.strerror})",
                "make this user its owner, or set EARSHOT_DATA_DIR to another one",
            ) from None
        if settings.database.startswith("sqlite:///"):
            # Two data directories may use one file, also by a link. The lock is a file of its own, because closing
            # SQLite's file would release SQLite's own locks on it.
            file = Path(os.path.realpath(settings.database.removeprefix("sqlite:///")))
            # An error here is reported when the file is made and opened.
            with suppress(OSError):
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = file.with_name(f"serving.{file.name}.lock")
                lock = _lock(path, f"serves the database {file}", "EARSHOT_DATABASE_URL", settings)
                stack.callback(os.close, lock)
        yield


def _lock(path: Path, what: str, own: str, settings: Settings) -> int:
    """Lock a file and return its descriptor. Raises OSError when it can't be opened, and StartupError.

    `what` is what the other server does; `own` are the settings that separate a second server from it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if settings.redis_url is not None or not settings.rate_limits:
            return file
        holder = os.read(file, 20).decode(errors="replace").strip()
        os.close(file)
        raise StartupError(
            f"another server{f' (process {holder})' if holder.isdigit() else ''} {what}",
            f"stop it, or give the second one another {own}, or set EARSHOT_REDIS_URL so that both count requests "
            "together, or set EARSHOT_RATE_LIMITS=off",
        ) from None
    except OSError:
        # Some network file systems do not support locks.
        return file
    # The lock holds on a full disk, too.
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.write(file, str(os.getpid()).encode())
    return file

"""One server a data directory: a second one would count requests for itself, and nobody would be held to the limits."""

import fcntl
import os
from contextlib import suppress
from typing import IO, Final

from app.serving import CannotStart
from app.settings import Settings

LOCK_FILE: Final = "serving.lock"


def hold(settings: Settings) -> IO[str]:
    """Make the data directory and lock it until the file that is given back is closed, or this process ends.

    Raises CannotStart when the directory can't be written, or when another server holds it and limits are counted in
    memory. With Redis, or without limits, several servers may share it.
    """
    path = settings.data_dir / LOCK_FILE
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = path.open("a+")
    except OSError as error:
        raise CannotStart(
            f"the data directory {settings.data_dir.absolute()} can't be written ({error.strerror}): "
            "give it to this user, or set EARSHOT_DATA_DIR to another one"
        ) from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if settings.redis_url is not None or not settings.rate_limits:
            return held
        held.seek(0)
        holder = held.read().strip()
        held.close()
        raise CannotStart(
            f"another server{f' (process {holder})' if holder.isdigit() else ''} runs on the data directory "
            f"{settings.data_dir.absolute()}: end it, or set EARSHOT_REDIS_URL so that both count requests together, "
            "or set EARSHOT_RATE_LIMITS=off"
        ) from None
    with suppress(OSError):
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
    return held

"""The steps of a start: check, migrate, and make the first portal."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from app.adapters.database import NO_PORTAL
from app.adapters.database.inspection import read_revision
from app.adapters.database.revisions import HEAD, REVISIONS
from app.adapters.database.unusable import suggest_fix
from app.adapters.folders import require_writable
from app.adapters.problem import InvalidValue
from app.adapters.rate_limiter import RedisRateLimiter
from app.adapters.storage.base import StorageUnavailable, probe_storage
from app.adapters.storage.local import LocalStorage
from app.backends import open_database, open_storage
from app.domain import installation
from app.domain.errors import Conflict
from app.domain.portals import bootstrap, portals
from app.domain.portals.bootstrap import FirstPortal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys
from app.observability import tracing
from app.server import StartupError
from app.settings import SECRET_FILE, Settings

_FINGERPRINTS: Final = "0003"
"""The first revision of the schema that has the fingerprint of the secret."""


async def preflight(settings: Settings) -> None:
    """Check that the settings can be served, before anything is changed.

    Raises InvalidSettings, StartupError, and what `read_revision` raises.
    """
    if settings.redis_url is not None:
        open_rate_limiter(settings, settings.redis_url)
    if settings.otlp_url is not None and not tracing.is_installed():
        raise settings.invalid("otlp_url", InvalidValue("OpenTelemetry is not installed", tracing.REMEDY))
    open_storage(settings)
    open_database(settings)
    _reject_read_only(settings)
    await read_revision(settings.database, password=settings.database_password)


def open_rate_limiter(settings: Settings, redis_url: str) -> RedisRateLimiter:
    """The counters in Redis, not yet connected. Raises InvalidSettings."""
    if find_spec("redis") is None:
        raise settings.invalid("redis_url", InvalidValue("the client of Redis is not installed", "pip install redis"))
    try:
        return RedisRateLimiter(redis_url)
    except InvalidValue as error:
        raise settings.invalid("redis_url", error) from None


def _reject_read_only(settings: Settings) -> None:
    if not settings.database.startswith("sqlite:///"):
        return
    path = Path(settings.database.removeprefix("sqlite:///"))
    # In a writable folder SQLite opens such a file for reading, and only the first write fails.
    if os.access(path.parent, os.W_OK) and os.access(path, os.F_OK) and not os.access(path, os.W_OK):
        raise StartupError(f"the file {path} is read-only", "make this user its owner, and remove its write protection")


async def check_secret(settings: Settings) -> None:
    """Check that the secret is the one of the database's keys, and that it exists if there are any.

    It changes nothing, and comes before a migration. Raises StartupError and Conflict("secret.other").
    """
    revision = await read_revision(settings.database, password=settings.database_password)
    if revision is None:
        return
    has_fingerprints = REVISIONS.index(revision) >= REVISIONS.index(_FINGERPRINTS)
    database = open_database(settings)
    await database.open()
    try:
        if settings.has_secret:
            if has_fingerprints and not await database.read(
                lambda work: installation.secret_matches(work, settings.secret), NO_PORTAL
            ):
                raise Conflict("secret.other")
            return
        count = await database.read(api_keys.count, NO_PORTAL)
        is_used = count > 0 or (has_fingerprints and await database.read(installation.has_fingerprint, NO_PORTAL))
    finally:
        await database.close()
    if is_used:
        path = settings.data_dir.absolute() / SECRET_FILE
        raise StartupError(
            f"the database has {count} keys, and the secret that they were created with is missing",
            f"put {path} back from a backup, or set EARSHOT_SECRET_KEY; to revoke all keys, write a new one: "
            f"(umask 077; openssl rand -hex 32 > {path}) && earshot secret accept",
        )


def create_database_file(settings: Settings) -> None:
    """Make the file of a new SQLite database, and its folder, with access for this user only. Raises StartupError."""
    if not settings.database.startswith("sqlite:///"):
        return
    path = Path(settings.database.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(
            f"the folder {path.parent} can't be created ({error.strerror})",
            "make this user the owner of its parent, or choose another folder in EARSHOT_DATABASE_URL",
        ) from None
    # SQLite gives its log the mode of the file. A file that exists keeps its mode.
    with suppress(OSError):
        path.touch(mode=0o600)


async def check_folders(settings: Settings, *, demo: bool) -> None:
    """Check the rights to the folders that a start creates or writes to, without a change. Raises StartupError."""
    require_writable("the data directory", settings.data_dir, "EARSHOT_DATA_DIR")
    check_database_folder(settings)
    storage = open_storage(settings)
    if isinstance(storage, LocalStorage) and await _needs_storage(settings, demo=demo):
        require_writable("the folder of uploads", storage.root, "EARSHOT_STORAGE_URL")


def check_database_folder(settings: Settings) -> None:
    """Check the right to the folder of SQLite's file, if it is not that of the data directory. Raises Problem."""
    if settings.database_url is not None and settings.database.startswith("sqlite:///"):
        folder = Path(settings.database.removeprefix("sqlite:///")).parent
        require_writable("the folder of the database", folder, "EARSHOT_DATABASE_URL")


async def _needs_storage(settings: Settings, *, demo: bool) -> bool:
    """Whether uploads must work at the start: where they were set up, and for the files of a new demo."""
    if settings.storage_url is not None:
        return True
    return demo and await read_revision(settings.database, password=settings.database_password) is None


async def check_storage(settings: Settings, *, demo: bool) -> None:
    """Check that uploads can be stored where the settings name a storage, or where a new demo needs one.

    Leaves no file. Raises StorageUnavailable and InvalidSettings.
    """
    if not await _needs_storage(settings, demo=demo):
        return
    try:
        await probe_storage(open_storage(settings))
    except StorageUnavailable as error:
        if settings.storage_url is None:
            raise
        raise settings.invalid("storage_url", error) from None


async def prepare(settings: Settings) -> None:
    """Migrate the database to this version, and create the file of a new one. Raises Problem."""
    create_database_file(settings)
    if await read_revision(settings.database, password=settings.database_password) == HEAD:
        return
    # Alembic takes a tenth of a second to import and some megabytes, which a server would hold to its end.
    from app.adapters.database.migrations import migrate

    try:
        await migrate(settings.database, password=settings.database_password)
    except DBAPIError as error:
        remedy = (
            suggest_fix(error.orig)
            if isinstance(error.orig, sqlite3.Error)
            else "make the role of EARSHOT_DATABASE_URL the owner of the database and of its tables"
        )
        raise StartupError(f"the database could not be migrated, and is unchanged ({error.orig})", remedy) from None


async def make_first_portal(settings: Settings, *, demo: bool) -> FirstPortal | None:
    """Make the first portal of an empty database, with sample data for a demo, in one transaction.

    Return None when the database has a portal already. Raises Conflict("secret.other") when the database's keys were
    made with another secret, and StorageUnavailable for a demo.
    """
    database = open_database(settings)
    await database.open()
    try:
        is_empty = demo and not await database.read(portals.count, NO_PORTAL)
        fill = await _prepare_demo(settings) if is_empty else None

        def operation(work: UnitOfWork) -> FirstPortal | None:
            made = bootstrap.create_first_portal(
                work, secret=settings.secret, owner_email=settings.owner_email, owner_name=settings.owner_name
            )
            installation.require_secret(work, settings.secret)
            if made is not None and fill is not None:
                fill(work)
            return made

        return await database.write(operation, NO_PORTAL, in_thread=True)
    finally:
        with suppress(Exception):
            await database.close()


async def _prepare_demo(settings: Settings) -> Callable[[UnitOfWork], None]:
    """Store the files of the sample portal, and return the operation that fills a new portal with it.

    If the operation fails, a background job deletes the files. Raises StorageUnavailable.
    """
    # Imported for a demo only, because it needs Pillow to draw images.
    from app import demo
    from app.demo.files import store_files

    files = await store_files(open_storage(settings))
    return lambda work: demo.fill(work, files=files)


async def is_redis_reachable(settings: Settings) -> bool | None:
    """Whether Redis answers; None where none is used."""
    if settings.redis_url is None:
        return None
    counters = RedisRateLimiter(settings.redis_url)
    try:
        return await counters.is_reachable()
    finally:
        await counters.close()


def program_version() -> str:
    """The version of the installed program."""
    try:
        return version("earshot")
    except PackageNotFoundError:
        return "unversioned"

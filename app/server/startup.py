"""The steps of a start: check, migrate, make the first portal, and print what runs where."""

import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from app.adapters.database import NO_PORTAL
from app.adapters.database.inspection import read_revision, suggest_fix
from app.adapters.database.revisions import HEAD
from app.adapters.rate_limiter import RateLimit, RedisRateLimiter
from app.adapters.storage.base import StorageUnavailable, probe_storage
from app.backends import open_database, open_storage
from app.demo import fill
from app.domain import installation
from app.domain.portals import bootstrap
from app.domain.portals.bootstrap import FirstPortal
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import api_keys
from app.observability import tracing
from app.server import StartupError
from app.settings import SECRET_FILE, InvalidSettings, Settings, mask_secrets

NAMES: Final = {"productlift": "ProductLift", "astuto": "Astuto"}


async def preflight(settings: Settings) -> None:
    """Check that the settings can be served, before anything is changed.

    Raises InvalidSettings, StartupError, and what `read_revision` raises.
    """
    if settings.redis_url is not None:
        if find_spec("redis") is None:
            raise InvalidSettings("EARSHOT_REDIS_URL: the client of Redis is not installed: pip install redis")
        try:
            RedisRateLimiter(settings.redis_url)
        except ValueError as error:
            raise InvalidSettings(f"EARSHOT_REDIS_URL: {error}") from None
    if settings.otlp_url is not None and not tracing.is_installed():
        raise InvalidSettings(f"EARSHOT_OTLP_URL: OpenTelemetry is not installed: {tracing.REMEDY}")
    open_storage(settings)
    _reject_read_only(settings)
    await read_revision(settings.database, password=settings.database_password)


def _reject_read_only(settings: Settings) -> None:
    if not settings.database.startswith("sqlite:///"):
        return
    path = Path(settings.database.removeprefix("sqlite:///"))
    # In a writable folder SQLite opens such a file for reading, and only the first write fails.
    if path.is_file() and os.access(path.parent, os.W_OK) and not os.access(path, os.W_OK):
        raise StartupError(f"the file {path} is read-only: give it to this user, and take its write protection away")


async def check_secret(settings: Settings) -> None:
    """Raise StartupError when the secret is missing and the database has keys that were made with it."""
    if settings.has_secret or await read_revision(settings.database, password=settings.database_password) is None:
        return
    database = open_database(settings)
    await database.open()
    try:
        count = await database.read(api_keys.count, NO_PORTAL)
    finally:
        await database.close()
    if count:
        path = settings.data_dir.absolute() / SECRET_FILE
        raise StartupError(
            f"the database has {count} keys, and the secret that they were made with is not there: put {path} back "
            f"from a backup, or set EARSHOT_SECRET_KEY; to end all keys, write a new one: "
            f"(umask 077; openssl rand -hex 32 > {path}) && earshot secret accept"
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
            f"the folder {path.parent} can't be created ({error.strerror}): choose another one"
        ) from None
    # SQLite gives its log the mode of the file. A file that exists keeps its mode.
    with suppress(OSError):
        path.touch(mode=0o600)


async def prepare(settings: Settings) -> None:
    """Check that uploads can be stored, and migrate the database to this version.

    Raises StartupError, NewerDatabase, ServiceUnavailable.
    """
    create_database_file(settings)
    if settings.storage_url is not None:
        storage = open_storage(settings)
        try:
            await probe_storage(storage)
        except StorageUnavailable as error:
            raise StartupError(f"EARSHOT_STORAGE_URL: {error}; see `earshot doctor`") from None
    if await read_revision(settings.database, password=settings.database_password) == HEAD:
        return
    # Alembic takes a tenth of a second to import and some megabytes, which a server would hold to its end.
    from app.adapters.database.migrations import migrate

    try:
        await migrate(settings.database, password=settings.database_password)
    except DBAPIError as error:
        reason = (
            f" ({error.orig}): {suggest_fix(error.orig)}"
            if isinstance(error.orig, sqlite3.Error)
            else f": {error.orig}"
        )
        raise StartupError(f"the database could not be migrated, and is as it was{reason}") from None


@dataclass(frozen=True, slots=True)
class FirstPortalResult:
    """The portal that a start made, and whether a demo was requested."""

    made: FirstPortal | None
    demo: bool


async def make_first_portal(settings: Settings, *, demo: bool) -> FirstPortalResult:
    """Make the first portal of an empty database, with sample data for a demo, in one transaction.

    Raises Conflict("secret.other") when the database's keys were made with another secret.
    """
    database = open_database(settings)
    await database.open()

    def operation(work: UnitOfWork) -> FirstPortal | None:
        made = bootstrap.create_first_portal(work, secret=settings.secret)
        installation.require_secret(work, settings.secret)
        if made is not None and demo:
            fill(work, owner_id=made.owner_id)
        return made

    try:
        made = await database.write(operation, NO_PORTAL, in_thread=True)
        return FirstPortalResult(made, demo)
    finally:
        with suppress(Exception):
            await database.close()


def first_start_banner(result: FirstPortalResult, address: str) -> str:
    """The keys, and a working request in each dialect, for the first start. Empty at a later one."""
    made = result.made
    if made is None:
        return "" if not result.demo else "--demo was left out: there is data already, and it stays as it is.\n"
    lines = [
        f"This is a new portal, owned by {bootstrap.OWNER_EMAIL}. Its two keys are shown now and never again:",
        *(f"  {NAMES[dialect]:<12} {key}" for dialect, key in made.keys.items()),
        "Try them:",
        *(f"  curl -H 'Authorization: Bearer {key}' {address}/api/v1/posts" for key in made.keys.values()),
        "Other commands: earshot --help lists them; in a checkout type ./manage earshot --help",
        "",
    ]
    return "\n".join(lines) + "\n"


async def is_redis_reachable(settings: Settings) -> bool | None:
    """Whether Redis answers; None where none is used."""
    if settings.redis_url is None:
        return None
    counters = RedisRateLimiter(settings.redis_url)
    try:
        return await counters.is_reachable()
    finally:
        await counters.close()


def startup_banner(settings: Settings, address: str, *, redis: bool | None, metrics: str | None = None) -> str:
    """What every start prints: addresses, database, data directory, limits, and problems."""
    everywhere = settings.host in ("", "0.0.0.0", "::")  # noqa: S104
    rows = [
        ("address", f"{address}  (interactive documents: {address}/docs)"),
        *([("listens", "on all addresses of this machine")] if everywhere else []),
        *([("public", settings.base_url)] if settings.base_url else []),
        ("database", open_database(settings).describe()),
        ("data", f"{settings.data_dir.absolute()}"),
        ("uploads", mask_secrets(settings.storage_url) if settings.storage_url else "in the data directory"),
        ("limits", _limits(settings)),
        *([("Redis", "does not answer; until it does each process counts for itself")] if redis is False else []),
        *([("metrics", metrics)] if metrics else []),
        ("processes", str(settings.workers)),
    ]
    return f"Earshot {program_version()}\n" + "".join(f"  {name:<10} {value}\n" for name, value in rows)


def _limits(settings: Settings) -> str:
    if not settings.rate_limits:
        return "off (EARSHOT_RATE_LIMITS)"
    where = "in Redis" if settings.redis_url else "in this process"
    return (
        f"ProductLift {_limit_of(settings.limit_productlift)} a key; "
        f"Astuto {_limit_of(settings.limit_astuto_key)} a key, {_limit_of(settings.limit_astuto_ip)} an address; "
        f"counted {where}"
    )


def _limit_of(text: str) -> str:
    limit = RateLimit.parse(text)
    return "without limit" if limit is None else f"{limit.limit} in {limit.seconds} s"


def program_version() -> str:
    """The version of the installed program."""
    try:
        return version("earshot")
    except PackageNotFoundError:
        return "unversioned"

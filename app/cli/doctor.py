"""What `earshot doctor` looks at: one finding for each part that the server stands on."""

import asyncio
import os
import smtplib
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from shlex import quote
from typing import Final
from urllib.parse import unquote, urlsplit

from app.adapters.database import NOWHERE
from app.adapters.database.looking import StrangeDatabase, revision, soundness
from app.adapters.database.migrating import NewerDatabase, head
from app.adapters.files import check
from app.cli.words import said
from app.domain import portals
from app.domain.refusals import Unavailable
from app.domain.work import Row
from app.opening import database, files
from app.settings import SECRET_FILE, BadSettings, Settings, masked

PATIENCE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is, and what to do when it is not well."""

    what: str
    well: bool
    state: str
    remedy: str | None = None


def examine() -> list[Finding]:
    """Look at every part. With settings that can't be read there is nothing more to look at."""
    try:
        settings = Settings.load()
    except BadSettings as error:
        return [Finding("settings", False, str(error), "set it right in the environment or in .env")]
    stored, ready = _database(settings)
    found = [_settings(), _data(settings), stored, *([_portals(settings)] if ready else [])]
    return [*found, _redis(settings), _storage(settings), _mail(settings)]


def _settings() -> Finding:
    unknown = Settings.unknown()
    if unknown:
        state = (
            f"{unknown[0]} is set, but is no setting"
            if len(unknown) == 1
            else f"{', '.join(unknown)} are set, but are no settings"
        )
        return Finding("settings", False, state, "`earshot settings` lists all names")
    return Finding("settings", True, "can be read")


def _data(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    if not folder.exists():
        return Finding("data", True, f"{folder} is not there yet; the first start makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "data", False, f"{folder} can't be written by this user", f'sudo chown -R "$(id -un)" {quote(str(folder))}'
        )
    secret = folder / SECRET_FILE
    if settings.secret_key is None and secret.exists() and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        return Finding("data", False, f"{secret} can be read by others", f"chmod 600 {quote(str(secret))}")
    return Finding("data", True, f"{folder}")


def _database(settings: Settings) -> tuple[Finding, bool]:
    """How it is, and whether anything can be asked of it."""
    try:
        where = database(settings).describe()
        found = asyncio.run(revision(settings.database, password=settings.database_password))
    except BadSettings as error:
        return Finding("database", False, said(error), "set EARSHOT_DATABASE_URL right"), False
    except (Unavailable, NewerDatabase, StrangeDatabase) as error:
        remedy = "see that it runs and that EARSHOT_DATABASE_URL names it"
        return Finding("database", False, said(error), remedy), False
    if found is None:
        return Finding("database", True, f"{where} is empty; the first start of `earshot serve` fills it"), False
    if found != head():
        state = f"{where} is at revision {found}, behind {head()}"
        return Finding("database", False, state, "earshot migrate"), False
    damage = soundness(settings.database) if settings.database.startswith("sqlite:///") else "ok"
    if damage != "ok":
        state = f"{where} is damaged: {damage}"
        return Finding("database", False, state, "stop the server and restore a backup"), False
    return Finding("database", True, f"{where}, revision {found}"), True


def _portals(settings: Settings) -> Finding:
    async def read() -> list[Row]:
        opened = database(settings)
        await opened.open()
        try:
            return await opened.reading(portals.every, NOWHERE)
        finally:
            await opened.close()

    found = asyncio.run(read())
    hostless = [str(row[0]) for row in found if row[4] is None]
    if len(found) > 1 and hostless:
        return Finding(
            "portals",
            False,
            f"there are {len(found)}, and nobody reaches portal {', '.join(hostless)}, which has no host",
            f"earshot portals set host feedback.example.com --portal {hostless[0]}",
        )
    return Finding("portals", True, f"{len(found)}")


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("Redis", True, "not set: requests are counted in the server's memory")
    if find_spec("redis") is None:
        return Finding("Redis", False, "the client is not installed", "pip install redis")

    async def ping(url: str) -> None:
        from redis.exceptions import RedisError

        from app.adapters.limiter import RedisCounters

        counters = RedisCounters(url)
        try:
            await counters.ping()
        except RedisError as error:
            raise Unavailable(str(error)) from error
        finally:
            await counters.close()

    return _tried(
        "Redis",
        f"{masked(settings.redis_url)} answers",
        lambda: asyncio.run(ping(settings.redis_url or "")),
        "see that it runs and that EARSHOT_REDIS_URL names it; until then each process counts for itself",
    )


def _storage(settings: Settings) -> Finding:
    try:
        stored = files(settings)
    except BadSettings as error:
        return Finding("storage", False, str(error), "set EARSHOT_STORAGE_URL right")
    where = masked(settings.storage_url) if settings.storage_url else "the data directory"
    if settings.storage_url is None and not settings.data_dir.exists():
        return Finding("storage", True, f"{where}, which the first start makes")
    return _tried(
        "storage", f"{where} can be written and read", lambda: asyncio.run(check(stored)), "see to it, then try again"
    )


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        return Finding("mail", True, "not set: letters are kept in the outbox")
    parts = urlsplit(settings.smtp_url)

    def greet() -> None:
        context = ssl.create_default_context()
        host = parts.hostname or ""
        server = (
            smtplib.SMTP_SSL(host, parts.port or 465, timeout=PATIENCE_SECONDS, context=context)
            if parts.scheme == "smtps"
            else smtplib.SMTP(host, parts.port or 25, timeout=PATIENCE_SECONDS)
        )
        with server:
            server.ehlo()
            if parts.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))

    return _tried(
        "mail", f"{masked(settings.smtp_url)} takes letters", greet, "see that EARSHOT_SMTP_URL is right and it runs"
    )


def _tried(what: str, state: str, act: Callable[[], object], remedy: str) -> Finding:
    try:
        act()
    except (OSError, smtplib.SMTPException, Unavailable) as error:
        return Finding(what, False, said(error), remedy)
    return Finding(what, True, state)

"""What `earshot doctor` looks at: one finding for each part that the server stands on."""

import asyncio
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

from app.adapters.database import NO_PORTAL, Database, PortalContext, utc_now
from app.adapters.database.inspection import DatabaseUnusable, ForeignSchema, check_integrity, read_revision
from app.adapters.database.revisions import NewerDatabase, head
from app.adapters.storage.base import probe_storage
from app.adapters.storage.local import LocalStorage
from app.backends import open_database, open_storage
from app.cli.doctor import environment
from app.cli.doctor.finding import Finding, probe
from app.cli.errors import error_message
from app.domain import installation, outbox
from app.domain.counters import audit
from app.domain.errors import ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.portals import portals, sections
from app.domain.sql import timestamps
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import api_keys
from app.observability import tracing
from app.settings import InvalidSettings, Settings, mask_secrets

PATIENCE_SECONDS: Final = 10
MOST_SKEW: Final = timedelta(seconds=5)
"""Limits count in windows of a minute, and keys and facts are written with the hour."""


def examine(*, fix: bool = False) -> list[Finding]:
    """Look at every part. With settings that can't be read there is nothing more to look at.

    `fix`: put right what can be put right without losing anything, and say so.
    """
    try:
        settings = Settings.load()
    except InvalidSettings as error:
        return [Finding("settings", False, str(error), "set it right in the environment or in .env")]
    data = environment.data(settings)
    if not data.well and not environment.may_enter(settings.data_dir):
        # Where nothing can be seen, nothing else about it can be said.
        return [environment.unknown_settings(), data]
    # Before anything is opened: the last one to close SQLite's file writes the log back.
    ahead = environment.wal_size(settings)
    stored, ready = _database(settings)
    found = [environment.unknown_settings(), data, environment.disk_space(settings), stored]
    found += [] if ahead is None else [ahead]
    found += _inside(settings, fix=fix) if ready else []
    found += [_redis(settings), environment.limits(settings), environment.proxies(settings)]
    found += [environment.metrics(settings)]
    return [*found, _storage(settings), _mail(settings), _spans(settings)]


def _database(settings: Settings) -> tuple[Finding, bool]:
    """How it is, and whether anything can be asked of it."""
    try:
        where = open_database(settings).describe()
        found = asyncio.run(read_revision(settings.database, password=settings.database_password))
        if found is not None and settings.database.startswith("sqlite:///"):
            # Before anybody is told to migrate what is damaged.
            check_integrity(settings.database)
    except InvalidSettings as error:
        return Finding("database", False, error_message(error), "set EARSHOT_DATABASE_URL right"), False
    except (NewerDatabase, ForeignSchema) as error:
        state, _, remedy = error_message(error).rpartition(": ")
        return Finding("database", False, state, remedy), False
    except DatabaseUnusable as error:
        return Finding("database", False, error.state, error.remedy), False
    if found is None:
        return Finding("database", True, f"{where} is empty; the first start of `earshot serve` fills it"), False
    if found != head():
        state = f"{where} is at revision {found}, behind {head()}"
        return Finding("database", False, state, "earshot migrate"), False
    return Finding("database", True, f"{where}, revision {found}"), True


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the database answered."""

    portals: list[Row]
    keys: int
    clock: datetime | None
    """The time where it runs; None when that is this machine."""
    newest: datetime | None
    """When the newest fact was written."""
    secret_matches: bool
    wrong_counters: dict[int, int] | None
    """How many of each portal's counters are wrong; None when they could not be counted in time."""
    cycles: dict[int, list[list[int]]] = field(default_factory=dict)
    """The cycles of each portal's sections; with `fix`, those that were broken."""


def _inside(settings: Settings, *, fix: bool) -> list[Finding]:
    async def ask() -> _Heard:
        opened = open_database(settings)
        await opened.open()
        try:
            return await _heard(opened, settings, fix=fix)
        finally:
            await opened.close()

    try:
        heard = asyncio.run(ask())
    except ServiceUnavailable as error:
        return [Finding("database", False, error_message(error), "see that it does not hang, and look again")]
    hosts = [None if row[4] is None else str(row[4]) for row in heard.portals]
    return [
        environment.secret(settings, heard.keys, matches=heard.secret_matches),
        _portals(heard.portals),
        environment.address(settings, hosts),
        _counters(heard.wrong_counters),
        _sections(heard.cycles, fixed=fix),
        clock(utc_now(), there=heard.clock, newest=heard.newest),
    ]


async def _heard(opened: Database, settings: Settings, *, fix: bool) -> _Heard:
    found = await opened.read(portals.list_all, NO_PORTAL)
    wrong: dict[int, int] | None = {}
    try:
        for row in found:
            differing = await opened.read(_differing, PortalContext(int(row[0]), OPERATOR), in_thread=True)
            if differing and wrong is not None:
                wrong[int(row[0])] = differing
    except ServiceUnavailable:
        wrong = None
    newest = await opened.read(outbox.newest_timestamp, NO_PORTAL)
    there = await opened.read(outbox.database_time, NO_PORTAL)
    cycles: dict[int, list[list[int]]] = {}
    for row in found:
        context = PortalContext(int(row[0]), OPERATOR)
        circling = await opened.read(sections.cycles, context, in_thread=True)
        if circling and fix:
            circling = await opened.write(sections.break_cycles, context, in_thread=True)
        if circling:
            cycles[int(row[0])] = circling
    # One that is not there yet is not made by looking.
    matches = not settings.has_secret or await opened.read(
        lambda work: installation.secret_matches(work, settings.secret), NO_PORTAL
    )
    return _Heard(found, await opened.read(api_keys.count, NO_PORTAL), there, newest, matches, wrong, cycles)


def _differing(work: UnitOfWork) -> int:
    return len(audit.find_mismatches(work))


def _portals(found: list[Row]) -> Finding:
    hostless = [str(row[0]) for row in found if row[4] is None]
    if len(found) > 1 and hostless:
        return Finding(
            "portals",
            False,
            f"there are {len(found)}, and nobody reaches portal {', '.join(hostless)}, which has no host",
            f"earshot portals set host feedback.example.com --portal {hostless[0]}",
        )
    return Finding("portals", True, f"{len(found)}")


def _counters(wrong: dict[int, int] | None) -> Finding:
    if wrong is None:
        return Finding("counters", False, "could not be counted in time", "earshot counters, when there is less to do")
    if wrong:
        state = ", ".join(f"{count} of portal {portal_id} are wrong" for portal_id, count in wrong.items())
        return Finding("counters", False, state, f"earshot counters --repair --portal {next(iter(wrong))}")
    return Finding("counters", True, "are right")


def _sections(cycles: Mapping[int, Sequence[Sequence[int]]], *, fixed: bool) -> Finding:
    told = [
        f"{' -> '.join(map(str, [*cycle, cycle[0]]))} of portal {portal_id}"
        + (f" (section {cycle[0]} lies in no other now)" if fixed else "")
        for portal_id, found in cycles.items()
        for cycle in found
    ]
    if not told:
        return Finding("sections", True, "none lies below itself")
    if fixed:
        return Finding("sections", True, f"lay below themselves: {', '.join(told)}", fixed=True)
    return Finding("sections", False, f"lie below themselves: {', '.join(told)}", "earshot doctor --fix")


def clock(here: datetime, *, there: datetime | None, newest: datetime | None) -> Finding:
    """This machine's time, held against the database's and against what was written last."""
    remedy = "set the clocks by the network: timedatectl set-ntp true"
    if there is not None and abs(here - there) > MOST_SKEW:
        seconds = (here - there).total_seconds()
        state = f"this machine is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the database's"
        return Finding("clock", False, state, remedy)
    if newest is not None and newest - here > MOST_SKEW:
        state = f"what was written last is of {timestamps.format_seconds(newest)}, which is yet to come"
        return Finding("clock", False, state, remedy)
    return Finding("clock", True, timestamps.format_seconds(here))


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("Redis", True, "not set: requests are counted in the server's memory")
    if find_spec("redis") is None:
        return Finding("Redis", False, "the client is not installed", "pip install redis")

    async def ping(url: str) -> None:
        from redis.exceptions import RedisError

        from app.adapters.rate_limiter import RedisRateLimiter

        try:
            counters = RedisRateLimiter(url)
        except ValueError as error:
            raise ServiceUnavailable(str(error)) from None
        try:
            await counters.ping()
        except RedisError as error:
            raise ServiceUnavailable(str(error)) from error
        finally:
            await counters.close()

    return probe(
        "Redis",
        f"{mask_secrets(settings.redis_url)} answers",
        lambda: asyncio.run(ping(settings.redis_url or "")),
        "see that it runs and that EARSHOT_REDIS_URL names it; until then each process counts for itself",
    )


def _storage(settings: Settings) -> Finding:
    try:
        stored = open_storage(settings)
    except InvalidSettings as error:
        return Finding("storage", False, str(error), "set EARSHOT_STORAGE_URL right")
    where = mask_secrets(settings.storage_url) if settings.storage_url else "the data directory"
    if settings.storage_url is None and not settings.data_dir.exists():
        return Finding("storage", True, f"{where}, which the first start makes")
    remedy = (
        "give the folder to this user, and see that its disk has room"
        if isinstance(stored, LocalStorage)
        else "see that bucket, endpoint, region and key in EARSHOT_STORAGE_URL are right and the bucket may be written"
    )
    return probe("storage", f"{where} can be written and read", lambda: asyncio.run(probe_storage(stored)), remedy)


def _mail(settings: Settings) -> Finding:
    if settings.smtp_url is None:
        return Finding("mail", True, "not set; it has no effect yet, for no letters are written")
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

    return probe(
        "mail",
        f"{mask_secrets(settings.smtp_url)} lets this server in; no letters are written yet",
        greet,
        "see that EARSHOT_SMTP_URL is right and it runs",
    )


def _spans(settings: Settings) -> Finding:
    if settings.otlp_url is None:
        return Finding("spans", True, "not set: none are made")
    if not tracing.is_installed():
        return Finding("spans", False, "OpenTelemetry is not installed", tracing.REMEDY)
    where = mask_secrets(settings.otlp_url)
    if not tracing.accepts_spans(settings.otlp_url):
        remedy = "see that the collector runs, takes OTLP over HTTP, and is named by EARSHOT_OTLP_URL"
        return Finding("spans", False, f"{where} takes none", remedy)
    return Finding("spans", True, f"{where} takes them")

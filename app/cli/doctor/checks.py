"""The checks of `earshot doctor`: each returns one finding about a part of the installation."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Final

from app.adapters.database import NO_PORTAL, Database, PortalContext, utc_now
from app.adapters.database.inspection import DatabaseUnusable, ForeignSchema, check_integrity, read_revision
from app.adapters.database.revisions import HEAD, NewerDatabase
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
from app.domain.users import api_keys
from app.observability import tracing
from app.settings import InvalidSettings, Settings, mask_secrets

MAX_CLOCK_SKEW: Final = timedelta(seconds=5)
"""Rate limits count in windows of a minute, and keys and events are stored with the time."""


def examine(*, fix: bool = False) -> list[Finding]:
    """Run every check. With invalid settings there is nothing more to check.

    `fix`: fix what can be fixed without losing data, and report it.
    """
    try:
        settings = Settings.load()
    except InvalidSettings as error:
        return [Finding("settings", False, str(error), "correct it in the environment or in .env")]
    data = environment.check_data_dir(settings)
    if not data.well and not environment.is_accessible(settings.data_dir):
        # Without access to the directory no other check can be trusted.
        return [environment.check_setting_names(), data]
    # Before anything is opened: the last connection to close SQLite's file checkpoints the log.
    wal = environment.check_wal_size(settings)
    database, is_usable = _check_database(settings)
    return [
        environment.check_setting_names(),
        data,
        environment.check_disk_space(settings),
        database,
        *([] if wal is None else [wal]),
        *(_check_content(settings, fix=fix) if is_usable else []),
        _check_redis(settings),
        environment.check_rate_limits(settings),
        environment.check_proxies(settings),
        environment.check_metrics_port(settings),
        _check_storage(settings),
        _check_spans(settings),
    ]


def _check_database(settings: Settings) -> tuple[Finding, bool]:
    """The state of the database, and whether its content can be checked."""
    try:
        database = open_database(settings).describe()
        revision = asyncio.run(read_revision(settings.database, password=settings.database_password))
        if revision is not None and settings.database.startswith("sqlite:///"):
            # Before a damaged file gets the advice to migrate it.
            check_integrity(settings.database)
    except InvalidSettings as error:
        return Finding("database", False, error_message(error), "correct EARSHOT_DATABASE_URL"), False
    except (NewerDatabase, ForeignSchema) as error:
        state, _, remedy = error_message(error).rpartition(": ")
        return Finding("database", False, state, remedy), False
    except DatabaseUnusable as error:
        return Finding("database", False, error.state, error.remedy), False
    if revision is None:
        return Finding("database", True, f"{database} is empty; the first start of `earshot serve` fills it"), False
    if revision != HEAD:
        state = f"{database} is at revision {revision}, behind {HEAD}"
        return Finding("database", False, state, "earshot migrate"), False
    return Finding("database", True, f"{database}, revision {revision}"), True


@dataclass(frozen=True, slots=True)
class _Content:
    """What the checks read from the database."""

    hosts: dict[int, str | None]
    """The host of each portal."""
    keys: int
    clock: datetime | None
    """The time of the database's machine; None when that is this machine."""
    newest_event_at: datetime | None
    secret_matches: bool
    mismatches: dict[int, int] | None
    """The number of wrong counters by portal; None when counting took too long."""
    cycles: dict[int, list[list[int]]] = field(default_factory=dict)
    """The cycles of sections by portal; with `fix`, those that were broken."""


def _check_content(settings: Settings, *, fix: bool) -> list[Finding]:
    try:
        content = asyncio.run(_read_content(settings, fix=fix))
    except ServiceUnavailable as error:
        return [Finding("database", False, error_message(error), "check that it does not hang, then run this again")]
    return [
        environment.check_secret(settings, content.keys, matches=content.secret_matches),
        _check_portals(content.hosts),
        environment.check_base_url(settings, list(content.hosts.values())),
        _check_counters(content.mismatches),
        _check_sections(content.cycles, fixed=fix),
        check_clock(utc_now(), database=content.clock, newest=content.newest_event_at),
    ]


async def _read_content(settings: Settings, *, fix: bool) -> _Content:
    database = open_database(settings)
    await database.open()
    try:
        rows = await database.read(portals.list_all, NO_PORTAL)
        contexts = [PortalContext(int(portal_id), OPERATOR) for portal_id, *_ in rows]
        return _Content(
            hosts={int(portal_id): host for portal_id, _, _, _, host, *_ in rows},
            mismatches=await _count_mismatches(database, contexts),
            newest_event_at=await database.read(outbox.newest_timestamp, NO_PORTAL),
            clock=await database.read(outbox.database_time, NO_PORTAL),
            cycles=await _find_cycles(database, contexts, fix=fix),
            # `secret` creates one where there is none: a check must not.
            secret_matches=not settings.has_secret
            or await database.read(lambda work: installation.secret_matches(work, settings.secret), NO_PORTAL),
            keys=await database.read(api_keys.count, NO_PORTAL),
        )
    finally:
        await database.close()


async def _count_mismatches(database: Database, contexts: Sequence[PortalContext]) -> dict[int, int] | None:
    counts = {}
    try:
        for context in contexts:
            mismatches = await database.read(audit.find_mismatches, context, snapshot=True)
            if mismatches:
                counts[context.portal_id] = len(mismatches)
    except ServiceUnavailable:
        return None
    return counts


async def _find_cycles(
    database: Database, contexts: Sequence[PortalContext], *, fix: bool
) -> dict[int, list[list[int]]]:
    by_portal = {}
    for context in contexts:
        cycles = await database.read(sections.cycles, context, snapshot=True)
        if cycles and fix:
            cycles = await database.write(sections.break_cycles, context)
        if cycles:
            by_portal[context.portal_id] = cycles
    return by_portal


def _check_portals(hosts: Mapping[int, str | None]) -> Finding:
    hostless = [str(portal_id) for portal_id, host in hosts.items() if host is None]
    if len(hosts) > 1 and hostless:
        return Finding(
            "portals",
            False,
            f"there are {len(hosts)}, and portal {', '.join(hostless)} can't be reached, because it has no host",
            f"earshot portals set host feedback.example.com --portal {hostless[0]}",
        )
    return Finding("portals", True, f"{len(hosts)}")


def _check_counters(mismatches: Mapping[int, int] | None) -> Finding:
    if mismatches is None:
        return Finding("counters", False, "could not be counted in time", "earshot counters, when there is less load")
    if mismatches:
        state = ", ".join(f"{count} of portal {portal_id} are wrong" for portal_id, count in mismatches.items())
        return Finding("counters", False, state, f"earshot counters --repair --portal {next(iter(mismatches))}")
    return Finding("counters", True, "are right")


def _check_sections(cycles_by_portal: Mapping[int, Sequence[Sequence[int]]], *, fixed: bool) -> Finding:
    descriptions = [
        f"{' -> '.join(map(str, [*cycle, cycle[0]]))} of portal {portal_id}"
        + (f" (section {cycle[0]} has no parent now)" if fixed else "")
        for portal_id, cycles in cycles_by_portal.items()
        for cycle in cycles
    ]
    if not descriptions:
        return Finding("sections", True, "have no cycles")
    if fixed:
        return Finding("sections", True, f"had cycles: {', '.join(descriptions)}", fixed=True)
    return Finding("sections", False, f"have cycles: {', '.join(descriptions)}", "earshot doctor --fix")


def check_clock(now: datetime, *, database: datetime | None, newest: datetime | None) -> Finding:
    """Compare this machine's time with the database's and with the newest stored event."""
    remedy = "synchronise the clocks over the network: timedatectl set-ntp true"
    if database is not None and abs(now - database) > MAX_CLOCK_SKEW:
        seconds = (now - database).total_seconds()
        state = f"this machine is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the database's"
        return Finding("clock", False, state, remedy)
    if newest is not None and newest - now > MAX_CLOCK_SKEW:
        state = f"the newest event was stored at {timestamps.format_seconds(newest)}, which is in the future"
        return Finding("clock", False, state, remedy)
    return Finding("clock", True, timestamps.format_seconds(now))


def _check_redis(settings: Settings) -> Finding:
    url = settings.redis_url
    if url is None:
        return Finding("Redis", True, "not set: requests are counted in the server's memory")
    if find_spec("redis") is None:
        return Finding("Redis", False, "the client is not installed", "pip install redis")
    return probe(
        "Redis",
        f"{mask_secrets(url)} answers",
        lambda: asyncio.run(_ping_redis(url)),
        "check that it runs and that EARSHOT_REDIS_URL is right; until then each process counts separately",
    )


async def _ping_redis(url: str) -> None:
    from redis.exceptions import RedisError

    from app.adapters.rate_limiter import RedisRateLimiter

    try:
        rate_limiter = RedisRateLimiter(url)
    except ValueError as error:
        raise ServiceUnavailable(str(error)) from None
    try:
        await rate_limiter.ping()
    except RedisError as error:
        raise ServiceUnavailable(str(error)) from error
    finally:
        await rate_limiter.close()


def _check_storage(settings: Settings) -> Finding:
    try:
        storage = open_storage(settings)
    except InvalidSettings as error:
        return Finding("storage", False, str(error), "correct EARSHOT_STORAGE_URL")
    place = mask_secrets(settings.storage_url) if settings.storage_url else "the data directory"
    if settings.storage_url is None and not settings.data_dir.exists():
        return Finding("storage", True, f"{place}, which the first start creates")
    remedy = (
        "make this user the owner of the folder, and check that its disk has space"
        if isinstance(storage, LocalStorage)
        else "check bucket, endpoint, region and key in EARSHOT_STORAGE_URL, and that the bucket is writable"
    )
    return probe("storage", f"{place} can be written and read", lambda: asyncio.run(probe_storage(storage)), remedy)


def _check_spans(settings: Settings) -> Finding:
    if settings.otlp_url is None:
        return Finding("spans", True, "not set: none are sent")
    if not tracing.is_installed():
        return Finding("spans", False, "OpenTelemetry is not installed", tracing.REMEDY)
    collector = mask_secrets(settings.otlp_url)
    if not tracing.accepts_spans(settings.otlp_url):
        remedy = "check that the collector runs, accepts OTLP over HTTP, and that EARSHOT_OTLP_URL is right"
        return Finding("spans", False, f"{collector} accepts none", remedy)
    return Finding("spans", True, f"{collector} accepts them")

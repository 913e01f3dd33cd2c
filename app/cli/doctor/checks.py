"""The checks of `earshot doctor`: each returns one finding about a part of the installation."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from app.adapters.database import NO_PORTAL, Database, Operation, PortalContext, T, utc_now
from app.adapters.database.inspection import check_integrity, read_revision
from app.adapters.database.revisions import HEAD
from app.adapters.database.unusable import DatabaseUnusable
from app.adapters.problem import Problem
from app.adapters.storage.base import probe_storage
from app.backends import open_database, open_storage
from app.cli.doctor import environment
from app.cli.doctor.finding import Finding, check
from app.cli.doctor.outbox import check_outbox
from app.domain import installation
from app.domain.counters import audit
from app.domain.errors import ServiceUnavailable
from app.domain.outbox import events
from app.domain.permissions import OPERATOR
from app.domain.portals import portals, sections
from app.domain.sql import timestamps
from app.domain.users import api_keys
from app.observability import tracing
from app.outbox.channels import channels_of
from app.server import startup
from app.settings import InvalidSettings, Settings, mask_secrets

EMPTY: Final = "is empty; the first start of `earshot serve` fills it"
MAX_CLOCK_SKEW: Final = timedelta(seconds=5)
"""Rate limits count in windows of a minute, and keys and events are stored with the time."""


def examine(*, fix: bool = False) -> list[Finding]:
    """Run every check. With invalid settings there is nothing more to check.

    `fix`: fix what can be fixed without losing data, and report it.
    """
    try:
        settings = Settings.load()
    except InvalidSettings as error:
        return [Finding("settings", False, error.state, error.remedy)]
    data = environment.check_data_dir(settings)
    if not data.well and not environment.is_accessible(settings.data_dir):
        # Without access to the directory no other check can be trusted.
        return [environment.check_setting_names(), data]
    # Before anything is opened: the last connection to close SQLite's file checkpoints the log.
    file = environment.database_file(settings)
    wal = [] if file is None else [environment.check_wal_size(file)]
    database = _check_database(settings)
    # An empty database has no tables yet.
    is_usable = database.well and not database.state.endswith(EMPTY)
    return [
        environment.check_setting_names(),
        data,
        environment.check_disk_space(settings),
        database,
        *wal,
        *(_check_content(settings, fix=fix) if is_usable else []),
        _check_redis(settings),
        environment.check_rate_limits(settings),
        environment.check_proxies(settings),
        environment.check_metrics_port(settings),
        _check_storage(settings),
        _check_spans(settings),
    ]


@check("database")
def _check_database(settings: Settings) -> str:
    database = open_database(settings).describe()
    revision = asyncio.run(read_revision(settings.database, password=settings.database_password))
    if revision is not None and settings.database.startswith("sqlite:///"):
        # Before the revision is compared, so that the remedy for a damaged file is not to migrate it.
        check_integrity(settings.database)
    startup.check_database_folder(settings)
    if revision is None:
        return f"{database} {EMPTY}"
    if revision != HEAD:
        raise Problem(f"{database} is at revision {revision}, behind {HEAD}", "earshot migrate")
    return f"{database}, revision {revision}"


def _check_content(settings: Settings, *, fix: bool) -> list[Finding]:
    try:
        return asyncio.run(_check_rows(settings, fix=fix))
    except DatabaseUnusable as error:
        return [Finding("database", False, error.state, error.remedy)]


async def _check_rows(settings: Settings, *, fix: bool) -> list[Finding]:
    database = open_database(settings)
    await database.open()
    try:
        rows = await database.read(portals.list_all, NO_PORTAL)
        hosts = {int(portal_id): host for portal_id, _, _, _, host, *_ in rows}
        try:
            mismatches = await _find_in_portals(database, hosts, audit.find_mismatches)
        except ServiceUnavailable:
            mismatches = None
        cycles = await _find_in_portals(database, hosts, sections.cycles)
        if fix and cycles:
            cycles = {
                each: await database.write(sections.break_cycles, PortalContext(each, OPERATOR)) for each in cycles
            }
        return [
            await _check_secret(settings, database),
            _check_portals(hosts),
            environment.check_base_url(settings, list(hosts.values())),
            _check_counters(mismatches),
            replace(_check_sections(cycles, fixed=fix), fixed=fix and any(cycles.values())),
            check_clock(
                utc_now(),
                database=await database.read(events.database_time, NO_PORTAL),
                newest=await database.read(events.newest_timestamp, NO_PORTAL),
            ),
            *await check_outbox(database, now=utc_now(), is_on=settings.outbox, channels=channels_of(settings)),
        ]
    finally:
        await database.close()


async def _check_secret(settings: Settings, database: Database) -> Finding:
    keys = await database.read(api_keys.count, NO_PORTAL)
    try:
        # `secret` creates one where there is none: a check must not.
        matches = not settings.has_secret or await database.read(
            lambda work: installation.secret_matches(work, settings.secret), NO_PORTAL
        )
    except InvalidSettings as error:
        return Finding("secret", False, error.state, error.remedy)
    return environment.check_secret(settings, keys, matches=matches)


async def _find_in_portals(database: Database, portal_ids: Iterable[int], find: Operation[T]) -> dict[int, T]:
    """What a query finds in each portal, without the portals where it finds nothing."""
    by_portal = {each: await database.read(find, PortalContext(each, OPERATOR), snapshot=True) for each in portal_ids}
    return {portal_id: rows for portal_id, rows in by_portal.items() if rows}


@check("portals")
def _check_portals(hosts: Mapping[int, str | None]) -> str:
    hostless = [str(portal_id) for portal_id, host in hosts.items() if host is None]
    if len(hosts) > 1 and hostless:
        raise Problem(
            f"there are {len(hosts)}, and portal {', '.join(hostless)} can't be reached, because it has no host",
            f"earshot portals set host feedback.example.com --portal {hostless[0]}",
        )
    return f"{len(hosts)}"


@check("counters")
def _check_counters(mismatches: Mapping[int, Sequence[audit.CounterMismatch]] | None) -> str:
    """`mismatches` are the wrong counters by portal; None when counting took too long."""
    if mismatches is None:
        raise Problem("could not be counted in time", "earshot counters, when there is less load")
    if mismatches:
        state = ", ".join(f"{len(rows)} of portal {portal_id} are wrong" for portal_id, rows in mismatches.items())
        raise Problem(state, f"earshot counters --repair --portal {next(iter(mismatches))}")
    return "are right"


@check("sections")
def _check_sections(cycles_by_portal: Mapping[int, Sequence[Sequence[int]]], *, fixed: bool) -> str:
    descriptions = [
        f"{' -> '.join(map(str, [*cycle, cycle[0]]))} of portal {portal_id}"
        + (f" (section {cycle[0]} has no parent now)" if fixed else "")
        for portal_id, cycles in cycles_by_portal.items()
        for cycle in cycles
    ]
    if not descriptions:
        return "have no cycles"
    if fixed:
        return f"had cycles: {', '.join(descriptions)}"
    raise Problem(f"have cycles: {', '.join(descriptions)}", "earshot doctor --fix")


@check("clock")
def check_clock(now: datetime, *, database: datetime | None, newest: datetime | None) -> str:
    """Compare this machine's time with the database's and with the newest stored event.

    `database` is None when the database is on this machine.
    """
    remedy = "synchronise the clocks over the network: timedatectl set-ntp true"
    if database is not None and abs(now - database) > MAX_CLOCK_SKEW:
        seconds = (now - database).total_seconds()
        state = f"this machine is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the database's"
        raise Problem(state, remedy)
    if newest is not None and newest - now > MAX_CLOCK_SKEW:
        state = f"the newest event was stored at {timestamps.format_seconds(newest)}, which is in the future"
        raise Problem(state, remedy)
    return timestamps.format_seconds(now)


@check("Redis")
def _check_redis(settings: Settings) -> str:
    url = settings.redis_url
    if url is None:
        return "not set: requests are counted in the server's memory"
    try:
        asyncio.run(_ping_redis(settings, url))
    except OSError as error:
        raise _redis_problem(url, error) from None
    return f"{mask_secrets(url)} answers"


async def _ping_redis(settings: Settings, url: str) -> None:
    from redis.exceptions import RedisError

    rate_limiter = startup.open_rate_limiter(settings, url)
    try:
        await rate_limiter.ping()
    except RedisError as error:
        raise _redis_problem(url, error) from None
    finally:
        await rate_limiter.close()


def _redis_problem(url: str, error: Exception) -> Problem:
    return Problem(
        f"{mask_secrets(url)} does not answer ({error})",
        "check that it runs and that EARSHOT_REDIS_URL is right; until then each process counts separately",
    )


@check("storage")
def _check_storage(settings: Settings) -> str:
    storage = open_storage(settings)
    place = mask_secrets(settings.storage_url) if settings.storage_url else "the data directory"
    if settings.storage_url is None and not settings.data_dir.exists():
        return f"{place}, which the first start creates"
    asyncio.run(probe_storage(storage))
    return f"{place} can be written and read"


@check("spans")
def _check_spans(settings: Settings) -> str:
    if settings.otlp_url is None:
        return "not set: none are sent"
    if not tracing.is_installed():
        raise Problem("OpenTelemetry is not installed", tracing.REMEDY)
    collector = mask_secrets(settings.otlp_url)
    if not tracing.accepts_spans(settings.otlp_url):
        remedy = "check that the collector runs, accepts OTLP over HTTP, and that EARSHOT_OTLP_URL is right"
        raise Problem(f"{collector} accepts none", remedy)
    return f"{collector} accepts them"

"""Checks of the settings and of this machine: contradictions, file modes, disk space. They open no connection."""

import os
import shutil
import stat
from pathlib import Path
from shlex import quote
from typing import Final
from urllib.parse import urlsplit

from app.adapters.folders import first_existing, may_access, require_writable
from app.adapters.problem import Problem
from app.adapters.rate_limiter import RateLimit
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import InvalidStorageUrl
from app.adapters.storage.local import LocalStorage
from app.cli.doctor.finding import Finding, check
from app.outbox.portal_urls import is_local
from app.server.sockets import require_own_metrics_port
from app.settings import SECRET_FILE, Settings

MEGABYTE: Final = 1024 * 1024
MIN_FREE_BYTES: Final = 512 * MEGABYTE
"""With less free space on a disk the operator should act."""
MAX_WAL_BYTES: Final = 256 * MEGABYTE
"""A server restarts SQLite's log at a quarter of this, unless a reader prevents it."""


def startup_warnings(settings: Settings) -> list[Finding]:
    """The problems that can be found from the settings alone and that do not prevent a start."""
    return [finding for finding in (check_setting_names(), check_proxies(settings)) if not finding.well]


@check("settings")
def check_setting_names() -> str:
    """Find variables that look like settings and are not."""
    unknown = Settings.unknown_names()
    if unknown:
        are = "is set, but is not a setting" if len(unknown) == 1 else "are set, but are not settings"
        similar = dict.fromkeys(known for name in unknown if (known := Settings.find_similar_name(name)))
        question = f"did you mean {', '.join(similar)}? " if similar else ""
        raise Problem(f"{', '.join(unknown)} {are}", f"{question}`earshot settings` lists all names")
    return "can be read"


def is_accessible(folder: Path) -> bool:
    """Whether this user may list the folder, or it does not exist."""
    try:
        return not folder.exists() or os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return False


@check("data")
def check_data_dir(settings: Settings) -> str:
    """Check the modes of the data directory and of the files in it."""
    folder = settings.data_dir.absolute()
    require_writable("the data directory", folder, "EARSHOT_DATA_DIR")
    if not folder.exists():
        return f"{folder} does not exist yet; the first start creates it"
    secret = folder / SECRET_FILE
    if settings.secret_key is None and secret.exists() and _mode(secret) & 0o077:
        raise Problem(f"{secret} can be read by other users", f"chmod 600 {quote(str(secret))}")
    database = database_file(settings)
    _require_unwritable_by_others([folder, *([] if database is None else [database.parent])])
    if database is not None:
        _require_unreadable_by_others(database)
    return f"{folder}"


def _require_unwritable_by_others(folders: list[Path]) -> None:
    for folder in folders:
        if is_accessible(folder) and folder.exists() and _mode(folder) & 0o002:
            # A directory such as /tmp is writable by every user on purpose.
            shared = _mode(folder) & stat.S_ISVTX
            remedy = "move it into a directory of its own" if shared else f"chmod o= {quote(str(folder))}"
            raise Problem(f"{folder} can be written by every user of this machine", remedy)


def _require_unreadable_by_others(database: Path) -> None:
    files = (database, *(database.with_name(database.name + suffix) for suffix in ("-wal", "-shm")))
    if any(_mode(file) & 0o007 for file in files if may_access(file, os.F_OK)) and _mode(database.parent) & 0o001:
        state = f"{database} can be read by every user of this machine"
        raise Problem(state, f"chmod o= {quote(str(database))}*")


@check("secret")
def check_secret(settings: Settings, keys: int, *, matches: bool) -> str:
    """Check that the secret exists and is the one that the `keys` keys were made with."""
    path = settings.data_dir.absolute() / SECRET_FILE
    if not matches:
        source = path if settings.secret_key is None else "EARSHOT_SECRET_KEY"
        raise Problem(
            f"{source} is another secret than the one that the keys in the database were created with: none is valid",
            f"restore the database's own {SECRET_FILE}, or revoke all keys: earshot secret accept",
        )
    if settings.secret_key is not None:
        return "in EARSHOT_SECRET_KEY"
    if keys and not path.exists():
        raise Problem(
            f"{path} does not exist, and none of the {keys} keys is valid with another secret",
            f"restore {SECRET_FILE} from a backup before the next start creates a new one",
        )
    return f"{path}" if path.exists() else f"{path}, which the first start creates"


@check("room")
def check_disk_space(settings: Settings, min_bytes: int = MIN_FREE_BYTES) -> str:
    """Check the free space on the disks of data directory, database and uploads."""
    folders = [settings.data_dir.absolute()]
    database = database_file(settings)
    if database is not None:
        folders.append(database.parent)
    try:
        storage = storage_from_url(settings.storage_url, settings.data_dir)
    except InvalidStorageUrl:
        storage = None
    if isinstance(storage, LocalStorage):
        folders.append(storage.root.absolute())
    # One folder for each disk, because the free space of a disk changes between two readings.
    by_disk: dict[int, Path] = {}
    for folder in folders:
        by_disk.setdefault(first_existing(folder).stat().st_dev, folder)
    free_bytes = {folder: shutil.disk_usage(first_existing(folder)).free for folder in by_disk.values()}
    folder = min(free_bytes, key=lambda each: free_bytes[each])
    state = f"{free_bytes[folder] // MEGABYTE} MB free at {folder}"
    if free_bytes[folder] < min_bytes:
        raise Problem(state, "free space on that disk, or move the data to a larger one")
    filesystem = os.statvfs(first_existing(folder))
    if filesystem.f_files and not filesystem.f_favail:
        raise Problem(f"no more files can be created at {folder}", "remove files from that disk")
    return state


@check("log")
def check_wal_size(database: Path, max_bytes: int = MAX_WAL_BYTES) -> str:
    """Check the write-ahead log of SQLite's file. Call it before the file is opened."""
    log = database.with_name(database.name + "-wal")
    try:
        size = log.stat().st_size
    except OSError:
        size = 0
    if size > max_bytes:
        raise Problem(
            f"{log} has {size // MEGABYTE} MB, and is not copied into the database",
            f"stop the process that reads {quote(str(database))} (`fuser -v` lists it), then restart the server",
        )
    return f"{size / MEGABYTE:.1f} MB ahead of the file"


@check("limits")
def check_rate_limits(settings: Settings) -> str:
    """Report where requests are counted. Several workers without Redis are invalid settings, reported before."""
    if not settings.rate_limits:
        return "off: no client is limited (EARSHOT_RATE_LIMITS)"
    return f"counted in {'Redis, for all servers that share it' if settings.redis_url else 'the memory of one process'}"


@check("proxies")
def check_proxies(settings: Settings) -> str:
    """Check which proxies are trusted, whose forwarded headers count."""
    open_networks = [str(network) for network in settings.proxies if network.prefixlen == 0]
    if open_networks:
        raise Problem(
            f"{open_networks[0]} trusts every client: each can send any address, so limits per address have no effect",
            "set EARSHOT_TRUSTED_PROXIES to the addresses from which your proxies connect, and no others",
        )
    if not settings.proxies and (settings.base_url or "").startswith("https://") and _has_address_limits(settings):
        raise Problem(
            "EARSHOT_BASE_URL is https, so the server is behind a proxy, but no proxy is trusted: "
            "all clients behind it share one limit per address",
            "EARSHOT_TRUSTED_PROXIES=127.0.0.1 for a proxy on this machine, else the address from which it connects",
        )
    trusted = ", ".join(map(str, settings.proxies))
    return f"trusted: {trusted}" if trusted else "none trusted: forwarded headers are ignored"


@check("metrics")
def check_metrics_port(settings: Settings) -> str:
    """Check that the metrics have a port of their own, if they have one."""
    if settings.metrics_port is None:
        return "not set: no metrics are served"
    require_own_metrics_port(settings)
    return f"served on port {settings.metrics_port}"


@check("address")
def check_base_url(settings: Settings, hosts: list[str | None]) -> str:
    """Check that the portals with these hosts are found under the public address."""
    if settings.base_url is None:
        if settings.smtp_url is not None and None in hosts:
            raise Problem(
                "not set, and the portal has no host: links in mail lead to EARSHOT_HOST, which readers can't open",
                "set EARSHOT_BASE_URL to the public address, such as https://feedback.example.com",
            )
        return "not set: links use the address of the request, and in mail the host of the portal"
    host = (urlsplit(settings.base_url).hostname or "").lower()
    if settings.smtp_url is not None and is_local(host):
        raise Problem(
            f"links in mail lead to {settings.base_url}, which only this machine can open",
            "set EARSHOT_BASE_URL to the public address, such as https://feedback.example.com",
        )
    if len(hosts) == 1 and hosts[0] not in (None, host):
        raise Problem(
            f"links point to {host}, but the portal is served on {hosts[0]} only",
            f"earshot portals set host {host}, or set EARSHOT_BASE_URL to {hosts[0]}",
        )
    return settings.base_url


def database_file(settings: Settings) -> Path | None:
    """SQLite's file; None with PostgreSQL."""
    if not settings.database.startswith("sqlite:///"):
        return None
    return Path(settings.database.removeprefix("sqlite:///")).absolute()


def _has_address_limits(settings: Settings) -> bool:
    limits = (
        settings.limit_astuto_ip,
        settings.limit_pages,
        settings.limit_actions_ip,
        settings.limit_public_json,
    )
    return settings.rate_limits and any(RateLimit.parse(limit) is not None for limit in limits)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

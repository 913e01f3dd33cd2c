"""What the doctor sees without asking anybody: settings that contradict each other, files, room on the disk."""

import os
import shutil
import stat
from pathlib import Path
from shlex import quote
from typing import Final
from urllib.parse import urlsplit

from app.adapters.rate_limiter import RateLimit
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import InvalidStorageUrl
from app.adapters.storage.local import LocalStorage
from app.cli.doctor.finding import MEGABYTE, Finding
from app.settings import SECRET_FILE, Settings

MIN_FREE_BYTES: Final = 512 * MEGABYTE
"""With less left on a disk it is time to do something."""
MAX_WAL_BYTES: Final = 256 * MEGABYTE
"""A serving process starts SQLite's log anew at a quarter of this, unless something keeps it from that."""


def startup_warnings(settings: Settings) -> list[Finding]:
    """What the settings alone show to be wrong, and a server may start with all the same."""
    return [found for found in (unknown_settings(), proxies(settings)) if not found.well]


def unknown_settings() -> Finding:
    """Names that look like settings and are none."""
    unknown = Settings.unknown_names()
    if unknown:
        state = (
            f"{unknown[0]} is set, but is no setting"
            if len(unknown) == 1
            else f"{', '.join(unknown)} are set, but are no settings"
        )
        return Finding("settings", False, state, "`earshot settings` lists all names")
    return Finding("settings", True, "can be read")


def may_enter(folder: Path) -> bool:
    """Whether this user may look into the folder, or it is not there."""
    try:
        return not folder.exists() or os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return False


def data(settings: Settings) -> Finding:
    """The data directory, and who may read what lies in it."""
    folder = settings.data_dir.absolute()
    if may_enter(folder) and not folder.exists():
        return Finding("data", True, f"{folder} is not there yet; the first start makes it")
    if not (may_enter(folder) and os.access(folder, os.R_OK | os.W_OK | os.X_OK)):
        return Finding(
            "data", False, f"{folder} can't be written by this user", f'sudo chown -R "$(id -un)" {quote(str(folder))}'
        )
    secret = folder / SECRET_FILE
    if settings.secret_key is None and secret.exists() and _mode(secret) & 0o077:
        return Finding("data", False, f"{secret} can be read by others", f"chmod 600 {quote(str(secret))}")
    kept = database_file(settings)
    for place in [folder, *([] if kept is None or kept.parent == folder else [kept.parent])]:
        if may_enter(place) and place.exists() and _mode(place) & 0o002:
            # A directory such as /tmp is everybody's on purpose.
            shared = _mode(place) & stat.S_ISVTX
            remedy = "move it into a directory of its own" if shared else f"chmod o= {quote(str(place))}"
            return Finding("data", False, f"{place} can be written by everybody here", remedy)
    files = [] if kept is None else _with_logs(kept)
    if kept is not None and any(_mode(one) & 0o007 for one in files) and _mode(kept.parent) & 0o001:
        return Finding("data", False, f"{kept} can be read by everybody here", f"chmod o= {quote(str(kept))}*")
    return Finding("data", True, f"{folder}")


def secret(settings: Settings, keys: int, *, matches: bool) -> Finding:
    """The secret that `keys` keys depend on, and whether it is the one that they were made with."""
    if not matches:
        where = "EARSHOT_SECRET_KEY" if settings.secret_key is not None else settings.data_dir.absolute() / SECRET_FILE
        return Finding(
            "secret",
            False,
            f"{where} is another secret than the one that the keys in the database were made with: none of them works",
            f"put the database's own {SECRET_FILE} back, or to end all keys: earshot secret accept",
        )
    if settings.secret_key is not None:
        return Finding("secret", True, "in EARSHOT_SECRET_KEY")
    path = settings.data_dir.absolute() / SECRET_FILE
    if keys and not path.exists():
        return Finding(
            "secret",
            False,
            f"{path} is not there, and none of the {keys} keys is worth anything with another",
            f"put {SECRET_FILE} back from a backup before the next start makes a new one",
        )
    return Finding("secret", True, f"{path}" if path.exists() else f"{path}, which the first start makes")


def disk_space(settings: Settings, least: int = MIN_FREE_BYTES) -> Finding:
    """What is left on the disks where data lies."""
    folders = [settings.data_dir.absolute()]
    kept = database_file(settings)
    if kept is not None:
        folders.append(kept.parent)
    try:
        stored = storage_from_url(settings.storage_url, settings.data_dir)
    except InvalidStorageUrl:
        stored = None
    if isinstance(stored, LocalStorage):
        folders.append(stored.root.absolute())
    left = {folder: shutil.disk_usage(_existing(folder)).free for folder in folders}
    folder = min(left, key=lambda one: left[one])
    state = f"{left[folder] // MEGABYTE} MB left at {folder}"
    if left[folder] < least:
        return Finding("room", False, state, "make room on that disk, or move what lies there to a larger one")
    nodes = os.statvfs(_existing(folder))
    if nodes.f_files and not nodes.f_favail:
        return Finding("room", False, f"no file more can be made at {folder}", "remove files from that disk")
    return Finding("room", True, state)


def wal_size(settings: Settings, largest: int = MAX_WAL_BYTES) -> Finding | None:
    """The log that SQLite writes ahead of its file; None with PostgreSQL. Look before the file is opened."""
    kept = database_file(settings)
    if kept is None:
        return None
    log = kept.with_name(kept.name + "-wal")
    try:
        size = log.stat().st_size
    except OSError:
        size = 0
    if size > largest:
        return Finding(
            "log",
            False,
            f"{log} has {size // MEGABYTE} MB, and is not written back",
            f"end what reads {quote(str(kept))} without end (`fuser -v` names it), then restart the server",
        )
    return Finding("log", True, f"{size / MEGABYTE:.1f} MB ahead of the file")


def limits(settings: Settings) -> Finding:
    """Where requests are counted. Several workers without Redis are no settings at all, and said so before."""
    if not settings.rate_limits:
        return Finding("limits", True, "off: nobody is held to any (EARSHOT_RATE_LIMITS)")
    where = "in Redis, for all servers that share it" if settings.redis_url else "in the memory of one process"
    return Finding("limits", True, f"counted {where}")


def proxies(settings: Settings) -> Finding:
    """Whose forwarded headers count."""
    everybody = [str(network) for network in settings.proxies if network.prefixlen == 0]
    if everybody:
        return Finding(
            "proxies",
            False,
            f"{everybody[0]} trusts everybody: whoever asks can say from where, and no limit per address holds",
            "name in EARSHOT_TRUSTED_PROXIES only the addresses from which your proxies connect",
        )
    if not settings.proxies and (settings.base_url or "").startswith("https://") and _by_address(settings):
        return Finding(
            "proxies",
            False,
            "EARSHOT_BASE_URL is https, so a proxy stands before the server, but none is trusted: "
            "everybody behind it shares one limit per address",
            "EARSHOT_TRUSTED_PROXIES=127.0.0.1 for a proxy on this machine, else the address from which it connects",
        )
    trusted = ", ".join(map(str, settings.proxies))
    return Finding(
        "proxies", True, f"trusted: {trusted}" if trusted else "none is trusted: forwarded headers are nothing"
    )


def metrics(settings: Settings) -> Finding:
    """Where Prometheus is told numbers, if anywhere."""
    if settings.metrics_port is None:
        return Finding("metrics", True, "not set: nobody is told numbers")
    host = settings.host if settings.metrics_host is None else settings.metrics_host
    together = host == settings.host or {host, settings.host} & {"", "0.0.0.0", "::"}  # noqa: S104
    if settings.metrics_port == settings.port != 0 and together:
        return Finding(
            "metrics",
            False,
            f"EARSHOT_METRICS_PORT is {settings.port}, on which the server itself listens",
            "set EARSHOT_METRICS_PORT to another port, such as 9464",
        )
    return Finding("metrics", True, f"told on port {settings.metrics_port}")


def address(settings: Settings, hosts: list[str | None]) -> Finding:
    """The public address, and whether the portals with these hosts are found there."""
    if settings.base_url is None:
        return Finding("address", True, "not set: links carry the address to which a request was sent")
    host = (urlsplit(settings.base_url).hostname or "").lower()
    if len(hosts) == 1 and hosts[0] not in (None, host):
        return Finding(
            "address",
            False,
            f"links lead to {host}, but the portal answers on {hosts[0]} only",
            f"earshot portals set host {host}, or set EARSHOT_BASE_URL to {hosts[0]}",
        )
    return Finding("address", True, settings.base_url)


def database_file(settings: Settings) -> Path | None:
    """SQLite's file; None with PostgreSQL."""
    if not settings.database.startswith("sqlite:///"):
        return None
    return Path(settings.database.removeprefix("sqlite:///")).absolute()


def _with_logs(kept: Path) -> list[Path]:
    """SQLite's file and those beside it that hold the same rows, as far as they are there."""
    files = (kept, *(kept.with_name(kept.name + ending) for ending in ("-wal", "-shm")))
    return [file for file in files if file.exists()]


def _by_address(settings: Settings) -> bool:
    paces = (settings.limit_astuto_ip, settings.limit_pages)
    return settings.rate_limits and any(RateLimit.parse(pace) is not None for pace in paces)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

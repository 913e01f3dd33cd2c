"""How many connections one process takes: fewer than it may have files open, so that there are some for its work.

And how many of them one address may have, so that there are some for others.
"""

import resource
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Final

import structlog
from uvicorn.server import ServerState

MAX_RESERVED: Final = 200
"""Files kept for the database, Redis, uploads and what else is at work; half of them for saying no to connections."""
WITHOUT_LIMIT: Final = 100_000
MAX_RAISED_LIMIT: Final = 8_192
"""As far as a process raises its own limit of open files."""
LOG_INTERVAL_SECONDS: Final = 60.0
MAX_REFUSED_PER_IP: Final = 16
"""How many connections beyond its bound an address may have while each is told so; more are closed without a word."""

log = structlog.get_logger("earshot.serving")


class ConnectionLimit(ServerState):
    """The connections of one process, and whether there is room for one more."""

    def __init__(self, *, per_ip: int | None = None, trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        super().__init__()
        self.files = open_file_limit()
        reserved = min(MAX_RESERVED, self.files // 2)
        self.most = self.files - reserved
        self.most_refused = reserved // 2
        self.per_ip = per_ip
        self._trusted_proxies = trusted_proxies
        self._by_address: Counter[str] = Counter()
        self._told_at = self._address_told_at = -LOG_INTERVAL_SECONDS

    def enter(self, host: str | None) -> str | None:
        """Count a connection from this host; under which address, or None where none is counted.

        An IPv6 client has a whole /64, and counts as one. A trusted proxy stands for many clients and is not counted,
        nor is a socket without an address.
        """
        if self.per_ip is None or host is None:
            return None
        ip = ip_address(host)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if any(ip in network for network in self._trusted_proxies):
            return None
        address = str(IPv6Address(int(ip) >> 64 << 64)) if ip.version == 6 else str(ip)
        self._by_address[address] += 1
        return address

    def leave(self, address: str | None) -> None:
        """Forget a connection that `enter` counted."""
        if address is None:
            return
        if self._by_address[address] > 1:
            self._by_address[address] -= 1
        else:
            del self._by_address[address]

    def refusal(self, address: str | None) -> int | None:
        """The status with which the connection that came last is refused: 0 without a word, None where it is admitted.

        Logs each kind of refusal, at most once a minute.
        """
        count = len(self.connections)
        if count > self.most:
            self._warn_full()
            return 503 if count <= self.most + self.most_refused else 0
        if address is None or self.per_ip is None or (own := self._by_address[address]) <= self.per_ip:
            return None
        self._warn_address(address)
        return 429 if own <= self.per_ip + MAX_REFUSED_PER_IP else 0

    def _warn_full(self) -> None:
        now = monotonic()
        if now - self._told_at >= LOG_INTERVAL_SECONDS:
            self._told_at = now
            log.warning(
                "new connections are refused: raise the limit of open files (ulimit -n), or start more processes",
                connections=self.most,
                open_files=self.files,
            )

    def _warn_address(self, address: str) -> None:
        now = monotonic()
        if now - self._address_told_at >= LOG_INTERVAL_SECONDS:
            self._address_told_at = now
            log.warning(
                "new connections from an address are refused: raise EARSHOT_CONNECTIONS_PER_IP, or name it in "
                "EARSHOT_TRUSTED_PROXIES if it is your proxy",
                address=address,
                connections=self.per_ip,
            )


def open_file_limit() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else min(soft, WITHOUT_LIMIT)


def raise_open_file_limit() -> None:
    """Let this process, and those that it starts, have as many files open as the system grants without being asked.

    The usual soft limit of 1024 is there for old programs that can't count further, not to hold others to it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_RAISED_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MAX_RAISED_LIMIT)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    # Some systems grant less than they say; then it stays as it is.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

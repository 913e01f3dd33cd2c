"""Limits of connections: for each process below its limit of open files, and for each client address."""

import resource
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address
from time import monotonic
from typing import Final

import structlog
from uvicorn.server import ServerState

from app.http.proxies import find_client_network

MAX_RESERVED: Final = 200
"""Open files that are reserved for the database, Redis, uploads and so on; half of them for rejecting connections."""
WITHOUT_LIMIT: Final = 100_000
MAX_RAISED_LIMIT: Final = 8_192
"""The highest limit of open files that a process sets for itself."""
LOG_INTERVAL_SECONDS: Final = 60.0
MAX_REFUSED_PER_IP: Final = 16
"""How many connections of an address beyond its limit are rejected with 429; more are closed without a response."""

FULL: Final = "new connections are rejected: raise the limit of open files (ulimit -n), or start more processes"
ADDRESS_FULL: Final = (
    "new connections from an address are rejected: raise EARSHOT_CONNECTIONS_PER_IP, or name it in "
    "EARSHOT_TRUSTED_PROXIES if it is your proxy"
)

log = structlog.get_logger("earshot.serving")


class ConnectionLimit(ServerState):
    """The connections of one process, and whether another one is admitted."""

    def __init__(
        self,
        *,
        per_ip: int | None = None,
        trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
        log_client_ip: bool = True,
    ) -> None:
        super().__init__()
        self.files = open_file_limit()
        reserved = min(MAX_RESERVED, self.files // 2)
        self.most = self.files - reserved
        self.most_refused = reserved // 2
        self.per_ip = per_ip
        self._trusted_proxies = trusted_proxies
        self._log_client_ip = log_client_ip
        self._by_address: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}

    def enter(self, host: str | None) -> str | None:
        """Count a connection from this host. Return the address that it is counted under, or None.

        IPv6 addresses are counted by their /64 network, which one client has. Trusted proxies are not counted, because
        each serves many clients, nor are sockets without an address.
        """
        if self.per_ip is None or host is None:
            return None
        ip = ip_address(host)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if any(ip in network for network in self._trusted_proxies):
            return None
        address = find_client_network(host)
        self._by_address[address] += 1
        return address

    def leave(self, address: str | None) -> None:
        """Stop counting a connection that `enter` counted."""
        if address is None:
            return
        if self._by_address[address] > 1:
            self._by_address[address] -= 1
        else:
            del self._by_address[address]

    def refusal(self, address: str | None) -> int | None:
        """The status that rejects the newest connection: 0 to close it without a response, None to admit it."""
        count = len(self.connections)
        if count > self.most:
            self.warn(FULL, connections=self.most, open_files=self.files)
            return 503 if count <= self.most + self.most_refused else 0
        if address is None or self.per_ip is None or (own := self._by_address[address]) <= self.per_ip:
            return None
        logged = {"address": address} if self._log_client_ip else {}
        self.warn(ADDRESS_FULL, **logged, connections=self.per_ip)
        return 429 if own <= self.per_ip + MAX_REFUSED_PER_IP else 0

    def warn(self, event: str, **fields: str | int | None) -> None:
        """Log a kind of rejection, at most once a minute."""
        now = monotonic()
        if now - self._logged_at.get(event, -LOG_INTERVAL_SECONDS) >= LOG_INTERVAL_SECONDS:
            self._logged_at[event] = now
            log.warning(event, **fields)


def open_file_limit() -> int:
    """How many files this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WITHOUT_LIMIT if soft == resource.RLIM_INFINITY else min(soft, WITHOUT_LIMIT)


def raise_open_file_limit() -> None:
    """Raise the soft limit of open files of this process and its children to the hard limit, within a maximum.

    The usual soft limit of 1024 exists for old programs that use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_RAISED_LIMIT if hard == resource.RLIM_INFINITY else min(hard, MAX_RAISED_LIMIT)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return
    # Some systems reject what their hard limit permits. The limit then stays as it is.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))

"""The sockets that a server listens on, opened before anything else, so that a taken port ends a start early."""

import errno
import os
import socket
import sys
from typing import Any, Final, NamedTuple

from app.server import StartupError
from app.settings import Settings

BACKLOG: Final = 2048
WRITE_TIMEOUT_SECONDS: Final = 60
"""For a client that reads nothing of its response."""


class SettingNames(NamedTuple):
    """The settings that choose the address and the port, for error messages."""

    host: str
    port: str


_ADDRESSES: Final = "write an IP address of this machine: 127.0.0.1 for this machine only, 0.0.0.0 for all networks"
REQUESTS: Final = SettingNames("EARSHOT_HOST", "--port")
_ANY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104
METRICS: Final = SettingNames("EARSHOT_METRICS_HOST", "EARSHOT_METRICS_PORT")
METRICS_OF_OUTBOX: Final = SettingNames("EARSHOT_METRICS_HOST", "--metrics-port")
"""The server may have the port of the setting."""


def require_own_metrics_port(settings: Settings) -> None:
    """Raise StartupError if the metrics have the port of the server itself."""
    if settings.metrics_address is None:
        return
    host, port = settings.metrics_address
    is_same_address = host == settings.host or {host, settings.host} & _ANY_ADDRESS
    if port == settings.port != 0 and is_same_address:
        raise StartupError(
            f"EARSHOT_METRICS_PORT is {port}, the port of the server itself",
            "set EARSHOT_METRICS_PORT to another port, such as 9464",
        )


def listen(host: str, port: int, count: int, names: SettingNames = REQUESTS) -> list[socket.socket]:
    """`count` listening sockets on one address, one for each process. Raises StartupError."""
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        # A name that is too long has no reason of the system.
        reason = getattr(error, "strerror", None) or "it is no host name"
        raise StartupError(
            f"{names.host}={host}: no address of this machine has this name ({reason})", _ADDRESSES
        ) from None
    family, _, _, _, address = addresses[0]
    first = _open(family, address, names, shared=False)
    if count == 1:
        return [first]
    if not sys.platform.startswith("linux"):
        return [first] * count
    # Linux distributes connections evenly over sockets that share a port; from a single socket the fastest process
    # accepts most of them. The first socket was opened alone, to detect another program on the port.
    address = first.getsockname()
    first.close()
    return [_open(family, address, names, shared=True) for _ in range(count)]


def _open(
    family: socket.AddressFamily, address: tuple[Any, ...], names: SettingNames, *, shared: bool
) -> socket.socket:
    try:
        # `::` means all addresses, as 0.0.0.0 does, so the socket accepts IPv4 as well.
        dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
        listener = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shared, dualstack_ipv6=dual)
    except OSError as error:
        raise _explain(error, str(address[0]), int(address[1]), names) from None
    set_write_timeout(listener, WRITE_TIMEOUT_SECONDS)
    listener.setblocking(False)
    return listener


def set_write_timeout(listener: socket.socket, seconds: float) -> None:
    """Have the system end connections of the listener whose client takes no data for this time. Linux only."""
    if sys.platform.startswith("linux"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _explain(error: OSError, host: str, port: int, names: SettingNames) -> StartupError:
    if error.errno == errno.EADDRINUSE:
        return StartupError(
            f"port {port} of {host} is in use", f"end what listens there, or choose another port with {names.port}"
        )
    if error.errno == errno.EACCES:
        return StartupError(
            f"this user may not listen on port {port} of {host}", f"choose a port above 1023 with {names.port}"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return StartupError(f"{names.host}={host}: this machine does not have this address", _ADDRESSES)
    return StartupError(
        f"can't listen on port {port} of {host} ({os.strerror(error.errno or 0)})",
        f"choose another address with {names.host}, or another port with {names.port}",
    )


def url_of(listener: socket.socket) -> str:
    """The URL of the server for clients on this machine."""
    host, port = listener.getsockname()[:2]
    if host == "0.0.0.0":  # noqa: S104
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""The sockets that a server listens on, opened before anything else, so that a taken port ends a start early."""

import errno
import socket
import sys
from typing import Any, Final, NamedTuple

from app.server import StartupError

BACKLOG: Final = 2048


class SettingNames(NamedTuple):
    """What an operator turns to have another address and port, for the words of a refusal."""

    host: str
    port: str


REQUESTS: Final = SettingNames("EARSHOT_HOST", "--port")
METRICS: Final = SettingNames("EARSHOT_METRICS_HOST", "EARSHOT_METRICS_PORT")


def listen(host: str, port: int, count: int, knobs: SettingNames = REQUESTS) -> list[socket.socket]:
    """`count` listening sockets on one address, one for each process. Raises StartupError."""
    family, address = _resolved(host, port, knobs)
    first = _open(family, address, knobs, shared=False)
    if count == 1:
        return [first]
    if not sys.platform.startswith("linux"):
        return [first] * count
    # Linux deals connections out evenly to sockets that share a port; on a single socket the quickest process takes
    # them by the handful. The first was opened alone, to find a stranger there.
    address = first.getsockname()
    first.close()
    return [_open(family, address, knobs, shared=True) for _ in range(count)]


Address = tuple[Any, ...]


def _resolved(host: str, port: int, knobs: SettingNames) -> tuple[socket.AddressFamily, Address]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise StartupError(f"{knobs.host}: {host} is no address of this machine ({error})") from None
    family, _, _, _, address = found[0]
    return family, address


def _open(family: socket.AddressFamily, address: Address, knobs: SettingNames, *, shared: bool) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        if family == socket.AF_INET6:
            # `::` is everybody, as 0.0.0.0 is; a dual socket takes both.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        opened.bind(address)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise StartupError(_why(error, str(address[0]), int(address[1]), knobs)) from None
    opened.setblocking(False)
    return opened


def _why(error: OSError, host: str, port: int, knobs: SettingNames) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: end what listens there, or choose another with {knobs.port}"
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}: choose one above 1023 with {knobs.port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{knobs.host}: {host} is no address of this machine; 127.0.0.1 is this machine only, 0.0.0.0 all of it"
    return f"can't listen on {host} port {port}: {error.strerror}"


def url_of(listener: socket.socket) -> str:
    """The address at which people on this machine reach the server."""
    host, port = listener.getsockname()[:2]
    if host == "0.0.0.0":  # noqa: S104
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

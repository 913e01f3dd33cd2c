"""The sockets that a server listens on."""

import socket
import sys

import pytest

from app.server import StartupError
from app.server.sockets import listen, url_of


def test_one_process_has_one_listening_socket() -> None:
    (listener,) = listen("127.0.0.1", 0, 1)

    with listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port)).close()
        if sys.platform.startswith("linux"):
            assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


def test_several_processes_share_one_port() -> None:
    listeners = listen("127.0.0.1", 0, 3)

    assert len({listener.getsockname() for listener in listeners}) == 1
    assert len(set(map(id, listeners))) == (3 if sys.platform.startswith("linux") else 1)
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("count", [1, 2])
def test_a_port_of_another_process_is_not_shared(count: int) -> None:
    (first,) = listen("127.0.0.1", 0, 1)
    port = first.getsockname()[1]

    with first, pytest.raises(StartupError, match=f"port {port} of 127.0.0.1 is in use"):
        listen("127.0.0.1", port, count)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "a..b"])
def test_a_host_of_another_machine_is_rejected(host: str) -> None:
    with pytest.raises(StartupError, match=f"^EARSHOT_HOST={host}: .*: write an IP address of this machine"):
        listen(host, 0, 1)


def test_the_url_of_all_addresses_is_localhost() -> None:
    (listener,) = listen("0.0.0.0", 0, 1)

    with listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"

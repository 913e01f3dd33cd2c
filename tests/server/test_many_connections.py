"""Whose connection is counted with whose."""

from ipaddress import ip_network

import pytest

from app.server.connections import ADDRESS_FULL, MAX_REFUSED_PER_IP, ConnectionLimit

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48"))


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::"),
        ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("10.1.2.3", None),
        ("::ffff:10.1.2.3", None),
        ("2001:db8:1::7", None),
        (None, None),
    ],
)
def test_connections_are_counted_by_client(host: str | None, counted: str | None) -> None:
    connections = ConnectionLimit(per_ip=1, trusted_proxies=PROXIES)

    assert connections.enter(host) == counted
    assert ConnectionLimit().enter(host) is None


@pytest.mark.parametrize("log_client_ip", [True, False])
def test_the_setting_decides_whether_a_rejected_address_is_logged(
    log_client_ip: bool, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    connections = ConnectionLimit(per_ip=1, log_client_ip=log_client_ip)

    for _ in range(2):
        rejected = connections.refusal(connections.enter("203.0.113.9"))

    assert rejected == 429
    logged = "".join([*capsys.readouterr(), caplog.text])
    assert ADDRESS_FULL in logged
    assert ("203.0.113.9" in logged) == log_client_ip


def test_an_address_is_accepted_after_a_connection_is_closed() -> None:
    connections = ConnectionLimit(per_ip=2)

    def come(times: int) -> list[int | None]:
        return [connections.refusal(connections.enter("203.0.113.9")) for _ in range(times)]

    assert come(3) == [None, None, 429]
    assert come(MAX_REFUSED_PER_IP) == [429] * (MAX_REFUSED_PER_IP - 1) + [0]
    assert connections.refusal(connections.enter("203.0.113.10")) is None
    for _ in range(3 + MAX_REFUSED_PER_IP):
        connections.leave("203.0.113.9")
    connections.leave(None)
    assert come(3) == [None, None, 429]

"""Which addresses outbound calls may connect to."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.outbound_addresses import find_restriction

RESTRICTED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "unspecified": ["0.0.0.0", "::"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1", "fec0::1"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": [
        *("0.1.2.3", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("240.0.0.1", "255.255.255.255", "100::1", "2001::1", "2001:db8::1", "3fff::1", "4000::1", "64:ff9b:1::1"),
        # 6to4, Teredo, IPv4-compatible.
        *("2002:7f00:1::", "2002:808:808::1", "2001:0:7f00:1::1", "::127.0.0.1", "::8.8.8.8"),
    ],
    "cloud metadata": ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"],
}
PUBLIC = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
    ),
    *("2606:4700::1111", "2a00::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"),
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in RESTRICTED.items() for text in texts])
def test_a_special_address_is_restricted(kind: str, text: str) -> None:
    assert find_restriction(ip_address(text), ()) == kind


@pytest.mark.parametrize(
    ("kind", "text"),
    [(kind, text) for kind, texts in RESTRICTED.items() for text in texts if ":" not in text],
)
def test_an_ipv4_address_inside_ipv6_is_as_restricted(kind: str, text: str) -> None:
    number = int(IPv4Address(text))

    assert find_restriction(IPv6Address((0xFFFF << 32) | number), ()) == kind
    assert find_restriction(IPv6Address((0x64FF9B << 96) | number), ()) == kind


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_not_restricted(text: str) -> None:
    assert find_restriction(ip_address(text), ()) is None


def test_an_allowed_network_is_not_restricted() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("::1/128")]

    assert find_restriction(ip_address("10.1.2.3"), allowed) is None
    assert find_restriction(ip_address("::ffff:10.1.2.3"), allowed) is None
    assert find_restriction(ip_address("::1"), allowed) is None
    assert find_restriction(ip_address("10.2.0.1"), allowed) == "private"
    assert find_restriction(ip_address("127.0.0.1"), allowed) == "loopback"
    # A translator to a private network is not part of that network.
    assert find_restriction(ip_address("64:ff9b::10.1.2.3"), allowed) == "private"


@given(st.ip_addresses())
def test_whatever_python_does_not_call_global_is_restricted(address: IPv4Address | IPv6Address) -> None:
    embedded = address.ipv4_mapped if isinstance(address, IPv6Address) else None

    if not (embedded or address).is_global or address.is_multicast or address.is_link_local:
        assert find_restriction(address, ()) is not None

"""Trusted proxies, and the address of the client behind them."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Networks = Sequence[IPv4Network | IPv6Network]

MAX_HOPS: Final = 32
"""Addresses of X-Forwarded-For that are read, from the right."""
_FORWARDED_ADDRESS: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?|([0-9A-Fa-f:.]{2,45})"
)
"""An address as proxies write it: bare, in brackets, or with a port."""


def is_trusted_proxy(peer: str, networks: Networks) -> bool:
    """Whether the address is in one of the networks of trusted proxies, so that its forwarded headers count."""
    if not networks:
        return False
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in networks)


def resolve_client_ip(proxy: str, forwarded_for: str, networks: Networks) -> str:
    """The client's address: from the right, the first of X-Forwarded-For that is not a trusted proxy's.

    A trusted proxy writes only addresses. If an entry is not an address, the address that was read before it counts.
    """
    client = proxy
    for entry in reversed(forwarded_for.rsplit(",", MAX_HOPS)):
        if not entry.strip():
            continue
        address = _parse_address(entry.strip())
        if address is None:
            break
        client = address
        if not is_trusted_proxy(client, networks):
            break
    return client


def find_client_network(client_ip: str) -> str:
    """What a client is counted under: an IPv4 address, or the /64 network of an IPv6 address, which one client has."""
    try:
        address = ip_address(client_ip)
    except ValueError:
        # Of a socket without an address.
        return client_ip
    address = getattr(address, "ipv4_mapped", None) or address
    return str(IPv6Address(int(address) >> 64 << 64)) if address.version == 6 else str(address)


def _parse_address(text: str) -> str | None:
    """An address in its canonical form, without a port; None for anything else."""
    match = _FORWARDED_ADDRESS.fullmatch(text)
    if match is None:
        return None
    try:
        address = ip_address(match[1] or match[2] or match[3])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)

"""What the doors need of the rest of the house, handed over by assembly."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

from app.adapters.database import Clock, Database
from app.adapters.passwords import PasswordHasher
from app.adapters.rate_limiter import RateLimit, RateLimiter
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.uploads import Uploads
from app.api.authentication import ApiKeyAuthenticator
from app.public_url import PublicUrl

MAX_HOPS: Final = 32
"""What comes before so many addresses of our proxies is not read."""
_FORWARDED_ADDRESS: Final = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?|([0-9A-Fa-f:.]{2,45})"
)
"""An address as proxies write it: bare, in brackets, or with a port."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How often clients may ask; None is as often as they like."""

    productlift: RateLimit | None
    astuto_key: RateLimit | None
    astuto_ip: RateLimit | None


MAX_VIEWED_POSTS: Final = 20_000


@dataclass(slots=True)
class PageViews:
    """Page views of posts that are not stored yet. A page only counts here, so that showing it writes nothing."""

    counts: dict[tuple[int, int], int] = field(default_factory=dict)
    """By portal and post."""

    def add(self, portal_id: int, post_id: int, many: int = 1) -> None:
        """Count views of a post. At the bound, posts that are not in the table yet are not counted."""
        key = (portal_id, post_id)
        counted = self.counts.get(key)
        if counted is not None or len(self.counts) < MAX_VIEWED_POSTS:
            self.counts[key] = (counted or 0) + many


@dataclass(slots=True)
class Services:
    """One server's tools."""

    database: Database
    authenticator: ApiKeyAuthenticator
    rate_limiter: RateLimiter
    rate_limits: RateLimits
    uploads: Uploads
    signer: FileSigner
    clock: Clock
    public: PublicUrl = field(default_factory=PublicUrl)
    default_dialect: str = "productlift"
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    forwarded_host: bool = False
    """Whether a trusted proxy's `X-Forwarded-Host` is read instead of `Host`."""
    passwords: PasswordHasher = field(default_factory=PasswordHasher)
    views: PageViews = field(default_factory=PageViews)

    def is_trusted_proxy(self, peer: str) -> bool:
        """Whether this address is one of our proxies, so that its forwarded headers count."""
        if not self.trusted_proxies:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.trusted_proxies)

    def resolve_client_ip(self, proxy: str, forwarded: str) -> str:
        """The client that our proxies tell of: from the right, the first address that is none of theirs.

        What is no address was not written by one of ours; then the proxy that let it through stands for its client.
        """
        client = proxy
        for told in reversed(forwarded.rsplit(",", MAX_HOPS)):
            if not told.strip():
                continue
            address = _address(told.strip())
            if address is None:
                break
            client = address
            if not self.is_trusted_proxy(client):
                break
        return client


def _address(told: str) -> str | None:
    """An address in its one spelling, without a port; None for what is none."""
    found = _FORWARDED_ADDRESS.fullmatch(told)
    if found is None:
        return None
    try:
        address = ip_address(found[1] or found[2] or found[3])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)

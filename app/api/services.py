"""What the doors need of the rest of the house, handed over by assembly."""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from app.adapters.database import Clock, Database
from app.adapters.limiter import Counters, Pace
from app.adapters.passwords import PasswordHasher
from app.adapters.uploads import Uploads
from app.api.admissions import Admissions


@dataclass(frozen=True, slots=True)
class Paces:
    """How often clients may ask; None is as often as they like."""

    productlift: Pace | None
    astuto_key: Pace | None
    astuto_ip: Pace | None


@dataclass(slots=True)
class Services:
    """One server's tools."""

    database: Database
    admissions: Admissions
    counters: Counters
    paces: Paces
    uploads: Uploads
    clock: Clock
    base_url: str | None = None
    default_dialect: str = "productlift"
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    passwords: PasswordHasher = field(default_factory=PasswordHasher)

    def trusts(self, peer: str) -> bool:
        """Whether this address is one of our proxies, so that its forwarded headers count."""
        if not self.trusted_proxies:
            return False
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.trusted_proxies)

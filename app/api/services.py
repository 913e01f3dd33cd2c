"""What the dialects and the pages need of the other layers; `create_app` provides it."""

from dataclasses import dataclass, field
from typing import Final

from app.adapters.csrf_tokens import CsrfTokens
from app.adapters.database import Clock, Database
from app.adapters.device_tokens import DeviceTokens
from app.adapters.encryption import SecretCipher
from app.adapters.openid_connect import OpenIdProviders
from app.adapters.passwords import PasswordHasher
from app.adapters.rate_limiter import RateLimit, RateLimiter
from app.adapters.sealed_values import SealedValues
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.uploads import Uploads
from app.adapters.unsubscribe_tokens import UnsubscribeTokens
from app.api.authentication import ApiKeyAuthenticator
from app.http.proxies import Networks
from app.public_url import PublicUrl


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The rate limits of the dialects and of the public JSON; None is no limit."""

    productlift: RateLimit | None
    astuto_key: RateLimit | None
    astuto_ip: RateLimit | None
    public_json: RateLimit | None


MAX_VIEWED_POSTS: Final = 20_000


@dataclass(slots=True)
class PageViews:
    """Page views of posts that are not stored yet. Showing a page only increments a count here, without a write."""

    counts: dict[tuple[int, int], int] = field(default_factory=dict)
    """By the ids of portal and post."""

    def add(self, portal_id: int, post_id: int, many: int = 1) -> None:
        """Count views of a post. At MAX_VIEWED_POSTS, posts without a count yet are not counted."""
        key = (portal_id, post_id)
        count = self.counts.get(key)
        if count is not None or len(self.counts) < MAX_VIEWED_POSTS:
            self.counts[key] = (count or 0) + many


@dataclass(slots=True)
class Services:
    """The adapters and settings of one server."""

    database: Database
    authenticator: ApiKeyAuthenticator
    rate_limiter: RateLimiter
    rate_limits: RateLimits
    uploads: Uploads
    signer: FileSigner
    cipher: SecretCipher
    unsubscribe_tokens: UnsubscribeTokens
    csrf_tokens: CsrfTokens
    device_tokens: DeviceTokens
    openid_providers: OpenIdProviders
    sealed_values: SealedValues
    clock: Clock
    public: PublicUrl = field(default_factory=PublicUrl)
    default_dialect: str = "productlift"
    trusted_proxies: Networks = ()
    forwarded_host: bool = False
    """Whether `X-Forwarded-Host` of a trusted proxy is read instead of `Host`."""
    passwords: PasswordHasher = field(default_factory=PasswordHasher)
    sends_mail: bool = False
    """Whether there is a mail server."""
    views: PageViews = field(default_factory=PageViews)

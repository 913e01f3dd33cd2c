"""The composition root: creates all parts of the server and connects them."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from app.adapters.csrf_tokens import CsrfTokens
from app.adapters.database import Clock, utc_now
from app.adapters.device_tokens import DeviceTokens
from app.adapters.encryption import SecretCipher
from app.adapters.openid_connect import OpenIdProviders
from app.adapters.rate_limiter import MemoryRateLimiter, RateLimit, RedisRateLimiter
from app.adapters.sealed_values import SealedValues
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.uploads import Uploads
from app.adapters.unsubscribe_tokens import UnsubscribeTokens
from app.api.astuto.app import build as build_astuto
from app.api.authentication import ApiKeyAuthenticator
from app.api.dialect import DialectApp
from app.api.dispatch import Dispatch
from app.api.productlift.app import build as build_productlift
from app.api.services import RateLimits, Services
from app.backends import open_database, open_storage
from app.background import (
    BackgroundJobs,
    Job,
    delete_expired_sign_ins,
    flush_key_usage,
    flush_page_views,
    index_new_posts,
)
from app.domain.errors import ServiceUnavailable
from app.http.request import RequestContext, RequestObserver
from app.observability.metrics import MEASURE_SECONDS, SharedMetrics
from app.outbox.assembly import build_worker
from app.public_url import PublicUrl
from app.settings import Settings
from app.web.app import PageRateLimits
from app.web.app import build as build_pages
from app.web.observed import ObservedApp
from app.web.readiness import Readiness
from app.web.rendered_texts import RenderedTexts


def rate_limits(settings: Settings) -> RateLimits:
    if not settings.rate_limits:
        return RateLimits(None, None, None, None)
    return RateLimits(
        RateLimit.parse(settings.limit_productlift),
        RateLimit.parse(settings.limit_astuto_key),
        RateLimit.parse(settings.limit_astuto_ip),
        RateLimit.parse(settings.limit_public_json),
    )


def page_rate_limits(settings: Settings) -> PageRateLimits:
    def choose(rate_limit: str) -> str | None:
        return rate_limit if settings.rate_limits and RateLimit.parse(rate_limit) is not None else None

    return PageRateLimits(
        choose(settings.limit_pages), choose(settings.limit_actions), choose(settings.limit_actions_ip)
    )


def background_jobs(services: Services) -> list[Job]:
    database = services.database
    return [
        Job("the count of page views", 5.0, lambda: flush_page_views(database, services.views)),
        Job("the index of new posts", 2.0, lambda: index_new_posts(database)),
        Job("the last use of keys", 10.0, lambda: flush_key_usage(database, services.authenticator)),
        Job("the sweep of sessions", 3600.0, lambda: delete_expired_sign_ins(database)),
        Job("the sweep of files", 3600.0, services.uploads.delete_orphans),
    ]


class Observer(Protocol):
    """Observes every request: the access log, the metrics, the tracer."""

    def for_dialect(self, dialect: str) -> RequestObserver:
        """The function to call after each request to this dialect, or to `pages`."""
        ...


def _combine(observers: Sequence[RequestObserver]) -> RequestObserver:
    def observe(request: RequestContext, status: int, seconds: float) -> None:
        for observer in observers:
            observer(request, status, seconds)

    return observe


class Application:
    """The server as an ASGI application with a lifespan."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.database = open_database(settings, clock)
        former_secrets = () if settings.astuto_secret is None else (settings.astuto_secret.encode(),)
        self.services = Services(
            database=self.database,
            authenticator=ApiKeyAuthenticator(self.database, settings.secret, former_secrets, clock=clock),
            rate_limiter=MemoryRateLimiter() if settings.redis_url is None else RedisRateLimiter(settings.redis_url),
            rate_limits=rate_limits(settings),
            uploads=Uploads(open_storage(settings), self.database, clock=clock),
            signer=FileSigner(settings.secret, clock=clock),
            cipher=SecretCipher(settings.secret),
            unsubscribe_tokens=UnsubscribeTokens(settings.secret),
            csrf_tokens=CsrfTokens(settings.secret),
            device_tokens=DeviceTokens(settings.secret),
            openid_providers=OpenIdProviders(settings.outbound_networks, clock),
            sealed_values=SealedValues(settings.secret, clock=clock),
            clock=clock,
            public=PublicUrl(settings.base_url),
            default_dialect=settings.default_dialect,
            trusted_proxies=settings.proxies,
            forwarded_host=settings.forwarded_host,
            sends_mail=settings.smtp_url is not None,
        )
        self._background = BackgroundJobs(background_jobs(self.services))
        self._outbox = build_worker(settings, self.database, self.services.cipher) if settings.outbox else None
        productlift, productlift_document = build_productlift(self.services)
        astuto, astuto_document = build_astuto(self.services)
        self._dialects = {"productlift": productlift, "astuto": astuto}
        self._readiness = Readiness(self.database, self.services.rate_limiter, self.services.uploads.files)
        self._texts = RenderedTexts()
        self.pages = build_pages(
            self.services,
            (productlift_document, astuto_document),
            self._readiness,
            self._texts,
            rate_limits=page_rate_limits(settings),
            redis_url=settings.redis_url,
        )
        self._observed_pages = ObservedApp(self.pages)
        self._dispatch = Dispatch(self.services, self._dialects, self._observed_pages)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        await self._dispatch(scope, receive, send)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self.start_background_jobs()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Connect to the database and start its background work."""
        await self.database.open()
        self.database.start_background_work()

    def start_background_jobs(self) -> None:
        """To be called in a process that serves, after `start`."""
        self._background.start()
        if self._outbox is not None:
            self._outbox.start()

    def add_observers(self, *observers: Observer) -> None:
        """Call each observer after every request from now on."""
        apps: dict[str, DialectApp | ObservedApp] = {**self._dialects, "pages": self._observed_pages}
        for name, app in apps.items():
            app.set_observer(_combine([observer.for_dialect(name) for observer in observers]))

    def publish_metrics(self, metrics: SharedMetrics) -> None:
        """Publish the metrics of the database, and the number of requests counted without Redis, once a second.

        To be called after `start` and before `start_background_jobs`.
        """
        rate_limiter, published = self.services.rate_limiter, 0
        metrics.set_database_stats(self.database.stats())
        if self._outbox is not None:
            self._outbox.recorder.count = metrics.count_delivery

        async def publish() -> None:
            nonlocal published
            metrics.set_database_stats(self.database.stats())
            metrics.redis_fallbacks.inc(rate_limiter.fallbacks - published)
            published = rate_limiter.fallbacks

        self._background.jobs.append(Job("the metrics of this process", MEASURE_SECONDS, publish))

    def begin_draining(self) -> None:
        """Report not ready from now on; requests are served until `stop`."""
        self._readiness.begin_draining()
        if self._outbox is not None:
            self._outbox.begin_stopping()

    async def stop(self) -> None:
        """Stop the background jobs, store what they had not stored yet, and close all parts."""
        self._texts.close()
        await self._background.stop()
        if self._outbox is not None:
            await self._outbox.stop()
        with suppress(ServiceUnavailable):
            await flush_key_usage(self.database, self.services.authenticator)
            await flush_page_views(self.database, self.services.views)
        await self.services.uploads.close()
        await self.services.openid_providers.close()
        self.services.passwords.shutdown()
        await self.services.rate_limiter.close()
        await self.database.close()


def create_app(settings: Settings | None = None, *, clock: Clock = utc_now) -> Application:
    """The server for these settings, or for those of the environment."""
    return Application(settings or Settings.load(), clock=clock)

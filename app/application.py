"""The one place where the parts meet; read it to know what runs."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from app.adapters.database import Clock, utc_now
from app.adapters.rate_limiter import Counters, MemoryCounters, Pace
from app.adapters.storage.signed_urls import FileSigner
from app.adapters.storage.uploads import Uploads
from app.api.astuto.app import build as build_astuto
from app.api.authentication import Admissions
from app.api.dialect import Door
from app.api.dispatch import Dispatch
from app.api.productlift.app import build as build_productlift
from app.api.services import Paces, Services
from app.backends import database, files
from app.background import Behind, Job, index_titles, record_views, remember_uses
from app.domain.errors import Unavailable
from app.http.request import Answer, Note, Visit
from app.observability.metrics import Ledger
from app.public_url import PublicAddress
from app.settings import Settings
from app.web.app import build as build_pages
from app.web.observed import Noted
from app.web.readiness import Readiness
from app.web.rendered_texts import FormattedTexts


def counters(settings: Settings) -> Counters:
    """Where requests are counted."""
    if settings.redis_url is None:
        return MemoryCounters()
    from app.adapters.rate_limiter import RedisCounters

    return RedisCounters(settings.redis_url)


def paces(settings: Settings) -> Paces:
    """How often clients may ask."""
    if not settings.rate_limits:
        return Paces(None, None, None)
    return Paces(
        Pace.parsed(settings.limit_productlift),
        Pace.parsed(settings.limit_astuto_key),
        Pace.parsed(settings.limit_astuto_ip),
    )


def page_pace(settings: Settings) -> str | None:
    """How often one address may ask for pages, files and documents; None is as often as it likes."""
    limited = settings.rate_limits and Pace.parsed(settings.limit_pages) is not None
    return settings.limit_pages if limited else None


def jobs(services: Services) -> list[Job]:
    """What a serving process does behind its requests."""
    database = services.database
    return [
        Job("the index of titles", 1.0, lambda: index_titles(database)),
        Job("the count of page views", 5.0, lambda: record_views(database, services.views)),
        Job("the last use of keys", 10.0, lambda: remember_uses(database, services.admissions)),
        Job("the sweep of files", 3600.0, services.uploads.sweep),
    ]


MEASURE_SECONDS: Final = 1.0


class Observer(Protocol):
    """Who is told of every request: the log, the metrics, the spans."""

    def of(self, dialect: str) -> Note:
        """What is called after each request that this dialect, or `pages`, answered."""
        ...


def _noted_by(notes: Sequence[Note]) -> Note:
    if len(notes) == 1:
        return notes[0]

    def note(visit: Visit, answer: Answer, seconds: float) -> None:
        for one in notes:
            one(visit, answer, seconds)

    return note


class Server:
    """An assembled server: an ASGI application with a lifespan."""

    def __init__(self, settings: Settings, *, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.database = database(settings, clock)
        former = () if settings.astuto_secret is None else (settings.astuto_secret.encode(),)
        self.services = Services(
            database=self.database,
            admissions=Admissions(self.database, settings.secret, former),
            counters=counters(settings),
            paces=paces(settings),
            uploads=Uploads(files(settings), self.database, clock=clock),
            signer=FileSigner(settings.secret, clock=clock),
            clock=clock,
            public=PublicAddress(settings.base_url),
            default_dialect=settings.default_dialect,
            trusted_proxies=settings.proxies,
            forwarded_host=settings.forwarded_host,
        )
        self._behind = Behind(jobs(self.services))
        productlift_door, productlift_document = build_productlift(self.services)
        astuto_door, astuto_document = build_astuto(self.services)
        self._doors = {"productlift": productlift_door, "astuto": astuto_door}
        self._readiness = Readiness(self.database, self.services.counters, self.services.uploads.files)
        self._texts = FormattedTexts()
        self._pages = build_pages(
            self.services,
            (productlift_document, astuto_document),
            self._readiness,
            self._texts,
            pace=page_pace(settings),
            redis_url=settings.redis_url,
        )
        self._noted_pages = Noted(self._pages)
        self._dispatch = Dispatch(self.services, self._doors, self._noted_pages)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._dispatch(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        self.work_behind()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Connect."""
        await self.database.open()
        if hasattr(self.database, "checkpoint_in_background"):
            self.database.checkpoint_in_background()

    def work_behind(self) -> None:
        """Begin what a serving process does behind its requests."""
        self._behind.start()

    def observed_by(self, *observers: Observer) -> None:
        """Have each observer told of every request from now on."""
        answering: dict[str, Door | Noted] = {**self._doors, "pages": self._noted_pages}
        for dialect, door in answering.items():
            door.noting(_noted_by([observer.of(dialect) for observer in observers]))

    def measured_into(self, ledger: Ledger) -> None:
        """Keep telling the ledger how busy the database is and how often Redis was away; before `work_behind`."""
        counters, told = self.services.counters, 0

        async def measure() -> None:
            nonlocal told
            for name, value in self.database.measured().items():
                ledger.set(name, value)
            # What happened since: the ledger goes on from the process that wrote in it before.
            ledger.add("redis_fallbacks", counters.fallbacks - told)
            told = counters.fallbacks

        self._behind.add(Job("the numbers of this process", MEASURE_SECONDS, measure))

    def end(self) -> None:
        """Say to those who watch that this process is about to end; it serves on until it is stopped."""
        self._readiness.end()

    async def stop(self) -> None:
        """Let go of everything."""
        self._texts.close()
        await self._behind.stop()
        with suppress(Unavailable):
            await remember_uses(self.database, self.services.admissions)
            await record_views(self.database, self.services.views)
        await self.services.uploads.close()
        self.services.passwords.close()
        await self.services.counters.close()
        await self.database.close()


def assemble(settings: Settings | None = None, *, clock: Clock = utc_now) -> Server:
    """The server that the settings describe."""
    return Server(settings or Settings.load(), clock=clock)

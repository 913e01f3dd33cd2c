"""The language of the pages that emails link to, also of their error pages. All other pages are in English."""

from typing import Final

from starlette.requests import Request

from app.adapters.database import Database, PortalContext
from app.adapters.translations import SOURCE_LANGUAGE
from app.domain.errors import ServiceUnavailable
from app.domain.permissions import OPERATOR
from app.domain.portals import portals
from app.web.routes.pages import find_portal_id

MAX_HOSTS: Final = 1000
PATHS: Final = frozenset(
    {"/invitation", "/password-reset", "/confirm-email", "/notifications", "/unsubscribe", "/unsubscribe/undo"}
)
"""The pages that emails link to."""


class PortalLanguage:
    """Finds the locale of an error page."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._locales: dict[str, str] = {}

    def remember(self, request: Request, locale: str) -> None:
        """Keep the locale of the portal on the request's host, for error pages while the database can't be read."""
        if len(self._locales) >= MAX_HOSTS:
            self._locales.clear()
        self._locales[request.scope["earshot.request"].host] = locale

    def recall(self, request: Request) -> str:
        """The locale as the last page had it, without the database; otherwise that of English."""
        if request.scope["path"] not in PATHS:
            return SOURCE_LANGUAGE
        return self._locales.get(request.scope["earshot.request"].host, SOURCE_LANGUAGE)

    async def find(self, request: Request) -> str:
        """The locale of the error page for the request."""
        if request.scope["path"] not in PATHS:
            return SOURCE_LANGUAGE
        try:
            portal_id = await find_portal_id(self._database, request)
            if portal_id is None:
                return SOURCE_LANGUAGE
            context = PortalContext(portal_id, OPERATOR)
            locale = await self._database.read(lambda work: str(portals.get_current(work)["locale"]), context)
        except ServiceUnavailable:
            return self.recall(request)
        self.remember(request, locale)
        return locale

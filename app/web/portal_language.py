"""The language of the last page about accounts, for error pages on its host that can't read the database."""

from typing import Final

from starlette.requests import Request

from app.adapters.translations import SOURCE_LANGUAGE

MAX_HOSTS: Final = 1000


class PortalLanguage:
    """Keeps the locales of portals by host."""

    def __init__(self) -> None:
        self._locales: dict[str, str] = {}

    def remember(self, request: Request, locale: str) -> None:
        """Keep the locale of the portal on the request's host."""
        if len(self._locales) >= MAX_HOSTS:
            self._locales.clear()
        self._locales[request.scope["earshot.request"].host] = locale

    def recall(self, request: Request) -> str:
        """The locale as the last page had it; otherwise that of English."""
        return self._locales.get(request.scope["earshot.request"].host, SOURCE_LANGUAGE)

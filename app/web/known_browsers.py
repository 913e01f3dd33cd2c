"""Browsers in which somebody has signed in to an account before: their cookie lets them enter passwords that are
counted apart.

Anybody can enter wrong passwords for an account until no more are accepted. Without this cookie its owner would be
locked out as well.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.sealed_values import SealedValues
from app.domain.users import emails
from app.web.cookies import KNOWN_ACCOUNTS, YEAR_SECONDS, Cookies

MAX_ACCOUNTS: Final = 5
"""Of one browser, the last used ones."""
_PURPOSE: Final = "accounts of a browser"
_MAX_AGE: Final = timedelta(seconds=YEAR_SECONDS)
_DIGEST_CHARACTERS: Final = 16


class KnownBrowsers:
    """Sets and reads the cookie. It has a random name of the browser for each account, and no address in clear."""

    def __init__(self, sealed_values: SealedValues, cookies: Cookies) -> None:
        self._sealed_values = sealed_values
        self._cookies = cookies

    def find(self, request: Request, portal_id: int, email: str) -> str:
        """The name of the browser for the account with this address; empty if nobody signed in to it there."""
        return self._read(request, portal_id).get(_digest(email), "")

    def remember(self, request: Request, response: Response, portal_id: int, email: str) -> None:
        """After a sign-in: give the browser a new name for the account."""
        account = _digest(email)
        others = [pair for pair in self._read(request, portal_id).items() if pair[0] != account]
        names = dict([(account, secrets.token_urlsafe(8)), *others][:MAX_ACCOUNTS])
        sealed = self._sealed_values.seal(_PURPOSE, portal_id, names)
        self._cookies.set(request, response, KNOWN_ACCOUNTS, sealed)

    def _read(self, request: Request, portal_id: int) -> Mapping[str, str]:
        sealed = request.cookies.get(KNOWN_ACCOUNTS, "")
        opened = self._sealed_values.open(_PURPOSE, portal_id, sealed, max_age=_MAX_AGE)
        names: Mapping[str, str] = {} if opened is None else opened.content
        return names


def _digest(email: str) -> str:
    key = emails.normalize_email(email).encode("utf-8", "surrogatepass")
    return hashlib.sha256(key).hexdigest()[:_DIGEST_CHARACTERS]

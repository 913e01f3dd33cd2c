"""The cookies of the pages. All are for this server alone, and no script can read them."""

import secrets
from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from app.http.request import RequestContext
from app.public_url import PublicUrl

SESSION: Final = "earshot_session"
"""The token of the session in which the user is signed in."""
DEVICE: Final = "earshot_device"
"""A random token of the browser: its forms, its code of a sign-in, its posts and votes without an account."""
DRAFT: Final = "earshot_draft"
"""The name of what the visitor wrote before signing in."""
THEME: Final = "earshot_theme"
"""`light` or `dark`; without it the theme is that of the browser."""
NEXT_PATH: Final = "earshot_next"
"""Where the visitor goes after signing in by the link of an email, which may be opened in another window."""
KNOWN_ACCOUNTS: Final = "earshot_known"
"""The accounts to which somebody has signed in with this browser, encrypted."""
PROVIDER_SIGN_IN: Final = "earshot_provider"
"""The sign-in that waits for the response of an OpenID Connect provider, encrypted."""

THEMES: Final = ("light", "dark")
YEAR_SECONDS: Final = 365 * 24 * 3600
MAX_TOKEN: Final = 100
"""Characters; longer cookies were not set by this server."""
TOKEN_BYTES: Final = 32


def read_token(request: Request, name: str) -> str:
    """The token in this cookie; empty without one."""
    token = request.cookies.get(name, "")
    return token if len(token) <= MAX_TOKEN and token.isascii() else ""


def read_path(request: Request) -> str | None:
    """The path in the cookie NEXT_PATH. It is not checked."""
    path = request.cookies.get(NEXT_PATH)
    return None if path is None else unquote(path)


def read_theme(request: Request) -> str:
    """The chosen theme, or an empty text."""
    theme = request.cookies.get(THEME, "")
    return theme if theme in THEMES else ""


def new_token() -> str:
    """A random token."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Cookies:
    """Sets the cookies for the path of the server, and for HTTPS only where the visitor uses it."""

    def __init__(self, public: PublicUrl) -> None:
        self._path = public.path + "/"

    def set(self, request: Request, response: Response, name: str, value: str, *, max_age: int = YEAR_SECONDS) -> None:
        """Set a cookie. `max_age` are seconds."""
        context: RequestContext = request.scope["earshot.request"]
        is_secure = context.origin.startswith("https:")
        response.set_cookie(
            name, value, max_age=max_age, path=self._path, secure=is_secure, httponly=True, samesite="lax"
        )

    def delete(self, request: Request, response: Response, name: str) -> None:
        """Delete a cookie."""
        self.set(request, response, name, "", max_age=0)

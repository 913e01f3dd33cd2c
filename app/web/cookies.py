"""The cookies of the pages. All are for this server alone, and no script can read them."""

from typing import Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.device_tokens import DeviceTokens
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
_HOST_PREFIX: Final = "__Host-"
"""Of names that browsers accept from this host alone, and neither from a neighbour's subdomain nor without HTTPS."""
_PREFIXED: Final = frozenset({SESSION, DEVICE})


def read_path(request: Request) -> str | None:
    """The path in the cookie NEXT_PATH. It is not checked."""
    path = request.cookies.get(NEXT_PATH)
    return None if path is None else unquote(path)


def read_theme(request: Request) -> str:
    """The chosen theme, or an empty text."""
    theme = request.cookies.get(THEME, "")
    return theme if theme in THEMES else ""


class Cookies:
    """Reads and sets the cookies: for the path of the server, and for HTTPS only where the visitor uses it.

    There, at the path `/`, session and device have names with the prefix `__Host-`.
    """

    def __init__(self, public: PublicUrl, device_tokens: DeviceTokens) -> None:
        self._path = public.path + "/"
        self._device_tokens = device_tokens

    def read_token(self, request: Request, name: str) -> str:
        """The token in this cookie; empty without one."""
        token = request.cookies.get(self.find_name(request, name), "")
        return token if len(token) <= MAX_TOKEN and token.isascii() else ""

    def read_device(self, request: Request) -> str:
        """The token in the cookie DEVICE; empty without one, and for one that this server did not make."""
        token = self.read_token(request, DEVICE)
        return token if self._device_tokens.is_valid(token) else ""

    def make_device(self) -> str:
        """A new token for the cookie DEVICE."""
        return self._device_tokens.make()

    def find_name(self, request: Request, name: str) -> str:
        """The name that the cookie has in the browser of this request."""
        is_prefixed = name in _PREFIXED and self._path == "/" and _is_secure(request)
        return _HOST_PREFIX + name if is_prefixed else name

    def set(self, request: Request, response: Response, name: str, value: str, *, max_age: int = YEAR_SECONDS) -> None:
        """Set a cookie. `max_age` are seconds."""
        response.set_cookie(
            self.find_name(request, name),
            value,
            max_age=max_age,
            path=self._path,
            secure=_is_secure(request),
            httponly=True,
            samesite="lax",
        )

    def delete(self, request: Request, response: Response, name: str) -> None:
        """Delete a cookie."""
        self.set(request, response, name, "", max_age=0)


def _is_secure(request: Request) -> bool:
    context: RequestContext = request.scope["earshot.request"]
    return context.origin.startswith("https:")

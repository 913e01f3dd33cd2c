"""The public URL of the server. Every link in a response is built here."""

import re
from typing import Final
from urllib.parse import urlsplit

from app.adapters.problem import InvalidValue

MAX_PATH: Final = 80
"""With the scheme, the longest host of a portal and a port, the base URL fits into its column of 255."""
SIGN_IN_LINK: Final = "/sign-in/link"
"""The page by which a link signs in, with the parameter `token`."""
OWN_PATHS: Final = frozenset(
    {
        *("api", "api-docs", "astuto", "boards", "changelog", "changelog.atom", "confirm-email", "docs"),
        *("embedded_roadmap", "f", "feed.atom", "files", "health", "http_api", "invitation", "notifications", "p"),
        *("password-reset", "portal.css", "posts", "productlift", "roadmap", "roadmap.atom", "robots.txt"),
        *("sitemap.xml", "sso", "static", "submit", "t", "theme", "unsubscribe", "widgets", "widgets_sdk"),
        *("login", "logout", "o_auths", "profile", "register", "sign-in"),
    }
)
"""First segments of the server's own routes. A proxy may remove the public path, so it must differ from them."""
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


class PublicUrl:
    """The value of `EARSHOT_BASE_URL`, which `check_path` has accepted; empty if it is unset."""

    __slots__ = ("_after_host", "_scheme", "path", "url")

    def __init__(self, url: str | None = None) -> None:
        parts = urlsplit(url or "")
        self.url = url
        self.path = parts.path
        """Empty, or such as `/feedback`; never ends with a slash."""
        self._scheme = parts.scheme
        self._after_host = f":{parts.port}{parts.path}" if parts.port else parts.path

    def on(self, host: str) -> str:
        """The URL of the portal on this host, with the same scheme, port and path."""
        return f"{self._scheme}://{host}{self._after_host}"

    def link(self, path: str) -> str:
        """The public path of a path of this server, such as `/docs`."""
        return self.path + path


def check_path(path: str) -> str:
    """The path of a public URL without trailing slashes. Raises InvalidValue."""
    path = path.rstrip("/")
    if not _PATH.fullmatch(path):
        raise InvalidValue(
            "its path may have letters, digits and - _ ~ . between single slashes",
            "write a plain path, such as https://example.com/feedback",
        )
    if len(path) > MAX_PATH:
        raise InvalidValue(f"its path may have at most {MAX_PATH} characters", "use a shorter path")
    first = path[1:].partition("/")[0]
    if first in OWN_PATHS:
        raise InvalidValue(
            f"its path must not begin with /{first}, which the server has itself",
            "write the address without /api/v1, or choose another path",
        )
    return path

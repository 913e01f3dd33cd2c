"""Finds Astuto's routes: a trailing slash and a format suffix are cut off first. docs/contracts/astuto.md, 1.1."""

from app.api.routing import Found, RouteTable, WrongVerb


class AstutoRoutes(RouteTable):
    """`/boards/`, `/posts/3.json` and `/boards.xml` are the same as without; the answer is JSON each time."""

    def find(self, method: str, path: str) -> Found | WrongVerb | None:
        """See `RouteTable.find`. What is cut off is no part of an id either."""
        return super().find(method, _plain(path))


def _plain(path: str) -> str:
    if path[-1] != "/" and "." not in path:
        return path
    above, slash, last = path.rstrip("/").rpartition("/")
    name, dot, suffix = last.rpartition(".")
    # `/posts/.json` has no id, and `/posts/3.` no format.
    return f"{above}{slash}{name}" if dot and name and suffix else f"{above}{slash}{last}"

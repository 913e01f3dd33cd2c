"""Paths of this portal in links and forms that anybody may have written."""

from urllib.parse import urlsplit


def safe_path(path: str | None) -> str:
    """The path if it is one of this portal, otherwise the home page: a link must not lead to another site."""
    if path is None or not path.startswith("/") or not path.isprintable() or "\\" in path or path.startswith("//"):
        return "/"
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc else "/"

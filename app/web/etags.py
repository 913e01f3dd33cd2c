"""Whether the client has the representation of a resource already (RFC 9110, 13.1.2)."""

from starlette.requests import Request


def is_known(request: Request, etag: str) -> bool:
    """Whether `If-None-Match` has this entity tag, which is compared weakly: proxies that compress make it weak."""
    return has_tag(request.headers.get("if-none-match", ""), etag)


def has_tag(if_none_match: str, etag: str) -> bool:
    """As `is_known`, for the value of the header."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags

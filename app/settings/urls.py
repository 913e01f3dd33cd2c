"""The rules of the settings that are URLs. Each function returns the value, or raises InvalidValue."""

import re
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from app.adapters.problem import InvalidValue
from app.adapters.smtp_server import SmtpServer
from app.public_url import check_path

ESCAPES: Final = "in user and password write : / ? # @ as %3A %2F %3F %23 %40"
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f\\\s]")
_NO_URL: Final = re.compile(r"""[\x00-\x20\x7f\\\s"'<>^`{|}]""")
"""Characters that URL parsers drop, or replace by another one."""


def check_base_url(value: str) -> str:
    """The public URL, without slashes at its end."""
    if not value.startswith(("http://", "https://")) or _host(value) is None or _NO_URL.search(value):
        raise InvalidValue(
            "must be an http or https address with a host", "write an address such as https://feedback.example.com"
        )
    if "@" in urlsplit(value).netloc:
        raise InvalidValue(
            "must have no user and password, because every link would contain them",
            "remove all before the @, and the @",
        )
    if len(value) > 255:
        raise InvalidValue("must have at most 255 characters", "use a shorter address")
    if "?" in value or "#" in value:
        raise InvalidValue("must end with its host or path", "remove the ? or the # and all after it")
    path = urlsplit(value).path
    return value.removesuffix(path) + check_path(path)


def check_database_url(value: str) -> str:
    """The database's URL."""
    if value.startswith("sqlite:///"):
        if value.removeprefix("sqlite:///") in ("", ":memory:"):
            raise InvalidValue("must name a file", "write a path, such as sqlite:///data/earshot.db")
        return value
    if not value.startswith(("postgresql://", "postgres://")):
        raise InvalidValue(
            "must begin with sqlite:/// or postgresql://",
            "write sqlite:///path or postgresql://user:password@host/name",
        )
    # A second `@` before the host, too: the driver ends the password at the first one, urlsplit at the last.
    if not _is_parseable(value) or urlsplit(value).netloc.count("@") > 1:
        raise InvalidValue("its host and port can't be parsed", ESCAPES)
    try:
        parse_qsl(urlsplit(value).query, strict_parsing=bool(urlsplit(value).query))
    except ValueError:
        # The driver's message quotes what it can't parse, which may be the end of a password.
        raise InvalidValue(
            "its part after ? can't be parsed", "write name=value pairs, and in a value % & # as %25 %26 %23"
        ) from None
    return value


def check_redis_url(value: str) -> str:
    """The URL of Redis."""
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise InvalidValue("must begin with redis://, rediss:// or unix://", "write it as redis://127.0.0.1:6379/0")
    if not (_is_parseable(value) if value.startswith("unix://") else _host(value)):
        raise InvalidValue("its host can't be parsed", f"write it as redis://host:6379/0; {ESCAPES}")
    return value


def check_smtp_url(value: str) -> str:
    """The URL of the mail server."""
    if value.startswith(("smtp://", "smtps://")) and (_host(value) is None or _UNPRINTABLE.search(value)):
        raise InvalidValue("its host and port can't be parsed", f"write it as smtp://user:password@host:587; {ESCAPES}")
    SmtpServer.parse(value)
    return value


def check_otlp_url(value: str) -> str:
    """The URL of a collector."""
    if (
        not value.startswith(("http://", "https://"))
        or _host(value) is None
        # The exporter reads a backslash as a slash, and what precedes it as the host.
        or _UNPRINTABLE.search(value)
    ):
        raise InvalidValue(
            "must be the address of a collector that accepts OTLP over HTTP",
            f"write it as http://host:4318; {ESCAPES}",
        )
    return value


def _host(url: str) -> str | None:
    """The host of a URL; None if it has none or can't be parsed. The parser's message may quote a password."""
    if not _is_parseable(url):
        return None
    parts = urlsplit(url)
    return parts.hostname if parts.port is None or parts.port else None


def _is_parseable(url: str) -> bool:
    """Whether host and port can be distinguished from a user and a password before them.

    The start of a password with an unescaped `/`, `?` or `#` would be parsed as a host or a port, and the rest as a
    path that is shown. Such a password leaves an `@` after host and port, where no URL needs one.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return url.count("@") == parts.netloc.count("@")

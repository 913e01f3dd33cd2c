"""The settings, typed, from the environment and a `.env` file. No other module reads the environment."""

import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from app.adapters.problem import InvalidValue, Problem
from app.adapters.rate_limiter import RateLimit
from app.domain.errors import ValidationFailed
from app.domain.plain_text import MAX_LINE, parse_line
from app.domain.users.emails import MAX_EMAIL, parse_email
from app.public_url import check_path
from app.setting_errors import describe_type_error

SECRET_FIELDS: Final = frozenset({"secret_key", "astuto_secret"})
"""Settings whose whole value is secret."""
URL_FIELDS: Final = frozenset({"redis_url", "database_url", "storage_url", "base_url", "otlp_url"})
"""Settings that may contain a password."""
PREFIX: Final = "EARSHOT_"
MIN_SECRET_LENGTH: Final = 32
ESCAPES: Final = "in user and password write : / ? # @ as %3A %2F %3F %23 %40"
MAX_CONNECTIONS_PER_IP: Final = 100_000
MAX_SHOWN_LENGTH: Final = 100
"""The number of characters of an invalid value that a message shows."""
SECRET_FILE: Final = "secret.key"  # noqa: S105 - a name, not a secret
_RESTORE: Final = "restore it from a backup; if there is no key yet, remove it, and the next start creates one"


class InvalidSettings(Problem):
    """A setting is invalid. The state names it, with its value."""


class Settings(BaseSettings):
    """The settings of one server. Field `x` is read from `EARSHOT_X`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", env_ignore_empty=True, validate_default=False
    )

    database_url: str | None = Field(
        None, description="sqlite:///path or postgresql://…; unset: a file in the data directory"
    )
    database_password_file: Path | None = Field(None, description="a file with the database's password")
    database_connections: int = Field(16, ge=2, le=1000, description="maximum connections to PostgreSQL per process")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on")
    workers: int = Field(
        1, ge=1, le=64, description="number of processes; more than one needs PostgreSQL, and Redis for rate limits"
    )
    data_dir: Path = Field(Path("data"), description="database file, uploads, generated secret")
    secret_key: str | None = Field(
        None, description="for signed URLs and key digests; unset: a file in the data directory"
    )
    redis_url: str | None = Field(None, description="shared rate limits: redis://…")
    base_url: str | None = Field(None, description="public URL, for links; unset: from the request")
    default_dialect: Literal["productlift", "astuto"] = Field(
        "productlift", description="the API that rejects a request without a key"
    )
    rate_limits: bool = Field(True, description="on or off")
    limit_productlift: str = Field("60/minute", description="requests per key, without one per address")
    limit_astuto_key: str = Field("100/5minutes", description="requests per key")
    limit_astuto_ip: str = Field("100/5minutes", description="requests per address")
    limit_pages: str = Field("300/5minutes", description="requests per address to pages, files and documents")
    connections_per_ip: int | Literal["off"] = Field(
        256, description="maximum connections per address and process, or off; trusted proxies have no limit"
    )
    forwarded_host: bool = Field(False, description="whether X-Forwarded-Host of a trusted proxy selects the portal")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks, separated by commas"
    )
    storage_url: str | None = Field(None, description="uploads: a directory or s3://bucket; unset: the data directory")
    log_format: Literal["text", "json"] | None = Field(
        None, description="text or json; unset: text on a terminal, else json"
    )
    log_client_ip: bool = Field(
        True, description="on or off: the client's address in the log line of a response 401, 404 or 429"
    )
    metrics_port: int | None = Field(None, ge=0, le=65535, description="port of the Prometheus metrics; unset: none")
    metrics_host: str | None = Field(None, description="address of that port; unset: that of EARSHOT_HOST")
    drain_seconds: float = Field(
        0.0, ge=0, le=60, description="seconds to serve requests after SIGTERM, while not ready"
    )
    otlp_url: str | None = Field(None, description="OpenTelemetry collector: http://host:4318; unset: none")
    owner_email: str | None = Field(
        None, description="address of the owner that the first start creates; unset: owner@example.com"
    )
    owner_name: str | None = Field(None, description="name of that owner; unset: from the address")
    astuto_secret: str | None = Field(
        None, description="the secret of an Astuto installation whose keys stay valid here"
    )

    @classmethod
    def load(cls, **options: Any) -> "Settings":
        """Load the settings; `options`, from the command line, override them. Raises InvalidSettings."""
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            raise cls._explain(error.errors()[0], options) from None
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettings(
                f"the file {Path('.env').absolute()} can't be read ({_reason(error)})",
                "make it a text file that this user can read, or move it away",
            ) from None

    @classmethod
    def _explain(cls, error: ErrorDetails, options: Mapping[str, Any]) -> InvalidSettings:
        """The first error of pydantic in terms of what the operator has to write, and where."""
        problem = error.get("ctx", {}).get("error")
        if not error["loc"]:
            # Of a combination of settings.
            assert isinstance(problem, InvalidValue)
            return InvalidSettings(problem.state, problem.remedy)
        field = str(error["loc"][0])
        if not isinstance(problem, InvalidValue):
            problem = describe_type_error(error, cls.model_fields[field])
        return _invalid(field, error["input"], problem, option=options.get(field) is not None)

    def invalid(self, field: str, problem: Problem) -> InvalidSettings:
        """The error of a setting whose value only another module can check."""
        return _invalid(field, getattr(self, field), problem, option=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_characters(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise InvalidValue("has a NUL character", "write the value again")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _parse_networks(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        networks = value.split(",") if isinstance(value, str) else value
        for part in (parts := tuple(part.strip() for part in networks if part.strip())):
            try:
                ip_network(part, strict=False)
            except ValueError:
                raise InvalidValue(
                    f"{part} is no IP address or network",
                    "write addresses such as 10.0.0.1 or networks such as 10.0.0.0/8, separated by commas",
                ) from None
        return parts

    @field_validator("rate_limits", "forwarded_host", "log_client_ip", mode="before")
    @classmethod
    def _check_switch(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lower() not in ("on", "off", "true", "false", "1", "0", "yes", "no"):
            raise InvalidValue("must be on or off", "write on or off")
        return value

    @field_validator("limit_productlift", "limit_astuto_key", "limit_astuto_ip", "limit_pages")
    @classmethod
    def _check_rate_limit(cls, value: str) -> str:
        try:
            RateLimit.parse(value)
        except ValueError:
            raise InvalidValue(
                "must be a number of requests in a window from 1 second to 1 day, or off",
                "write it as 60/minute, 100/5minutes or off",
            ) from None
        return value

    @field_validator("connections_per_ip", mode="before")
    @classmethod
    def _parse_connections(cls, value: Any) -> Any:
        text = str(value)
        if text == "off":
            return text
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:7]) <= MAX_CONNECTIONS_PER_IP):
            raise InvalidValue(
                f"must be a whole number from 1 to {MAX_CONNECTIONS_PER_IP}, or off",
                "write a number such as 256, or off",
            )
        return int(text)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
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

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str) -> str:
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

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: str) -> str:
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise InvalidValue("must begin with redis://, rediss:// or unix://", "write it as redis://127.0.0.1:6379/0")
        if not (_is_parseable(value) if value.startswith("unix://") else _host(value)):
            raise InvalidValue("its host can't be parsed", f"write it as redis://host:6379/0; {ESCAPES}")
        return value

    @field_validator("otlp_url")
    @classmethod
    def _check_otlp_url(cls, value: str) -> str:
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

    @field_validator("owner_email")
    @classmethod
    def _check_owner_email(cls, value: str) -> str:
        try:
            return parse_email(value)
        except ValidationFailed:
            raise InvalidValue(
                f"must be an e-mail address of at most {MAX_EMAIL} characters", "write one such as jane@example.com"
            ) from None

    @field_validator("owner_name")
    @classmethod
    def _check_owner_name(cls, value: str) -> str:
        try:
            return parse_line(value)
        except ValidationFailed:
            raise InvalidValue(
                f"must be plain text of 1 to {MAX_LINE} characters", "write the owner's name on one line"
            ) from None

    @field_validator("secret_key")
    @classmethod
    def _check_secret_key(cls, value: str) -> str:
        if len(value) < MIN_SECRET_LENGTH or len(set(value)) < 8 or "change" in value.lower():
            raise InvalidValue(
                f"must be at least {MIN_SECRET_LENGTH} random characters", "make one with: openssl rand -hex 32"
            )
        return value

    @model_validator(mode="after")
    def _check_workers(self) -> "Settings":
        if self.workers > 1 and self.rate_limits and self.redis_url is None:
            raise InvalidValue(
                f"EARSHOT_WORKERS={self.workers} needs EARSHOT_REDIS_URL, because all processes count together",
                "set EARSHOT_REDIS_URL=redis://127.0.0.1:6379/0, or EARSHOT_RATE_LIMITS=off, or one worker",
            )
        if self.workers > 1 and self.database.startswith("sqlite"):
            raise InvalidValue(
                f"EARSHOT_WORKERS={self.workers} needs PostgreSQL, because SQLite's file has one writer",
                "set EARSHOT_DATABASE_URL=postgresql://user:password@host/name, or one worker",
            )
        return self

    def describe(self) -> list[dict[str, str | None]]:
        """Every setting for the operator: its name, its value with secrets masked, its source and its meaning.

        The source is `environment`, `.env` or `default`.
        """
        environment = {name.upper() for name, value in os.environ.items() if value}
        rows = []
        for field, info in type(self).model_fields.items():
            name = f"{PREFIX}{field.upper()}"
            source = "environment" if name in environment else ".env" if field in self.model_fields_set else "default"
            value = _display(field, getattr(self, field))
            rows.append({"name": name, "value": value, "source": source, "meaning": info.description})
        return rows

    @classmethod
    def unknown_names(cls) -> list[str]:
        """Names in the environment and in `.env` that look like settings, but are none, such as misspelt ones."""
        known = {f"{PREFIX}{field.upper()}" for field in cls.model_fields}
        names = {*os.environ, *(name.upper() for name in DotEnvSettingsSource(cls).env_vars)}
        return sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known)

    @classmethod
    def find_similar_name(cls, name: str) -> str | None:
        """The name of a setting that an unknown name may be a misspelling of."""
        known = [field.upper() for field in cls.model_fields]
        matches = get_close_matches(name.upper().removeprefix(PREFIX), known, n=1, cutoff=0.7)
        return f"{PREFIX}{matches[0]}" if matches else None

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'earshot.db'}"

    @cached_property
    def database_password(self) -> str | None:
        """The content of the password file, if one is set. Raises InvalidSettings."""
        if self.database_password_file is None:
            return None
        try:
            return self.database_password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidSettings(
                f"EARSHOT_DATABASE_PASSWORD_FILE={self.database_password_file} can't be read ({_reason(error)})",
                "name a text file that this user can read",
            ) from None

    @cached_property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose forwarded headers are trusted."""
        return tuple(ip_network(part, strict=False) for part in self.trusted_proxies)

    @property
    def has_secret(self) -> bool:
        """Whether the server's secret exists."""
        return self.secret_key is not None or (self.data_dir / SECRET_FILE).exists()

    @cached_property
    def secret(self) -> bytes:
        """The server's secret, generated at the first call and stored with mode 600. Raises InvalidSettings."""
        if self.secret_key is not None:
            return self.secret_key.encode()
        path = self.data_dir / SECRET_FILE
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                _write_once(path, secrets.token_hex(32))
            secret = path.read_text(encoding="utf-8").strip().encode()
        except OSError as error:
            raise InvalidSettings(
                f"the secret {path.absolute()} can't be read or created ({error.strerror})",
                "make this user its owner, with mode 600, and check that the disk has space",
            ) from None
        except UnicodeDecodeError:
            raise InvalidSettings(f"the secret {path.absolute()} is damaged", _RESTORE) from None
        if not secret:
            # Anyone could make valid signatures with an empty secret.
            raise InvalidSettings(f"the secret {path.absolute()} is empty", _RESTORE)
        return secret


_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{0,2})?(.*)", re.DOTALL)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f\\\s]")
_NO_URL: Final = re.compile(r"""[\x00-\x20\x7f\\\s"'<>^`{|}]""")
"""Characters that URL parsers drop, or replace by another one."""
_IN_QUERY: Final = re.compile(r"(?i)([?&][^=&]*(?:password|secret|token|key)[^=&]*=)[^&]*")


def mask_secrets(url: str) -> str:
    """The URL with its passwords and keys replaced by `***`; an invalid URL, too."""
    scheme, rest = _SCHEME.fullmatch(_IN_QUERY.sub(r"\1***", url)).groups()  # type: ignore[union-attr]
    userinfo, at, location = rest.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    return f"{scheme or ''}{user}{colon and ':***'}{at}{location}"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not text in UTF-8"


def _invalid(field: str, value: Any, problem: Problem, *, option: bool) -> InvalidSettings:
    """The error of one setting, with its value and the place where it is set."""
    name = f"{PREFIX}{field.upper()}"
    in_environment = name in {each.upper() for each in os.environ}
    place = f"--{field.replace('_', '-')}" if option else "the environment" if in_environment else "the file .env"
    return InvalidSettings(f"{name}={_shorten(field, value)} (from {place}): {problem.state}", problem.remedy)


def _shorten(field: str, value: Any) -> str:
    """An invalid value for a message: in one line, without secrets."""
    text = _display(field, value) or ""
    if field in URL_FIELDS and "?" in text:
        # An invalid query may contain the end of a password.
        text = f"{text.partition('?')[0]}?…"
    # Bytes of the environment that are not UTF-8 can't be printed.
    text = " ".join(text.encode(errors="backslashreplace").decode().split())
    return text if len(text) <= MAX_SHOWN_LENGTH else f"{text[:MAX_SHOWN_LENGTH]}…"


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


def _display(field: str, value: Any) -> str | None:
    if value is None:
        return None
    if field in SECRET_FIELDS:
        return "***"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value) or None
    return mask_secrets(str(value)) if field in URL_FIELDS else str(value)


def _write_once(path: Path, text: str) -> None:
    """Write a file for its owner alone, completely or not at all, even if two processes do it at once."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(text)
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)

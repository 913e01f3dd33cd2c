"""The settings, typed, from the environment and a `.env` file, and the rule of each."""

from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from app.adapters.mailbox import Mailbox
from app.adapters.problem import InvalidValue, Problem
from app.adapters.rate_limiter import RateLimit
from app.domain.errors import ValidationFailed
from app.domain.plain_text import MAX_LINE, parse_line
from app.domain.users.emails import MAX_EMAIL, parse_email
from app.settings import names, urls
from app.settings.display import display
from app.settings.env_file import ENV_FILE, check_env_file, describe_unreadable_file
from app.settings.errors import InvalidSettings, describe_type_error, invalid_setting, reason
from app.settings.secret_file import SECRET_FILE, read_or_create_secret

MIN_SECRET_LENGTH: Final = 32
MAX_CONNECTIONS_PER_IP: Final = 100_000


class Settings(BaseSettings):
    """The settings of one server. Field `x` is read from `EARSHOT_X`."""

    model_config = SettingsConfigDict(
        env_prefix=names.PREFIX, env_file=ENV_FILE, extra="ignore", env_ignore_empty=True, validate_default=False
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
    base_url: str | None = Field(None, description="public URL, for links; unset: from the request, but not in mail")
    smtp_url: str | None = Field(
        None, description="mail server: smtp://user:password@host:587; unset: no email is sent"
    )
    mail_from: str | None = Field(None, description="sender of emails: an address, or Name <address>")
    default_dialect: Literal["productlift", "astuto"] = Field(
        "productlift", description="the API that rejects a request without a key"
    )
    rate_limits: bool = Field(True, description="on or off")
    limit_productlift: str = Field("60/minute", description="requests per key, without one per address")
    limit_astuto_key: str = Field("100/5minutes", description="requests per key")
    limit_astuto_ip: str = Field("100/5minutes", description="requests per address")
    limit_pages: str = Field("300/5minutes", description="requests per address to pages, files and documents")
    limit_actions: str = Field("120/5minutes", description="forms per browser, such as votes, posts and comments")
    limit_actions_ip: str = Field("600/5minutes", description="these forms per address")
    limit_public_json: str = Field("60/minute", description="requests per address to the public JSON, without a key")
    connections_per_ip: int | Literal["off"] = Field(
        256, description="maximum connections per address and process, or off; trusted proxies have no limit"
    )
    forwarded_host: bool = Field(False, description="whether X-Forwarded-Host of a trusted proxy selects the portal")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks, separated by commas"
    )
    outbound_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks that may be called although they are not public, separated by commas"
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
    outbox: bool = Field(True, description="on or off: whether the server itself sends mail and webhook calls")
    outbox_keep_days: int = Field(
        30, ge=1, le=3650, description="days that sent mail and webhook calls, and the events before them, are kept"
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
        check_env_file()
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            raise cls._explain(error.errors()[0], options) from None
        except (OSError, UnicodeDecodeError) as error:
            # Of a named pipe, which is not read before.
            raise describe_unreadable_file(Path(ENV_FILE).absolute(), error) from None

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
        return invalid_setting(field, error["input"], problem, option=options.get(field) is not None)

    def invalid(self, field: str, problem: Problem) -> InvalidSettings:
        """The error of a setting whose value only another module can check."""
        return invalid_setting(field, getattr(self, field), problem, option=False)

    @field_validator("*", mode="before")
    @classmethod
    def _check_characters(cls, value: Any) -> Any:
        if isinstance(value, str) and "\0" in value:
            raise InvalidValue("has a NUL character", "write the value again")
        return value

    @field_validator("trusted_proxies", "outbound_allow", mode="before")
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

    @field_validator("rate_limits", "forwarded_host", "log_client_ip", "outbox", mode="before")
    @classmethod
    def _check_switch(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lower() not in ("on", "off", "true", "false", "1", "0", "yes", "no"):
            raise InvalidValue("must be on or off", "write on or off")
        return value

    @field_validator(
        "limit_productlift",
        "limit_astuto_key",
        "limit_astuto_ip",
        "limit_pages",
        "limit_actions",
        "limit_actions_ip",
        "limit_public_json",
    )
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

    _check_base_url = field_validator("base_url")(urls.check_base_url)
    _check_database_url = field_validator("database_url")(urls.check_database_url)
    _check_redis_url = field_validator("redis_url")(urls.check_redis_url)
    _check_smtp_url = field_validator("smtp_url")(urls.check_smtp_url)
    _check_otlp_url = field_validator("otlp_url")(urls.check_otlp_url)

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str) -> str:
        try:
            Mailbox.parse(value)
        except ValidationFailed:
            raise InvalidValue(
                "must be an e-mail address, or a name and an address in angle brackets",
                "write it as feedback@example.com, or as Feedback <feedback@example.com>",
            ) from None
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
    def _check_sender(self) -> "Settings":
        if self.smtp_url is not None and self.mail_from is None:
            raise InvalidValue(
                "EARSHOT_SMTP_URL needs EARSHOT_MAIL_FROM, the sender of the emails",
                "set EARSHOT_MAIL_FROM to an address that the mail server accepts, such as feedback@example.com",
            )
        return self

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
        rows = []
        for field, info in type(self).model_fields.items():
            in_environment = names.is_in_environment(field, even_if_empty=False)
            source = "environment" if in_environment else ".env" if field in self.model_fields_set else "default"
            value = display(field, getattr(self, field))
            rows.append(
                {"name": names.variable_name(field), "value": value, "source": source, "meaning": info.description}
            )
        return rows

    @classmethod
    def unknown_names(cls) -> list[str]:
        """Names in the environment and in `.env` that look like settings, but are none, such as misspelt ones."""
        in_file = [name.upper() for name in DotEnvSettingsSource(cls).env_vars]
        return names.find_unknown(in_file, cls.model_fields)

    @classmethod
    def find_similar_name(cls, name: str) -> str | None:
        """The name of a setting that an unknown name may be a misspelling of."""
        return names.find_similar(name, cls.model_fields)

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
                f"EARSHOT_DATABASE_PASSWORD_FILE={self.database_password_file} can't be read ({reason(error)})",
                "name a text file that this user can read",
            ) from None

    @property
    def sender(self) -> Mailbox | None:
        """The sender of emails."""
        return None if self.mail_from is None else Mailbox.parse(self.mail_from)

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Host and port of the metrics; None if none are served."""
        if self.metrics_port is None:
            return None
        return self.host if self.metrics_host is None else self.metrics_host, self.metrics_port

    @cached_property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks whose forwarded headers are trusted."""
        return tuple(ip_network(part, strict=False) for part in self.trusted_proxies)

    @cached_property
    def outbound_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks that may be called although they are not public."""
        return tuple(ip_network(part, strict=False) for part in self.outbound_allow)

    @property
    def has_secret(self) -> bool:
        """Whether the server's secret exists."""
        return self.secret_key is not None or (self.data_dir / SECRET_FILE).exists()

    @cached_property
    def secret(self) -> bytes:
        """The server's secret, generated at the first call and stored with mode 600. Raises InvalidSettings."""
        if self.secret_key is not None:
            return self.secret_key.encode()
        return read_or_create_secret(self.data_dir / SECRET_FILE)

"""The address of a mail server, as a URL: where it listens, how the connection is encrypted, and who logs in."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from app.adapters.problem import InvalidValue

Tls = Literal["implicit", "required", "optional", "off"]
"""`implicit`: from the first byte. `required`, `optional`, `off`: by STARTTLS."""

MODES: Final[tuple[Tls, ...]] = ("required", "optional", "off")
IMPLICIT_TLS_PORT: Final = 465
SUBMISSION_PORT: Final = 587
RELAY_PORT: Final = 25
_EXAMPLE: Final = "write it as smtp://user:password@host:587 or smtps://user:password@host"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server that accepts emails."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, so that nobody on the network can read what is sent to it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """Parse `smtp://[user:password@]host[:port][?starttls=required|optional|off]`, or the same with `smtps://`.

        The default port is 465 with smtps, else 587 with a user and 25 without one. The default of `starttls` is
        `required` if a password goes over the network, else `optional`. Host and port must be parseable. Raises
        InvalidValue.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise InvalidValue("must begin with smtp:// or smtps://, and have a host", _EXAMPLE)
        if parts.path not in ("", "/") or parts.fragment:
            raise InvalidValue("must end with its host and port, or with ?starttls=…", _EXAMPLE)
        user, password = parts.username, parts.password
        if bool(user) != bool(password):
            raise InvalidValue("has only one of user and password", "write both, or none of them")
        port = IMPLICIT_TLS_PORT if parts.scheme == "smtps" else SUBMISSION_PORT if user else RELAY_PORT
        server = cls(
            parts.hostname,
            parts.port or port,
            "implicit" if parts.scheme == "smtps" else "optional",
            unquote(user) if user else None,
            unquote(password) if password else None,
        )
        return server._with_starttls(parts.query)

    def _with_starttls(self, query: str) -> "SmtpServer":
        try:
            options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
        except ValueError:
            options = {"": ""}
        mode = next((known for known in MODES if known == options.get("starttls")), None)
        if options and (options.keys() != {"starttls"} or mode is None):
            raise InvalidValue(
                "may have starttls=required, optional or off after the question mark, and nothing else",
                "remove the rest, or write it as smtp://host:587?starttls=required",
            )
        if self.tls == "implicit":
            if mode is not None:
                raise InvalidValue(
                    "is encrypted from its first byte, so it can't have starttls",
                    "remove ?starttls=…, or write smtp://",
                )
            return self
        is_exposed = self.password is not None and not self.is_local
        if is_exposed and mode in ("optional", "off"):
            raise InvalidValue(
                "would send the password over the network without encryption",
                "write ?starttls=required or smtps://, or remove user and password",
            )
        return SmtpServer(
            self.host, self.port, mode or ("required" if is_exposed else "optional"), self.user, self.password
        )

"""What a start prints."""

import shlex
from typing import Final

from app.adapters.rate_limiter import RateLimit
from app.adapters.smtp_server import SmtpServer
from app.backends import open_database
from app.domain.portals.bootstrap import FirstPortal
from app.public_url import SIGN_IN_LINK
from app.server.startup import program_version
from app.settings import Settings, mask_secrets

NAMES: Final = {"productlift": "ProductLift", "astuto": "Astuto"}


def first_start_banner(portal: FirstPortal | None, address: str, *, base_url: str, demo: bool) -> str:
    """The keys, a request in each dialect, and a link to sign in, if the start created a portal.

    Else a notice if `--demo` was ignored. `base_url` is that of the link.
    """
    if portal is None:
        return "" if not demo else "--demo is ignored: the database has data already, which is not changed.\n"
    lines = [
        f"This is a new portal, owned by {portal.owner_email}. Its two keys are shown now and never again:",
        *(f"  {NAMES[dialect]:<12} {key}" for dialect, key in portal.keys.items()),
        "Try them:",
        *(_format_request(key, address) for key in portal.keys.values()),
        "Sign in as its owner, once, in the next 15 minutes (later: earshot users sign-in-link EMAIL):",
        f"  {base_url}{SIGN_IN_LINK}?token={portal.sign_in_token}",
        "Other commands: earshot --help lists them; in a checkout type ./manage earshot --help",
        "",
    ]
    return "\n".join(lines) + "\n"


def _format_request(key: str, address: str) -> str:
    """A command for a shell that lists the posts with this key."""
    return f"  curl -H {shlex.quote(f'Authorization: Bearer {key}')} {shlex.quote(f'{address}/api/v1/posts')}"


def startup_banner(settings: Settings, address: str, *, redis: bool | None, metrics: str | None = None) -> str:
    """What every start prints: addresses, database, data directory, mail server, limits, and problems."""
    everywhere = settings.host in ("", "0.0.0.0", "::")  # noqa: S104
    rows = [
        ("address", f"{address}  (interactive documents: {address}/docs)"),
        *([("listens", "on all addresses of this machine")] if everywhere else []),
        *([("public", settings.base_url)] if settings.base_url else []),
        ("database", open_database(settings).describe()),
        ("data", f"{settings.data_dir.absolute()}"),
        ("uploads", mask_secrets(settings.storage_url) if settings.storage_url else "in the data directory"),
        ("mail", _mail(settings)),
        *([] if settings.outbox else [("outbox", "off (EARSHOT_OUTBOX); `earshot outbox run` delivers")]),
        ("limits", _limits(settings)),
        *([("Redis", "does not answer; until it does, each process counts separately")] if redis is False else []),
        *([("metrics", metrics)] if metrics else []),
        ("processes", str(settings.workers)),
    ]
    return f"Earshot {program_version()}\n" + "".join(f"  {name:<10} {value}\n" for name, value in rows)


def _mail(settings: Settings) -> str:
    if settings.smtp_url is None or settings.sender is None:
        return "not configured, emails stay queued (EARSHOT_SMTP_URL)"
    return f"{SmtpServer.parse(settings.smtp_url).place}, from {settings.sender.address}"


def _limits(settings: Settings) -> str:
    if not settings.rate_limits:
        return "off (EARSHOT_RATE_LIMITS)"
    where = "in Redis" if settings.redis_url else "in this process"
    return (
        f"ProductLift {_limit_of(settings.limit_productlift)} a key; "
        f"Astuto {_limit_of(settings.limit_astuto_key)} a key, {_limit_of(settings.limit_astuto_ip)} an address; "
        f"counted {where}"
    )


def _limit_of(text: str) -> str:
    limit = RateLimit.parse(text)
    return "without limit" if limit is None else f"{limit.limit} in {limit.seconds} s"

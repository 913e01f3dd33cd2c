"""Which channels the settings let a worker deliver."""

from app.settings import Settings


def channels_of(settings: Settings) -> tuple[str, ...]:
    """`webhook` always, and `email` where a mail server is set."""
    return ("webhook",) if settings.smtp_url is None else ("webhook", "email")

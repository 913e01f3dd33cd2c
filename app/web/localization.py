"""Dates and numbers as readers of a language write them."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from app.domain.sql.timestamps import Timestamp, to_datetime


def localized_filters(language: str) -> dict[str, Callable[..., str]]:
    """The filters of this language.

    They are `local_day` ("3 May 2026"), `local_month` ("May 2026"), `ago` ("2 hours ago"), with the present time as its
    argument, and `number` ("1,204").
    """
    # Only pages of portals need it, and it takes a twentieth of a second to import.
    from babel import Locale
    from babel.dates import format_date, format_skeleton, format_timedelta
    from babel.numbers import format_decimal

    locale = Locale.parse(language, sep="-")

    @lru_cache(4096)
    def local_day(timestamp: Timestamp) -> str:
        return format_date(to_datetime(timestamp), "long", locale)

    @lru_cache(512)
    def local_month(timestamp: Timestamp) -> str:
        return format_skeleton("yMMMM", to_datetime(timestamp), locale=locale)

    def ago(timestamp: Timestamp, now: datetime) -> str:
        return format_timedelta(to_datetime(timestamp) - now, add_direction=True, locale=locale)

    def number(value: int) -> str:
        return str(value) if value < 1000 else format_decimal(value, locale=locale)

    return {"local_day": local_day, "local_month": local_month, "ago": ago, "number": number}


def find_language_name(language: str) -> str:
    """The name of a language in itself, such as `Deutsch`; the text as it is, if it is none."""
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(language, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        return language
    return name[:1].upper() + name[1:] if name else language

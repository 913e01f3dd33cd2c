"""Moments as the database hands them over, and their two printed forms.

PostgreSQL's driver gives an aware datetime, SQLite's the stored text `YYYY-MM-DD HH:MM:SS.ffffff`; both are UTC.
Lists print a hundred of them, so neither is converted into the other first.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

Moment: TypeAlias = datetime | str


def stored(moment: datetime) -> str:
    """The text that SQLite keeps; texts sort as their moments do."""
    return moment.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def parsed(moment: Moment) -> datetime:
    """The moment as an aware datetime, for the rare rule that calculates with it."""
    if isinstance(moment, str):
        return datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def millis(moment: Moment) -> str:
    """`2026-01-12T09:30:00.123Z`: cut to milliseconds, never rounded."""
    if type(moment) is str:
        return f"{moment[:10]}T{moment[11:23]}Z"
    return _utc(moment).isoformat("T", "milliseconds")[:23] + "Z"


def seconds(moment: Moment) -> str:
    """`2026-01-12T09:30:00Z`: cut to whole seconds."""
    if type(moment) is str:
        return f"{moment[:10]}T{moment[11:19]}Z"
    return _utc(moment).isoformat("T", "seconds")[:19] + "Z"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day(moment: Moment) -> str:
    """`16 May 2023`: day without a leading zero, English short month, year."""
    return _day(moment[:10] if type(moment) is str else _utc(moment).date().isoformat())


@lru_cache(1024)
def _day(date: str) -> str:
    # The posts of a list share a few days.
    year, month, day_of_month = date.split("-")
    return f"{int(day_of_month)} {_MONTHS[int(month) - 1]} {year}"


def _utc(moment: datetime | str) -> datetime:
    assert isinstance(moment, datetime)
    # asyncpg already answers in UTC, and always in the same one.
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)

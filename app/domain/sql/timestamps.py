"""Timestamps as the drivers return them, and their formats.

PostgreSQL's driver returns an aware datetime, SQLite's the stored text `YYYY-MM-DD HH:MM:SS.ffffff`; both are UTC.
A list formats a hundred of them, many of the same boards, statuses and users. So results are cached, and each form is
formatted directly, without a conversion into the other.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

Timestamp: TypeAlias = datetime | str


def to_sqlite(timestamp: datetime) -> str:
    """The text that SQLite stores; texts sort by time."""
    return timestamp.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def to_datetime(timestamp: Timestamp) -> datetime:
    """The timestamp as an aware datetime, for rules that calculate with it."""
    if isinstance(timestamp, str):
        return datetime.fromisoformat(timestamp).replace(tzinfo=UTC)
    return timestamp.astimezone(UTC)


def parse_json_time(text: str) -> datetime:
    """A time as either database writes it in JSON, as an aware datetime."""
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


@lru_cache(4096)
def format_millis(timestamp: Timestamp) -> str:
    """`2026-01-12T09:30:00.123Z`: cut to milliseconds, never rounded."""
    if type(timestamp) is str:
        return f"{timestamp[:10]}T{timestamp[11:23]}Z"
    return _to_utc(timestamp).isoformat("T", "milliseconds")[:23] + "Z"


def format_micros(timestamp: Timestamp) -> str:
    """`2026-01-12T09:30:00.123456Z`."""
    return to_datetime(timestamp).isoformat("T", "microseconds")[:26] + "Z"


@lru_cache(4096)
def format_seconds(timestamp: Timestamp) -> str:
    """`2026-01-12T09:30:00Z`: cut to whole seconds."""
    if type(timestamp) is str:
        return f"{timestamp[:10]}T{timestamp[11:19]}Z"
    return _to_utc(timestamp).isoformat("T", "seconds")[:19] + "Z"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(4096)
def format_day(timestamp: Timestamp) -> str:
    """`16 May 2023`: day without a leading zero, English short month, year."""
    date = timestamp[:10] if type(timestamp) is str else _to_utc(timestamp).date().isoformat()
    year, month, day_of_month = date.split("-")
    return f"{int(day_of_month)} {_MONTHS[int(month) - 1]} {year}"


def _to_utc(timestamp: Timestamp) -> datetime:
    assert isinstance(timestamp, datetime)
    # asyncpg returns UTC already, and always the same object.
    return timestamp if timestamp.tzinfo is UTC else timestamp.astimezone(UTC)

"""When digests and staff summaries are sent: at 15:00 UTC, weekly ones on Mondays, monthly ones on the first."""

from datetime import datetime, timedelta
from typing import Final, Literal

SEND_HOUR: Final = 15
_MONDAY: Final = 0


def next_digest(cadence: Literal["daily", "weekly"], now: datetime) -> datetime:
    """The time of the next digest after `now`, which is UTC."""
    due_at = _send_time(now)
    if due_at <= now:
        due_at += timedelta(days=1)
    if cadence == "weekly":
        due_at += timedelta(days=(_MONDAY - due_at.weekday()) % 7)
    return due_at


def recap_period(frequency: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Begin and end of the period that the summary of this day is about; None before 15:00 UTC or on other days."""
    end = _send_time(now)
    if now < end:
        return None
    if frequency == "daily":
        return end - timedelta(days=1), end
    if frequency == "weekly" and end.weekday() == _MONDAY:
        return end - timedelta(days=7), end
    if frequency == "monthly" and end.day == 1:
        return (end - timedelta(days=1)).replace(day=1), end
    return None


def _send_time(now: datetime) -> datetime:
    return now.replace(hour=SEND_HOUR, minute=0, second=0, microsecond=0)

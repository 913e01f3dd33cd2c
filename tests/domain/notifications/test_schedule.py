"""The times of digests and staff summaries."""

from datetime import UTC, datetime

import pytest

from app.domain.notifications.schedule import next_digest, recap_period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-30 is a Monday.
@pytest.mark.parametrize(
    ("now", "daily", "weekly"),
    [
        ("2026-11-28 14:59:59.999999", "2026-11-28 15:00", "2026-11-30 15:00"),
        ("2026-11-28 15:00", "2026-11-29 15:00", "2026-11-30 15:00"),
        ("2026-11-30 14:59", "2026-11-30 15:00", "2026-11-30 15:00"),
        ("2026-11-30 15:00", "2026-12-01 15:00", "2026-12-07 15:00"),
        ("2026-12-31 23:59", "2027-01-01 15:00", "2027-01-04 15:00"),
    ],
)
def test_a_digest_is_due_at_the_next_15_00_utc_or_the_next_such_monday(now: str, daily: str, weekly: str) -> None:
    assert next_digest("daily", at(now)) == at(daily)
    assert next_digest("weekly", at(now)) == at(weekly)


@pytest.mark.parametrize(
    ("now", "periods"),
    [
        ("2026-11-28 14:59", {}),
        ("2026-11-28 15:00", {"daily": "2026-11-27 15:00"}),
        ("2026-11-28 23:59", {"daily": "2026-11-27 15:00"}),
        ("2026-11-29 00:00", {}),
        ("2026-11-30 14:59", {}),
        ("2026-11-30 15:00", {"daily": "2026-11-29 15:00", "weekly": "2026-11-23 15:00"}),
        ("2026-12-01 15:00", {"daily": "2026-11-30 15:00", "monthly": "2026-11-01 15:00"}),
        ("2027-01-01 15:00", {"daily": "2026-12-31 15:00", "monthly": "2026-12-01 15:00"}),
        (
            "2027-02-01 20:00",
            {"daily": "2027-01-31 15:00", "weekly": "2027-01-25 15:00", "monthly": "2027-01-01 15:00"},
        ),
        ("2028-03-01 15:00", {"daily": "2028-02-29 15:00", "monthly": "2028-02-01 15:00"}),
    ],
)
def test_a_summary_is_due_from_15_00_utc_until_the_end_of_its_day(now: str, periods: dict[str, str]) -> None:
    end = at(now[:10] + " 15:00")

    for frequency in ("never", "daily", "weekly", "monthly"):
        expected = (at(periods[frequency]), end) if frequency in periods else None
        assert recap_period(frequency, at(now)) == expected

"""When a failed delivery is tried again."""

from itertools import pairwise

import pytest

from app.outbox.retries import MAX_ATTEMPTS, MAX_DELAY_SECONDS, choose_delay


def test_delays_grow_from_a_minute_to_half_a_day() -> None:
    delays = [[choose_delay(attempts) or 0.0 for _ in range(200)] for attempts in range(1, MAX_ATTEMPTS)]

    assert 60 <= min(delays[0]) < max(delays[0]) <= 120
    assert all(max(earlier) <= min(later) + 60 for earlier, later in pairwise(delays))
    assert max(delays[-1]) <= MAX_DELAY_SECONDS == 12 * 3600
    assert all(len(set(each)) > 100 for each in delays)
    assert choose_delay(MAX_ATTEMPTS) is None


@pytest.mark.parametrize(
    ("seconds", "shortest", "longest"), [(5, 60, 120), (7200, 7200, 7200), (10**9, 43200, 43200), (None, 60, 120)]
)
def test_the_receiver_may_ask_for_a_longer_delay(seconds: float | None, shortest: float, longest: float) -> None:
    delay = choose_delay(1, retry_after_seconds=seconds)

    assert delay is not None
    assert shortest <= delay <= longest

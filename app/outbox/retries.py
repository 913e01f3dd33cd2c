"""When a failed delivery is tried again: ten attempts over two days."""

from typing import Final

from tenacity import RetryCallState, wait_exponential, wait_random

MAX_ATTEMPTS: Final = 10
MIN_DELAY_SECONDS: Final = 60
MAX_DELAY_SECONDS: Final = 12 * 3600
_JITTER_SECONDS: Final = 60
"""Deliveries that failed together, as when a receiver was restarted, are not repeated all at the same time."""

_wait: Final = wait_exponential(
    multiplier=MIN_DELAY_SECONDS, exp_base=4, max=MAX_DELAY_SECONDS - _JITTER_SECONDS
) + wait_random(0, _JITTER_SECONDS)


def choose_delay(attempts: int, *, retry_after_seconds: float | None = None) -> float | None:
    """Seconds until the next attempt, after so many failed ones; None if there is none.

    `retry_after_seconds`: what the receiver asked for. It is respected up to MAX_DELAY_SECONDS.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    state.attempt_number = attempts
    return max(_wait(state), min(retry_after_seconds or 0, MAX_DELAY_SECONDS))

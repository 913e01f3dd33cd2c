"""Values that a browser keeps for the server."""

from datetime import timedelta

import pytest

from app.adapters.sealed_values import SealedValues
from tests.conftest import TestClock

HOUR = timedelta(hours=1)


@pytest.fixture
def values(clock: TestClock) -> SealedValues:
    return SealedValues(b"a secret", clock=clock)


def test_a_value_is_read_by_its_purpose_and_portal_alone(values: SealedValues) -> None:
    sealed = values.seal("draft", 1, {"title": "Dark mode 🙂"})

    opened = values.open("draft", 1, sealed, max_age=HOUR)

    assert opened is not None
    assert opened.content == {"title": "Dark mode 🙂"}
    assert values.open("picture", 1, sealed, max_age=HOUR) is None
    assert values.open("draft", 2, sealed, max_age=HOUR) is None
    assert "Dark" not in sealed


def test_the_age_is_that_of_the_servers_clock(values: SealedValues, clock: TestClock) -> None:
    clock.set(clock())
    sealed = values.seal("draft", 1, None)

    clock.advance(hours=1)
    at_the_end = values.open("draft", 1, sealed, max_age=HOUR)
    clock.advance(seconds=1)

    assert at_the_end is not None
    assert at_the_end.age == HOUR
    assert values.open("draft", 1, sealed, max_age=HOUR) is None


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "é", "\ud800"])
def test_anything_else_is_not_read(values: SealedValues, clock: TestClock, sealed: str) -> None:
    of_another_server = SealedValues(b"another secret", clock=clock).seal("draft", 1, None)

    assert values.open("draft", 1, sealed, max_age=HOUR) is None
    assert values.open("draft", 1, of_another_server, max_age=HOUR) is None

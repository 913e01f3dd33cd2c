"""Counting what is served, for Prometheus: noting a request costs well under a microsecond. Nothing here is rendered.

The numbers of a process lie in memory that is shared with the processes forked from the same parent. So whichever of
them is asked knows the sum, nobody is interrupted for it, and what a worker counted outlives it: its successor goes
on where it ended, and no counter ever falls.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.http.request import ApiResponse, RequestContext, RequestObserver

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes of duration, in seconds; one more class is for what took longer."""
NUMBERS: Final = (
    "redis_fallbacks",
    "connections_max",
    "connections_open",
    "connections_in_use",
    "connections_waiting",
    "wal_bytes",
)
"""What a process tells of besides its requests."""
VERBS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
"""Stands for verbs that no route knows, and for everything once there is no room for more."""
NO_ROUTE: Final = "(no route)"

MAX_SERIES: Final = 2048
"""More than there are routes times statuses; the two interfaces use some hundred."""
_SUM: Final = len(BOUNDS) + 1
_ROW: Final = _SUM + 1
"""Numbers in a row: one for each class, and the sum of seconds."""
_LABEL: Final = 128
"""Bytes for a row's labels, the first of which says how many follow."""
_HEAD: Final = 1 + len(NUMBERS)
_WIDTH: Final = 8

Labels = tuple[str, str, str, int]
"""Dialect, verb, route as declared, status."""


@dataclass(frozen=True, slots=True)
class Series:
    """The requests that have the same labels: how many fell in each class of duration, and their seconds together."""

    labels: Labels
    classes: tuple[float, ...]
    seconds: float


class SharedMetrics:
    """One process's numbers. Made before the process is forked; written by that process alone, read by all."""

    def __init__(self) -> None:
        numbers = (_HEAD + MAX_SERIES * _ROW) * _WIDTH
        memory = memoryview(mmap.mmap(-1, numbers + MAX_SERIES * _LABEL))
        self._numbers = memory[:numbers].cast("d")
        self._texts = memory[numbers:]
        self._rows: dict[Labels, int] = {}
        """Where the numbers of these labels begin."""

    def for_dialect(self, dialect: str) -> RequestObserver:
        """What a dialect's door calls after each request."""
        rows, numbers = self._rows, self._numbers

        def note(request: RequestContext, response: ApiResponse, seconds: float) -> None:
            labels = (dialect, request.method, request.route_path, response[0])
            row = rows.get(labels)
            if row is None:
                row = self._row(labels)
            numbers[row + bisect_left(BOUNDS, seconds)] += 1.0
            numbers[row + _SUM] += seconds

        return note

    def attach(self) -> None:
        """Go on where the process ended that wrote here before; called by each process that is to write."""
        self._rows.clear()
        for place, labels in enumerate(self._labels()):
            self._rows[labels] = _HEAD + place * _ROW

    def set_gauge(self, name: str, value: float) -> None:
        """Tell how much of something there is now."""
        self._numbers[1 + NUMBERS.index(name)] = value

    def increment(self, name: str, more: float) -> None:
        """Tell that something happened again."""
        self._numbers[1 + NUMBERS.index(name)] += more

    def get(self, name: str) -> float:
        """What was told last."""
        return self._numbers[1 + NUMBERS.index(name)]

    def series(self) -> Iterator[Series]:
        """All that was noted."""
        for place, labels in enumerate(self._labels()):
            row = _HEAD + place * _ROW
            told = self._numbers[row : row + _ROW].tolist()
            yield Series(labels, tuple(told[:_SUM]), told[_SUM])

    def _labels(self) -> list[Labels]:
        found: list[Labels] = []
        for at in range(0, int(self._numbers[0]) * _LABEL, _LABEL):
            text = bytes(self._texts[at + 1 : at + 1 + self._texts[at]]).decode()
            dialect, verb, route, status = text.split("\n")
            found.append((dialect, verb, route, int(status)))
        return found

    def _row(self, labels: Labels) -> int:
        dialect, verb, route, status = labels
        if verb not in VERBS:
            # Not remembered under the name that a client invented: those have no end.
            return self._known((dialect, OTHER, route, status))
        return self._known(labels)

    def _known(self, labels: Labels) -> int:
        row = self._rows.get(labels)
        if row is not None:
            return row
        place = int(self._numbers[0])
        text = "\n".join(map(str, labels)).encode()
        if place >= MAX_SERIES - 1 or len(text) >= _LABEL:
            labels = (OTHER, OTHER, OTHER, 0)
            row = self._rows.get(labels)
            if row is not None:
                return row
            text = "\n".join(map(str, labels)).encode()
        at = place * _LABEL
        self._texts[at] = len(text)
        self._texts[at + 1 : at + 1 + len(text)] = text
        self._rows[labels] = row = _HEAD + place * _ROW
        # Last, so that whoever reads at this moment finds no row without its labels.
        self._numbers[0] = place + 1
        return row

"""A serving Earshot that watches itself: which part of the house it is in, a thousand times a second of its own work.

    python bench/profile.py FILE [options of `earshot serve`]

serves, and at each SIGUSR1 writes into FILE what it has seen since the last one: samples by part, as JSON. Time in C
counts for the function that called it, so a statement's is the database's. What PostgreSQL itself does is not seen.
"""

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Final

INTERVAL: Final = 0.001

REST: Final = "HTTP and loop"
PARTS: Final = (
    ("uvicorn", REST),
    ("app/serving", REST),
    ("app/domain/moments", "shaping and encoding"),
    ("app/api/productlift/shapes", "shaping and encoding"),
    ("app/api/astuto/shapes", "shaping and encoding"),
    ("app/api/productlift/answers", "shaping and encoding"),
    ("app/adapters/database", "statements"),
    ("asyncpg", "statements"),
    ("sqlite3", "statements"),
    ("app/domain/keys", "key"),
    ("app/api/admissions", "key"),
    ("app/adapters/limiter", "limits and headers"),
    ("app/api/productlift/house", "limits and headers"),
    ("app/api/astuto/house", "limits and headers"),
    ("app/domain", "rules"),
    ("app/api/body", "input"),
    ("app/api/astuto/nesting", "input"),
    ("app/api/astuto/manners", "input"),
    ("app/api/astuto/inputs", "input"),
    ("app/api/productlift/manners", "input"),
    ("app/api/productlift/rules", "input"),
    ("app/api/productlift/kinds", "input"),
    ("app/api/astuto", "endpoint and encoding"),
    ("app/api/productlift", "endpoint and encoding"),
    ("app/api", "door and route"),
    ("app/logs", "log"),
    ("app/behind", "jobs behind requests"),
    ("concurrent/futures", "jobs behind requests"),
)
"""The first that occurs in the file's name tells the part. The innermost frame that has one counts."""

seen: Counter[str] = Counter()


def part_of(frame: FrameType | None) -> str:
    """The part of the house that a frame, or the nearest of its callers that belongs to one, is in."""
    while frame is not None:
        name = frame.f_code.co_filename
        for fragment, part in PARTS:
            if fragment in name:
                return part
        frame = frame.f_back
    return REST


def _sample(_: int, frame: FrameType | None) -> None:
    seen[part_of(frame)] += 1


def main() -> None:
    """Serve, watching."""
    told = Path(sys.argv[1])

    def tell(_: int, __: FrameType | None) -> None:
        unfinished = told.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(seen))
        unfinished.rename(told)
        seen.clear()

    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, tell)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    from app.cli import main as earshot

    sys.argv = ["earshot", "serve", *sys.argv[2:]]
    earshot()


if __name__ == "__main__":
    main()

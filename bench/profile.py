"""A server that profiles itself: it samples the current part of the code a thousand times in each second of CPU time.

    python bench/profile.py FILE [options of `earshot serve`]

serves, and at each SIGUSR1 writes the samples since the last one into FILE, by part, as JSON. Time in C counts for the
function that called it, so that a statement counts for the database. The work of PostgreSQL itself is not included.
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
    ("app/server", REST),
    ("app/domain/sql/timestamps", "serializers"),
    ("app/api/productlift/serializers", "serializers"),
    ("app/api/astuto/serializers", "serializers"),
    ("app/api/productlift/responses", "serializers"),
    ("app/adapters/database", "statements"),
    ("asyncpg", "statements"),
    ("sqlite3", "statements"),
    ("app/domain/users/key_", "key"),
    ("app/api/authentication", "key"),
    ("app/adapters/rate_limiter", "limits and headers"),
    ("app/api/productlift/dialect", "limits and headers"),
    ("app/api/astuto/dialect", "limits and headers"),
    ("app/domain", "rules"),
    ("app/http/body", "input"),
    ("app/api/astuto/rack_params", "input"),
    ("app/api/astuto/params", "input"),
    ("app/api/astuto/conversions", "input"),
    ("app/api/astuto/forms", "input"),
    ("app/api/astuto/routes/inputs", "input"),
    ("app/api/productlift/params", "input"),
    ("app/api/productlift/forms", "input"),
    ("app/api/productlift/field_types", "input"),
    ("app/api/astuto", "endpoint and encoding"),
    ("app/api/productlift", "endpoint and encoding"),
    ("app/api", "dispatch and route"),
    ("app/http", "dispatch and route"),
    ("app/observability", "log"),
    ("app/background", "background jobs"),
    ("concurrent/futures", "background jobs"),
)
"""The first fragment that occurs in the file name gives the part. The innermost frame with a part counts."""

samples: Counter[str] = Counter()


def part_of(frame: FrameType | None) -> str:
    """The part of a frame, or of its nearest caller that belongs to one."""
    while frame is not None:
        name = frame.f_code.co_filename
        for fragment, part in PARTS:
            if fragment in name:
                return part
        frame = frame.f_back
    return REST


def _sample(_: int, frame: FrameType | None) -> None:
    samples[part_of(frame)] += 1


def main() -> None:
    """Serve and sample."""
    file = Path(sys.argv[1])

    def write_samples(_: int, __: FrameType | None) -> None:
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(samples))
        unfinished.rename(file)
        samples.clear()

    signal.signal(signal.SIGPROF, _sample)
    signal.signal(signal.SIGUSR1, write_samples)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    from app.cli import main as earshot

    sys.argv = ["earshot", "serve", *sys.argv[2:]]
    earshot()


if __name__ == "__main__":
    main()

"""Writes measurements into docs/performance.md, each with its command, date and machine."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENT: Final = ROOT / "docs" / "performance.md"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement. `place` is the name of its place in the document."""

    place: str
    table: str
    command: str
    amounts: str
    engine: str
    client: str

    def text(self) -> str:
        """The text in the document."""
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        where = f"{machine()}; {self.engine}; {self.client}; {commit()}; load before: {_load()}"
        return f"`{self.command}`\n\n{when}. {self.amounts}.\n{where}.\n\n{self.table}"


def machine() -> str:
    """A line about the machine."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next(
            (line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line), model
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}, {python}"


def commit() -> str:
    """The version of the source."""
    git = ["git", "-C", str(ROOT)]
    done = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run([*git, "status", "--short", "app"], capture_output=True, text=True, check=False).stdout
    return f"commit {done.stdout.strip() or 'unknown'}{' with changes' if changed.strip() else ''}"


def insert_text(document: str, place: str, text: str) -> str:
    """The document with the text in its place. Raises KeyError if the document has no such place."""
    begin, end = f"<!-- measured: {place} -->", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(document):
        raise KeyError(place)
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document, count=1)


def require(places: Iterable[str]) -> None:
    """Exit with one line, before anything is measured, if the document has no such place."""
    document = DOCUMENT.read_text(encoding="utf-8")
    for place in places:
        if f"<!-- measured: {place} -->" not in document:
            raise SystemExit(f"docs/performance.md has no place for {place!r}; add one, or omit --write")


def write(measurement: Measurement) -> None:
    """Write the measurement into the document."""
    document = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(insert_text(document, measurement.place, measurement.text()), encoding="utf-8")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"

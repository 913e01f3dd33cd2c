"""What the doctor says of one part that the server stands on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.cli.errors import error_message
from app.domain.errors import ServiceUnavailable

MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part is, and what to do when it is not well."""

    what: str
    well: bool
    state: str
    remedy: str | None = None
    fixed: bool = False
    """Whether it was wrong until just now; `state` says what was changed."""


def probe(what: str, state: str, operation: Callable[[], object], remedy: str) -> Finding:
    """Well when the act succeeds."""
    try:
        operation()
    except (OSError, ServiceUnavailable) as error:
        return Finding(what, False, error_message(error), remedy)
    return Finding(what, True, state)

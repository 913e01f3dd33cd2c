"""The result of one check."""

from collections.abc import Callable
from dataclasses import dataclass

from app.cli.errors import error_message
from app.domain.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part of the installation, and the remedy when it has a problem."""

    what: str
    well: bool
    state: str
    remedy: str | None = None
    fixed: bool = False
    """Whether this run fixed a problem; `state` says what was changed."""


def probe(what: str, state: str, operation: Callable[[], object], remedy: str) -> Finding:
    """Run the operation; when it fails, the finding has its error and the remedy."""
    try:
        operation()
    except (OSError, ServiceUnavailable) as error:
        return Finding(what, False, error_message(error), remedy)
    return Finding(what, True, state)

"""Why the domain refuses: codes and data, never sentences and never a status. Each dialect words them itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import Any


class DomainError(Exception):
    """What the domain answers instead of acting. Nothing has been written."""


@dataclass(eq=False)
class NotFound(DomainError):
    """There is no such thing in this portal, or the actor may not know of it.

    `what` is the domain's word (post, board, vote, …); `asked` is the identifier as it was given, if one was.
    """

    resource: str
    identifier: object = None


@dataclass(eq=False)
class Forbidden(DomainError):
    """The actor may not do this. `why` tells cases of one act apart."""

    permission: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: a code such as `blank`, `too_short`, `taken`, and the numbers it speaks of."""

    field: str
    code: str
    limits: Mapping[str, Any] = with_default(default_factory=dict)


@dataclass(eq=False)
class ValidationFailed(DomainError):
    """The wish contradicts the rules of the data."""

    errors: Sequence[FieldError]


@dataclass(eq=False)
class Conflict(DomainError):
    """The wish contradicts what is there: `vote.taken`, `vote.missing`, `post.not_voteable`, `post.not_pending`, …"""

    code: str


class ValueOutOfRange(DomainError):
    """A value that the database can't hold, such as a number or a text past its column. Doors should notice first."""


class ServiceUnavailable(Exception):
    """The database can't be reached, is locked, or all connections are taken. Try again later."""


class CommitUncertain(ServiceUnavailable):
    """The connection was lost while a change was being made final: it may stand or not."""


class UniqueViolation(Exception):
    """The database refused a row. `constraint` is the broken constraint's name, as the model names it."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class ForeignKeyViolation(Exception):
    """The database refused a row because what it points to is not there."""

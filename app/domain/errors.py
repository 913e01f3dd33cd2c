"""Errors of the domain: codes and data, without sentences or HTTP statuses. Each dialect writes its own messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any


class DomainError(Exception):
    """A rule rejected the operation. Nothing has been written."""


@dataclass(eq=False)
class NotFound(DomainError):
    """The portal has no such row, or the actor may not see it.

    `resource` is the domain's word (post, board, vote, …); `identifier` is the one that the caller gave, if any.
    """

    resource: str
    identifier: object = None


@dataclass(eq=False)
class Forbidden(DomainError):
    """The actor lacks the permission. `reason` distinguishes the cases of one permission."""

    permission: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One error of one field: a code such as `blank`, `too_short` or `taken`, and the limits it refers to."""

    field: str
    code: str
    limits: Mapping[str, Any] = dataclass_field(default_factory=dict)


@dataclass(eq=False)
class ValidationFailed(DomainError):
    """The input violates the rules of the data."""

    errors: Sequence[FieldError]


@dataclass(eq=False)
class Conflict(DomainError):
    """A conflict with stored data: `vote.taken`, `vote.missing`, `post.not_voteable`, `post.not_pending`, …

    `values` are the stored values that a message may name.
    """

    code: str
    values: Mapping[str, Any] = dataclass_field(default_factory=dict)


class ValueOutOfRange(DomainError):
    """A value that its column can't store, such as a too large number. Dialects should reject such values earlier."""


class ServiceUnavailable(Exception):
    """The database is unreachable or locked, or all connections are in use. The caller may retry later."""


class CommitUncertain(ServiceUnavailable):
    """The connection was lost during the commit: the change may or may not be stored."""


class UniqueViolation(Exception):
    """The database rejected a row. `constraint` is the name of the violated constraint in the models."""

    def __init__(self, constraint: str) -> None:
        super().__init__(constraint)
        self.constraint = constraint


class ForeignKeyViolation(Exception):
    """The database rejected a row because the row that it refers to does not exist."""

"""What is wrong with a value, for operators. Apart from `errors`, which imports the database."""

from typing import Final

from app.domain.errors import FieldError

_PROBLEMS: Final = {
    "blank": "must not be blank",
    "taken": "is taken",
    "invalid": "is not valid",
    "not_plain": "must be plain text",
    "too_long": "must have at most {maximum} characters",
    "owner": "can't be changed: a portal has exactly one owner; to change it: earshot users transfer-ownership USER",
    "misplaced": "is on another tab, or is below the section itself",
    "mandatory": "is missing",
    "past": "must be in the future",
    "staff_only": "is for moderators, administrators and the owner only",
}
_SENTENCES: Final = {("email", "taken"): "another user of this portal has this address"}
"""Instead of the name of the field and its problem."""


def describe_field(error: FieldError) -> str:
    """The error in one sentence, which names the field."""
    sentence = _SENTENCES.get((error.field, error.code))
    if sentence is not None:
        return sentence
    return f"{error.field.replace('_', ' ')} {describe_problem(error)}"


def describe_problem(error: FieldError) -> str:
    """The problem of a field, to be read after its name."""
    return _PROBLEMS.get(error.code, error.code).format(**error.limits)

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
    "not_among": "must be one of {known}",
    "userinfo": "must not contain a user and password",
    "not_http": "must be an address that begins with http:// or https://",
    "other_dialect": "can't be set in the format of {dialect}",
    "reserved": "must not be {name}, which the server sets itself",
    "invalid_name": "must be the name of a header, of at most {maximum} characters",
    "length": "must have {minimum} to {maximum} printable characters",
    "not_base64": "begins with whsec_, so the rest must be Base64",
}
_SENTENCES: Final = {
    ("email", "taken"): "another user of this portal has this address",
    ("event", "unknown_event"): "there is no event {event}: choose among {known}",
    ("issuer", "not_https"): (
        "issuer must be an address that begins with https://, without a user, ? or # (http:// on this machine only)"
    ),
    ("scopes", "without_openid"): "scopes must contain openid",
    ("roles", "too_many"): "there may be roles for at most {maximum} groups",
    ("roles", "not_among"): "the role of a group must be one of {known}",
    ("headers", "too_many"): "there may be at most {maximum} headers",
    ("headers", "repeated"): "a header is given twice",
    ("headers", "reserved"): "the header {name} can't be set: the server sets it itself",
    ("headers", "invalid_name"): "{name} is not the name of a header, or has more than {maximum} characters",
    ("headers", "invalid_value"): (
        "the value of the header {name} must have 1 to {maximum} ASCII characters, without line breaks"
    ),
}
"""Instead of the name of the field and its problem."""


def describe_field(error: FieldError) -> str:
    """The error in one sentence, which names the field."""
    sentence = _SENTENCES.get((error.field, error.code))
    if sentence is not None:
        return sentence.format(**error.limits)
    return f"{error.field.replace('_', ' ')} {describe_problem(error)}"


def describe_problem(error: FieldError) -> str:
    """The problem of a field, to be read after its name."""
    return _PROBLEMS.get(error.code, error.code).format(**error.limits)

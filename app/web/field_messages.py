"""What pages say of the fields that a rule rejects."""

from collections.abc import Callable, Mapping
from typing import Final

from app.adapters.translations import N_, load_translation
from app.domain.errors import ValidationFailed

_MESSAGES: Final = {
    ("name", "blank"): N_("Enter your name."),
    ("name", "too_long"): N_("The name can have at most %(max)s characters."),
    ("name", "invalid"): N_("The name contains a character that can't be used."),
    ("password", "too_short"): N_("The password must have at least %(min)s characters."),
    ("password", "too_long"): N_("The password can have at most %(max)s characters."),
    ("password", "invalid"): N_("The password contains a character that can't be used."),
    ("email", "invalid"): N_("Enter an email address, such as jane@example.com."),
    ("email", "unchanged"): N_("That is the present address."),
    ("email", "other_domain"): N_("Only addresses of these domains can sign up: %(domains)s"),
}


def translate(locale: str, message: str, **values: object) -> str:
    """The message in the language of a page. `values` replace its placeholders."""
    return load_translation(locale).catalogue.gettext(message) % values


def translate_minutes(locale: str, seconds: int) -> str:
    """A time to wait, such as `12 minutes`, rounded up."""
    minutes = max(1, -(-seconds // 60))
    return load_translation(locale).catalogue.ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}


def describe_errors(locale: str, failed: ValidationFailed) -> dict[str, str]:
    """The message of each field."""
    return {
        error.field: translate(locale, _MESSAGES[error.field, error.code], **error.limits) for error in failed.errors
    }


def find_errors(locale: str, *checks: Callable[[], object]) -> Mapping[str, str]:
    """The messages of the fields that a check rejects."""
    errors: dict[str, str] = {}
    for check in checks:
        try:
            check()
        except ValidationFailed as failed:
            errors |= describe_errors(locale, failed)
    return errors

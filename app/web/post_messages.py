"""What the pages say about texts and pictures that they don't accept."""

from typing import Final

from app.adapters.translations import N_
from app.domain.errors import ValidationFailed
from app.web.field_messages import translate

_MESSAGES: Final = {
    ("title", "blank"): N_("Enter a title."),
    ("title", "too_long"): N_("The title can have at most %(maximum)s characters."),
    ("title", "not_plain"): N_("The title contains a character that can't be used."),
    ("description", "too_long"): N_("The description can have at most %(maximum)s characters."),
    ("description", "not_plain"): N_("The description contains a character that can't be used."),
    ("body", "blank"): N_("Write something first."),
    ("body", "too_long"): N_("A comment can have at most %(maximum)s characters."),
    ("body", "not_plain"): N_("The comment contains a character that can't be used."),
    ("board", "mandatory"): N_("There is no board yet that could take your post."),
}
UNKNOWN_BOARD: Final = N_("This board does not exist any more. Choose another one.")
UNKNOWN_CATEGORY: Final = N_("This category does not exist any more. Choose another one.")
NO_VOTES: Final = N_("The other post takes no votes any more. Your text is still here.")
STALE: Final = N_("This page was open for too long. Nothing is lost: send it once more.")
COMMENT_GONE: Final = N_(
    "The comment was deleted meanwhile. This is what you wrote: you can send it as a comment of its own."
)
TOO_LARGE: Final = N_("Too large")
TEXT_TOO_LARGE: Final = N_("A text can have at most %(maximum)s characters. Go back and shorten it.")


def describe_errors(locale: str, failed: ValidationFailed) -> dict[str, str]:
    """The message of each field."""
    return {
        error.field: translate(locale, _MESSAGES[error.field, error.code], **error.limits) for error in failed.errors
    }

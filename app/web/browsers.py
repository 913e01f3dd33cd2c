"""What a browser and its system are called, from the text by which the browser names itself."""

from typing import Final

MAX_RAW: Final = 60
"""Characters of the text of an unknown browser that pages show."""

_BROWSERS: Final = (
    # Most browsers also name those that they are based on, so the first match counts.
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/")),
    ("Opera", ("OPR/", "Opera")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Vivaldi", ("Vivaldi/",)),
    ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "CriOS/")),
    ("Safari", ("Safari/",)),
)
_SYSTEMS: Final = (
    ("iPhone", ("iPhone",)),
    ("iPad", ("iPad",)),
    ("Android", ("Android",)),
    ("ChromeOS", ("CrOS",)),
    ("Windows", ("Windows",)),
    ("macOS", ("Macintosh", "Mac OS X")),
    ("Linux", ("Linux",)),
)


def find_names(user_agent: str) -> tuple[str | None, str | None]:
    """The names of the browser and of the system, such as `Firefox` and `Linux`; None for an unknown one."""
    return _find(_BROWSERS, user_agent), _find(_SYSTEMS, user_agent)


def shorten(user_agent: str) -> str:
    """The text of an unknown browser, of at most MAX_RAW characters."""
    return user_agent if len(user_agent) <= MAX_RAW else user_agent[: MAX_RAW - 1] + "…"


def _find(names: tuple[tuple[str, tuple[str, ...]], ...], user_agent: str) -> str | None:
    return next((name for name, marks in names if any(mark in user_agent for mark in marks)), None)

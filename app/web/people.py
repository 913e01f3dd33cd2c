"""How pages show a user: a name without e-mail address, and a picture, or the first letter of the name."""

import unicodedata
from dataclasses import dataclass
from typing import Final

from app.domain.posts.public import public_name

HUES: Final = 6
"""The colours of users without a picture; portal.css has as many."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user as pages show them."""

    name: str
    initial: str
    hue: int
    picture: str | None
    """A URL, or a path of this server."""


def describe(user_id: int, name: str, *, picture: str | None = None, avatar_url: str | None = None) -> Person:
    """The user with this id. `picture` is the path of an uploaded file, which goes before the `avatar_url`."""
    shown = public_name(name)
    initial = next((letter for letter in shown if unicodedata.category(letter)[0] in "LN"), "?")
    # Other pages must not be loaded without encryption.
    address = picture or (avatar_url if avatar_url and avatar_url.startswith("https://") else None)
    return Person(shown, initial.upper(), user_id % HUES, address)

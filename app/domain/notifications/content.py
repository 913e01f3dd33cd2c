"""What an email says, loaded when it is sent, so that it shows nothing that its recipient may not see by then."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Post:
    """The post of an email."""

    id: int
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Item:
    """One notification: alone in an email, or one of a digest.

    `text` is the comment, the update or the description of the post; None for a status change. `status` is the name
    and the colour of the new status, of a status change; None for all other kinds.
    """

    kind: str
    post: Post
    author: str | None
    text: str | None = None
    comment_id: int | None = None
    status: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Recap:
    """The staff summary of a period."""

    frequency: str
    """daily, weekly or monthly."""
    published: int
    pending: int
    url: str


@dataclass(frozen=True, slots=True)
class Account:
    """An email about the user's account, with the link that carries the token, and the text of an invitation.

    `code` may be entered instead of opening the link.
    """

    link: str | None = None
    message: str | None = None
    new_email: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that the templates of an email need."""

    kind: str
    user_id: int
    to_name: str
    to_email: str
    portal_title: str
    locale: str
    """The language of the recipient, or that of the portal if the recipient chose none."""
    accent_color: str | None
    base_url: str
    items: Sequence[Item] = ()
    """One for a notification, several for a digest, none for the other kinds."""
    recap: Recap | None = None
    account: Account | None = None

"""Mentions of users in the text of a comment: `<@USER-UUID>`. docs/contracts/productlift.md, section 10.3."""

import re
from typing import Final

from sqlalchemy import select

from app.domain.models import User
from app.domain.posts.public import public_name
from app.domain.sql.statement import Statement, in_list, in_portal_unindexed
from app.domain.unit_of_work import UnitOfWork

MAX_MENTIONS: Final = 50
"""Users that one text mentions; further ones stay as they are written."""

_MENTION: Final = re.compile(r"<@([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})>", re.IGNORECASE)
_NAMES: Final = Statement(select(User.uuid, User.name).where(in_portal_unindexed(User), in_list(User.uuid, "uuids")))


def find_mentions(text: str) -> list[str]:
    """The UUIDs that the text mentions, each once, in lower case and in the order of the text; at most MAX_MENTIONS."""
    uuids = dict.fromkeys(match.lower() for match in _MENTION.findall(text))
    return list(uuids)[:MAX_MENTIONS]


def expand_mentions(work: UnitOfWork, text: str) -> str:
    """The text with the name of each user, as `@Jane Roe`, in place of the mention; unknown users stay as written."""
    uuids = find_mentions(text)
    if not uuids:
        return text
    names = {row[0]: f"@{public_name(row[1])}" for row in work.fetch_all(_NAMES, uuids=uuids)}
    return _MENTION.sub(lambda match: names.get(match[1].lower(), match[0]), text)

"""Reading comments. A door says once which columns of `Comment` and `User` it shows; rules are in `comments`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import ColumnElement

from app.domain.model import Comment, Vote
from app.domain.newest_views import NewestView


@dataclass(eq=False)
class CommentView(NewestView):
    """`CommentView((Comment.id, …, User.name), internal=False)`; see `NewestView`. Raises NotFound("comment")."""

    table: ClassVar[type[Comment] | type[Vote]] = Comment
    what: ClassVar[str] = "comment"

    internal: bool = False
    """Whether the door sees the team's own comments, too."""

    def visible(self) -> Sequence[ColumnElement[bool]]:
        return () if self.internal else (~Comment.internal,)

"""Reading votes. A door says once which columns of `Vote` and `User` it shows; rules about votes are in `votes`."""

from typing import ClassVar

from app.domain.model import Comment, Vote
from app.domain.newest_views import NewestView


class VoteView(NewestView):
    """`VoteView((Vote.id, …, User.name))`; see `NewestView`. Raises NotFound("vote")."""

    table: ClassVar[type[Comment] | type[Vote]] = Vote
    what: ClassVar[str] = "vote"

"""Random requests to random routes of both dialects, about things that are there, or just were."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from tests.support import routes
from tests.support.factory import Factory
from tests.support.sample_portal import NOWHERE, SamplePortal, address, inputs

_POOLS = {
    "board": "SELECT id FROM boards", "tab": "SELECT id FROM tabs", "tab_url": "SELECT url FROM tabs",
    "status": "SELECT id FROM statuses", "section": "SELECT id FROM sections", "shelf": "SELECT id FROM sections",
    "category": "SELECT id FROM categories", "user": "SELECT id FROM users", "uuid": "SELECT uuid FROM users",
    "voter": "SELECT id FROM users", "voter_uuid": "SELECT uuid FROM users", "post": "SELECT id FROM posts",
    "code": "SELECT code FROM posts", "pending": "SELECT id FROM posts", "pending_code": "SELECT code FROM posts",
    "vote": "SELECT id FROM votes", "comment": "SELECT id FROM comments", "official": "SELECT id FROM comments",
}  # fmt: skip

# So that there is always something to take away.
_OFTEN = {"POST": 4, "PUT": 2, "PATCH": 2, "DELETE": 1}


class Request(NamedTuple):
    """One request, ready to be sent."""

    dialect: str
    method: str
    path: str
    sent: Mapping[str, Any]


class Chance:
    """Draws requests. The same seed draws the same about the same things."""

    def __init__(self, seed: int, make: Factory) -> None:
        self._random = random.Random(seed)
        self._make = make
        self._pools: dict[str, Sequence[Any]] = {}
        self._routes = [route for route in routes.every() for _ in range(_OFTEN.get(route.method, 0))]

    async def look(self) -> None:
        """See what there is to speak of."""
        for name, query in _POOLS.items():
            self._pools[name] = sorted(str(value) for row in await self._make.rows(query) for value in row.values())
            if name not in ("tab_url", "uuid", "voter_uuid", "code", "pending_code"):
                self._pools[name] = sorted(map(int, self._pools[name]))

    def request(self) -> Request:
        """A request to any route that may change something."""
        pick = self._random.choice
        route, things = pick(self._routes), self._things()
        sent = inputs(route, things, leave_out=["password"])
        for name in ("internal", "is_post_update", "delete_all_data", "pinned_to_top", "tagged_for_changelog"):
            if name in sent:
                sent[name] = pick((True, False))
        for name in [
            name for name in sent if name not in ("title", "name", "color", "comment", "body", "role", "email")
        ]:
            if self._random.random() < 0.25:
                del sent[name]
            elif self._random.random() < 0.1:
                sent[name] = None
        if "role" in sent:
            sent["role"] = pick(("member", "member", "admin"))
        return Request(route.dialect, route.method, address(route, things), sent)

    def _things(self) -> SamplePortal:
        found = {name: self._random.choice(pool) for name, pool in self._pools.items() if pool}
        return replace(NOWHERE, **found)

"""Random requests to random routes of both dialects, with ids of existing or just deleted rows."""

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
    "category": "SELECT id FROM categories", "tag": "SELECT id FROM tags", "group": "SELECT id FROM user_groups",
    "user": "SELECT id FROM users", "uuid": "SELECT uuid FROM users",
    "voter": "SELECT id FROM users", "voter_uuid": "SELECT uuid FROM users", "post": "SELECT id FROM posts",
    "code": "SELECT code FROM posts", "pending": "SELECT id FROM posts", "pending_code": "SELECT code FROM posts",
    "vote": "SELECT id FROM votes", "comment": "SELECT id FROM comments", "official": "SELECT id FROM comments",
    "feedback": "SELECT id FROM feedback",
    "visitor": "SELECT anonymous_id FROM votes WHERE anonymous_id IS NOT NULL",
    "newcomer": "SELECT uuid FROM users",
}  # fmt: skip

# More creates than deletes, so that there is always a row to delete.
_OFTEN = {"POST": 4, "PUT": 2, "PATCH": 2, "DELETE": 1}


class Request(NamedTuple):
    """One request, ready to be params."""

    dialect: str
    method: str
    path: str
    params: Mapping[str, Any]


class RequestGenerator:
    """Generates requests. The same seed and rows give the same requests."""

    def __init__(self, seed: int, make: Factory) -> None:
        self._random = random.Random(seed)
        self._make = make
        self._pools: dict[str, Sequence[Any]] = {}
        self._routes = [
            route for route in routes.every() if route.status < 300 for _ in range(_OFTEN.get(route.method, 0))
        ]

    async def refresh(self) -> None:
        """Read the ids of all rows."""
        for name, query in _POOLS.items():
            self._pools[name] = sorted(str(value) for row in await self._make.rows(query) for value in row.values())
            if name not in ("tab_url", "uuid", "voter_uuid", "code", "pending_code", "visitor", "newcomer"):
                self._pools[name] = sorted(map(int, self._pools[name]))

    def request(self) -> Request:
        """A request to any route that may change a row."""
        pick = self._random.choice
        route, ids = pick(self._routes), self._random_ids()
        params = inputs(route, ids, leave_out=["password"])
        for name in ("internal", "is_post_update", "delete_all_data", "pinned_to_top", "tagged_for_changelog"):
            if name in params:
                params[name] = pick((True, False))
        for name in [
            name for name in params if name not in ("title", "name", "color", "comment", "body", "role", "email")
        ]:
            if self._random.random() < 0.25:
                del params[name]
            elif self._random.random() < 0.1:
                params[name] = None
        if "role" in params:
            params["role"] = pick(("member", "member", "admin"))
        return Request(route.dialect, route.method, address(route, ids), params)

    def _random_ids(self) -> SamplePortal:
        values = {name: self._random.choice(pool) for name, pool in self._pools.items() if pool}
        return replace(NOWHERE, **values)

"""The four hot requests, as the ceiling, Astuto and ProductLift spell them."""

from collections.abc import Mapping
from typing import Final

from bench import ceiling
from bench.client import Request
from bench.dataset import Amounts, user_uuid
from bench.load import Server
from bench.seed import KEYS

HOT: Final = ("list", "get", "vote", "create")
TEXT: Final = (
    "Please add a dark mode to the export page so that working at night is less tiring for the eyes of everybody in "
    "our team."
)
TITLE: Final = "Dark mode for the export page <n>"


def of_ceiling(amounts: Amounts) -> dict[str, Request]:
    """Requests of the ceiling."""
    post, user = _post(amounts), _user(amounts)
    return {
        "list": Request("/posts?limit=20&skip=0"),
        "get": Request(f"/posts/{post}"),
        "vote": Request(f"/posts/{post}/votes", "POST", {"user_id": user}),
        "create": Request(
            "/posts",
            "POST",
            {
                "title": TITLE,
                "body": TEXT,
                "author_id": user,
                "board_id": "<1..10>",
                "status_id": 1,
                "category_ids": [3, 7],
            },
        ),
    }


def of_astuto(amounts: Amounts) -> dict[str, Request]:
    """Requests of Astuto's API: the newest twenty; votes and posts in users' names."""
    post, user = _post(amounts), _user(amounts)
    return {
        "list": Request("/posts?limit=20&offset=0"),
        "get": Request(f"/posts/{post}"),
        "vote": Request("/votes", "POST", {"post_id": post, "impersonated_user_id": user}),
        "create": Request(
            "/posts",
            "POST",
            {"title": TITLE, "description": TEXT, "board_id": "<1..10>", "impersonated_user_id": user},
        ),
    }


def of_productlift(amounts: Amounts) -> dict[str, Request]:
    """Requests of ProductLift's API: twenty by votes, with the total; votes and posts in users' names."""
    post, user = _post(amounts), _uuid(amounts)
    return {
        "list": Request("/posts?limit=20&skip=0&order_by=votes_count&order_direction=desc"),
        "get": Request(f"/posts/{post}"),
        "vote": Request(f"/posts/{post}/votes/{user}", "POST", ""),
        "create": Request(
            "/posts", "POST", {"title": TITLE, "description": TEXT, "user_id": user, "category_id": "<1..20>"}
        ),
    }


OF: Final = {"astuto": of_astuto, "productlift": of_productlift}


def servers(amounts: Amounts, *, ceiling_url: str, earshot_url: str) -> list[Server]:
    """The ceiling, and Earshot once for each dialect."""
    dialects = [earshot(dialect, earshot_url, requests(amounts)) for dialect, requests in OF.items()]
    bearer = {"Authorization": f"Bearer {ceiling.KEY}"}
    return [Server("ceiling", ceiling_url, of_ceiling(amounts), bearer), *dialects]


def earshot(dialect: str, url: str, requests: Mapping[str, Request], *, name: str | None = None) -> Server:
    """Earshot with requests of this dialect."""
    return Server(name or dialect, url, requests, {"Authorization": f"Bearer {KEYS[dialect]}"})


def _post(amounts: Amounts) -> str:
    return f"<1..{amounts.posts}>"


def _user(amounts: Amounts) -> str:
    return f"<{amounts.user(0)}..{amounts.user(amounts.users - 1)}>"


def _uuid(amounts: Amounts) -> str:
    """A random user's UUID, which ends with the digits of the id, as in `user_uuid`."""
    return user_uuid(0)[:-12] + _user(amounts).replace(">", ":12>")

"""Endpoints of Astuto's format whose template shows every variable, and what their calls contain."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.outbox.deliveries import NewDelivery
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.outbox.webhooks.astuto import AstutoExpander
from tests.conftest import TestClock
from tests.outbox.webhooks.expansion import expand, forget_events
from tests.support.clients import HOST
from tests.support.factory import Factory
from tests.support.webhook_rows import CIPHER

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 123456, tzinfo=UTC)
AT = {"created_at": "2026-01-12T09:30:00.123Z", "updated_at": "2026-01-12T09:30:00.123Z"}
VARIABLES = (
    *("tenant", "post", "post_author", "board", "post_status", "comment", "comment_author"),
    *("vote_author", "user"),
)


def member_template(name: str) -> str:
    """A template of the members of a variable as [[name, value], …], each value as text; null without the variable."""
    return (
        f"{{% if {name} == nil %}}null{{% else %}}[{{% for member in {name} %}}"
        '["{{ member[0] | escape_json }}","{{ member[1] | escape_json }}"]{% unless forloop.last %},{% endunless %}'
        "{% endfor %}]{% endif %}"
    )


EVERYTHING = "{" + ",".join(f'"{name}":{member_template(name)}' for name in VARIABLES) + "}"


@pytest.fixture
def expander() -> AstutoExpander:
    return AstutoExpander(cipher=CIPHER)


async def add_templates(
    make: Factory,
    *events: str,
    url: str = "https://hooks.example.com/in",
    body: str | None = EVERYTHING,
    portal: int | None = None,
) -> int:
    settings = EndpointSettings(url=url, events=events, body=body)
    webhook = await make.act(
        lambda work: endpoints.add(work, dialect="astuto", settings=settings, encrypt=CIPHER.encrypt), portal=portal
    )
    await forget_events(make)
    return webhook


def load_payloads(deliveries: Sequence[NewDelivery]) -> list[dict[str, Any]]:
    return [read_payload(delivery.payload) for delivery in deliveries]


def read_payload(stored: str | None) -> dict[str, Any]:
    """The fields of a stored payload, with its body as text."""
    payload = json.loads(stored or "")
    encrypted = payload.pop("encrypted_body")
    return payload if encrypted is None else payload | {"body": CIPHER.decrypt(encrypted)}


def load_variables(delivery: NewDelivery) -> dict[str, Any]:
    """The variables that the templates had: their members in order, and their values as text."""
    (payload,) = load_payloads([delivery])
    assert payload["error"] is None
    assert payload["content_type"] == "application/json"
    sent = json.loads(payload["body"])
    return {
        name: members if members is None else dict(members) for name, members in sent.items() if members is not None
    }


def as_texts(values: dict[str, Any]) -> dict[str, str]:
    """Values as `escape_json` writes them."""
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def is_same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether both are equal, with all members in the same order."""
    return json.dumps(first) == json.dumps(second)


TENANT = as_texts({"site_name": "Feedback", "subdomain": None, "custom_domain": None})
FEATURES = {"name": "Feature Requests", "description": None, "slug": "feature-requests"}


def user(number: int, email: str, name: str, *, role: str = "user", status: str = "active") -> dict[str, str]:
    return as_texts({"id": number, "email": email, "full_name": name, "role": role, "status": status, **AT})


def owner(make: Factory) -> dict[str, str]:
    return user(make.owner, "owner@example.com", "Owner", role="owner")


def board(make: Factory) -> dict[str, str]:
    return as_texts({"id": make.boards["Feature Requests"], **FEATURES, **AT})


def post(
    make: Factory, number: int, title: str, slug: str, *, author: int | None, description: str | None = None
) -> dict[str, str]:
    return as_texts(
        {
            "id": number,
            "title": title,
            "description": description,
            "slug": slug,
            "board_id": make.boards["Feature Requests"],
            "user_id": author,
            **AT,
            "url": f"{HOST}/posts/{slug}",
        }
    )


@pytest.fixture
async def dated(make: Factory, clock: TestClock) -> Factory:
    """A portal in which everything has the same time."""
    clock.set(MONDAY)
    for table in ("users", "boards", "statuses"):
        await make.run(f"UPDATE {table} SET created_at = :at, updated_at = :at", at=await _stored(make))
    return make


async def _stored(make: Factory) -> Any:
    return MONDAY if make.server.database.engine == "postgresql" else "2026-01-12 09:30:00.123456"


async def only_call(make: Factory, expander: AstutoExpander, trigger: str) -> dict[str, Any]:
    """The variables of the only call."""
    (delivery,) = await expand(make, expander)
    assert (delivery.channel, delivery.kind, delivery.is_encrypted) == ("webhook", trigger, False)
    return load_variables(delivery)

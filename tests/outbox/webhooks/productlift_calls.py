"""What the tests of webhook calls in ProductLift's format share."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from app.domain.posts import update
from app.domain.posts import votes as vote_rules
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.outbox.webhooks.productlift import ProductLiftExpander
from tests.outbox.webhooks.expansion import bodies, expand, forget_events
from tests.support.clients import Client
from tests.support.factory import Factory

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 123456, tzinfo=UTC)
AT = "2026-01-12T09:30:00Z"


async def endpoint(make: Factory, *events: str, dialect: str = "productlift", portal: int | None = None) -> int:
    settings = EndpointSettings(url="https://hooks.example.com/in", events=events)
    webhook = await make.act(
        lambda work: endpoints.add(work, dialect=dialect, settings=settings, encrypt=str), portal=portal
    )
    await forget_events(make)
    return webhook


async def portal_of(make: Factory, portal: int | None = None) -> dict[str, Any]:
    return {
        "guid": await make.value("SELECT guid FROM portals WHERE id = :id", id=portal or make.portal),
        "title": "Feedback",
        "localization": "en",
        "editor_type": "html",
        "invite_message": None,
        "jira_domain_url": None,
        "jira_enabled": False,
    }


async def only_call(make: Factory, expander: ProductLiftExpander, name: str) -> dict[str, Any]:
    """The data of the only call, whose envelope is as documented."""
    (delivery,) = await expand(make, expander)
    (envelope,) = bodies([delivery])
    assert (delivery.channel, delivery.kind, envelope["event"]) == ("webhook", name, name)
    assert list(envelope) == ["id", "creation_time", "event", "data"]
    assert re.fullmatch("[0-9A-Za-z]{16}", envelope["id"])
    data: dict[str, Any] = envelope["data"]
    return data


def is_same_json(first: Any, second: Any) -> bool:
    """Whether both are the same JSON, with the members in the same order."""
    return json.dumps(first) == json.dumps(second)


async def made(make: Factory, productlift: Client, post: int) -> Any:
    return (await productlift.get(f"/posts/{post}")).json()["data"]


async def cause_every_event(make: Factory, productlift: Client) -> None:
    post = await make.post()
    vote = await make.vote(post, make.owner)
    comment = await make.comment(post)
    await make.act(lambda work: update.change_status(work, post, make.statuses["Planned"], user_id=None))
    await make.act(lambda work: vote_rules.delete(work, vote))
    await productlift.delete(f"/posts/{post}/comments/{comment}")
    await productlift.delete(f"/posts/{post}")

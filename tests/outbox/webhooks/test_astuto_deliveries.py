"""Which calls an event has in Astuto's format, and what is stored. docs/contracts/astuto.md, section 3.5."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from app.adapters.database import PortalContext
from app.domain.events import StoredEvent
from app.domain.outbox import events
from app.domain.outbox.deliveries import NewDelivery
from app.domain.permissions import OPERATOR
from app.domain.posts import comments, update
from app.domain.unit_of_work import UnitOfWork
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.astuto import AstutoExpander
from tests.outbox.webhooks.astuto_calls import (
    AT,
    TENANT,
    add_templates,
    as_texts,
    board,
    dated,
    expander,
    is_same,
    load_payloads,
    load_variables,
    post,
    read_payload,
    user,
)
from tests.outbox.webhooks.expansion import expand
from tests.support.clients import HOST, Client
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.outbox import expand_next
from tests.support.webhook_rows import CIPHER

__all__ = ["dated", "expander"]


async def test_an_anonymous_post_has_no_author(make: Factory, expander: AstutoExpander) -> None:
    await add_templates(
        make, body='{"author": "{{ post_author.full_name | escape_json }}", "id": "{{ post.user_id }}"}'
    )
    created = await make.post()
    await make.run("UPDATE posts SET user_id = NULL WHERE id = :id", id=created)

    (payload,) = load_payloads(await expand(make, expander))

    assert payload["body"] == '{"author":"","id":""}'


async def test_what_has_no_trigger_is_not_sent(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    jane = await make.user()
    waiting, created = await make.post(moderation="pending"), await make.post()
    written, voted = await make.comment(created), await make.vote(created, jane)
    await add_templates(make)

    await astuto.put(f"/posts/{created}", json={"title": "Another title"})
    await astuto.put(f"/posts/{created}/update_board", json={"board_id": make.boards["Bug Reports"]})
    await astuto.put(f"/posts/{waiting}/approve")
    await astuto.put(f"/comments/{written}", json={"body": "Better said"})
    await astuto.delete(f"/comments/{written}")
    await astuto.delete(f"/votes/{voted}")
    await astuto.put(f"/users/{jane}/block")
    await make.comment(created, internal=True)
    await make.anonymous_vote(created)

    assert await expand(make, expander) == []
    assert len(await make.rows("SELECT id FROM facts")) > 5


@pytest.mark.parametrize("event", EVENTS["astuto"])
async def test_an_endpoint_is_called_for_its_events_only(event: str, make: Factory, expander: AstutoExpander) -> None:
    webhook = await add_templates(make, event)
    jane = await make.user()
    created = await make.post()
    waiting = await make.post(moderation="pending")
    await make.vote(created, jane)
    await make.comment(created)
    await make.act(lambda work: update.change_status(work, created, make.statuses["Planned"], user_id=make.owner))
    await make.act(lambda work: update.delete(work, waiting))

    sent = await expand(make, expander)

    assert [(delivery.kind, delivery.webhook_id) for delivery in sent] == [(event, webhook)]


async def test_what_was_deleted_since_is_sent_from_its_deletion(dated: Factory, expander: AstutoExpander) -> None:
    make = dated
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    await add_templates(make)
    created = await make.post(title="Dark mode", author=jane, description="At night")
    await make.vote(created, jane)
    written = await make.comment(created, author=jane, body="Well said")
    await make.act(lambda work: comments.delete(work, written, with_replies=True))
    await make.act(lambda work: update.delete(work, created))

    sent = {delivery.kind: load_variables(delivery) for delivery in await expand(make, expander)}

    about = {
        "post": post(make, created, "Dark mode", "dark-mode", author=jane, description="At night"),
        "post_author": user(jane, "jane@example.com", "Jane Roe"),
        "board": board(make),
    }
    assert list(sent) == ["new_post", "new_vote", "new_comment", "delete_post"]
    assert is_same(sent["new_post"], {"tenant": TENANT, **about})
    assert is_same(sent["new_vote"], {"tenant": TENANT, **about, "vote_author": about["post_author"]})
    said = as_texts({"id": written, "body": "Well said", "user_id": jane, "post_id": created, **AT})
    author = about["post_author"]
    assert is_same(sent["new_comment"], {"tenant": TENANT, **about, "comment": said, "comment_author": author})


async def test_a_comment_that_went_with_its_post_is_not_sent(make: Factory, expander: AstutoExpander) -> None:
    await add_templates(make)
    created = await make.post()
    await make.comment(created)
    await make.act(lambda work: update.delete(work, created))

    assert [delivery.kind for delivery in await expand(make, expander)] == ["new_post", "delete_post"]


async def test_a_portal_sees_nothing_of_another(make: Factory, expander: AstutoExpander) -> None:
    other, boss = await make.new_portal("Other", host="other.example.com", email="boss@other.example.com")
    here, there = await add_templates(make), await add_templates(make, portal=other)
    await make.post(title="Here")
    await make.post(title="There", author=boss, portal=other)

    sent_here = await expand(make, expander)
    sent_there = await expand(make, expander, portal=other)

    assert [(delivery.kind, delivery.webhook_id) for delivery in sent_here] == [("new_post", here)]
    assert [(delivery.kind, delivery.webhook_id) for delivery in sent_there] == [("new_post", there)]
    (one,), (two,) = map(load_variables, sent_here), map(load_variables, sent_there)
    assert (one["tenant"]["site_name"], one["post"]["title"]) == ("Feedback", "Here")
    assert is_same(
        two["tenant"], as_texts({"site_name": "Other", "subdomain": None, "custom_domain": "other.example.com"})
    )
    assert (two["post"]["title"], two["post_author"]["email"]) == ("There", "boss@other.example.com")


async def test_a_url_with_tags_is_stored_encrypted(make: Factory, expander: AstutoExpander) -> None:
    await add_templates(make, url="https://h.example.com/{{ post.id }}?key=s3cret&t={{ post.title }}", body=None)
    await make.post(title='A "title" & more é\t😀')

    (payload,) = load_payloads(await expand(make, expander))

    assert "s3cret" not in json.dumps(payload)
    url = CIPHER.decrypt(payload.pop("url"))
    assert url == "https://h.example.com/1?key=s3cret&t=A%20%22title%22%20&%20more%20%C3%A9%09%F0%9F%98%80"
    assert payload == {"body": None, "content_type": None, "error": None}


@pytest.mark.parametrize("template", ['{"key": "s3cret", "title": "{{ post.title }}"}', "s3cret {{ post.title }}"])
async def test_a_rendered_body_is_stored_encrypted(template: str, make: Factory, expander: AstutoExpander) -> None:
    await add_templates(make, body=template)
    await make.post(title="Dark mode")

    (delivery,) = await expand(make, expander)

    assert "s3cret" not in (delivery.payload or "")
    assert "Dark mode" not in (delivery.payload or "")
    assert json.loads(delivery.payload or "")["body"] is None
    assert "s3cret" in read_payload(delivery.payload)["body"]


@pytest.mark.parametrize("body", [None, "", " \n", "{% if post_status %}{}{% endif %}"])
async def test_an_empty_body_sends_none(body: str | None, make: Factory, expander: AstutoExpander) -> None:
    await add_templates(make, body=body)
    await make.post()

    assert load_payloads(await expand(make, expander)) == [
        {"body": None, "content_type": None, "url": None, "error": None}
    ]


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ('{ "b" : [1, 2.50, true, null],\n "a" : "é\\u00e9\\n" }', '{"b":[1,2.5,true,null],"a":"éé\\n"}'),
        ('"text"', '"text"'),
        ("{{ post.id }}", "1"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
    ],
)
async def test_the_body_is_sent_as_compact_json(
    template: str, body: str, make: Factory, expander: AstutoExpander
) -> None:
    await add_templates(make, body=template)
    await make.post()

    (payload,) = load_payloads(await expand(make, expander))

    assert (payload["body"], payload["content_type"]) == (body, "application/json")


NOT_JSON = "the rendered body is not JSON:"


@pytest.mark.parametrize(
    ("template", "rendered", "error"),
    [
        ("{{ post.title }}", 'Say "hi"', f"{NOT_JSON} Expecting value at line 1, column 1 of the rendered text"),
        (
            '{\n"a": "{{ post.title }}"\n}',
            '{\n"a": "Say "hi""\n}',
            f"{NOT_JSON} Expecting ',' delimiter at line 2, column 12 of the rendered text",
        ),
        (
            '{"a": {{ post_status.id }} }',
            '{"a":  }',
            f"{NOT_JSON} Expecting value at line 1, column 8 of the rendered text",
        ),
        ("[1] [2]", "[1] [2]", f"{NOT_JSON} Extra data at line 1, column 5 of the rendered text"),
        ("[NaN]", "[NaN]", "the rendered body has a number that JSON can't have"),
        ("[1e999]", "[1e999]", "the rendered body has a number that JSON can't have"),
        ('"\\ud800"', '"\\ud800"', "the rendered body has half of a surrogate pair"),
        ("[" * 60_000, "[" * 60_000, "the rendered body is nested too deeply"),
        ("{{ 1 | divided_by: 0 }}", None, "the body could not be rendered: line 1: divided_by: can't divide by 0"),
    ],
)
async def test_a_body_that_is_not_json_fails_with_the_reason_and_keeps_the_rendered_text(
    template: str, rendered: str | None, error: str, make: Factory, expander: AstutoExpander
) -> None:
    await add_templates(make, body=template)
    await make.post(title='Say "hi"')

    (payload,) = load_payloads(await expand(make, expander))

    assert payload == {"body": rendered, "content_type": None, "url": None, "error": error}


async def test_a_template_that_fails_does_not_affect_other_endpoints(make: Factory, expander: AstutoExpander) -> None:
    broken = await add_templates(make, url="https://a.example.com/{{ 1 | divided_by: 0 }}")
    slow = await add_templates(make, body="{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 100)
    fine = await add_templates(make, body="{{ post.id }}")
    await make.run("UPDATE webhooks SET url = 'unreadable' WHERE id = :id", id=await add_templates(make))
    await make.post()

    sent = await expand(make, expander)

    outcomes = [(payload["body"], payload["error"]) for payload in load_payloads(sent)]
    assert [delivery.webhook_id for delivery in sent][:3] == [broken, slow, fine]
    assert outcomes == [
        (None, "the URL could not be rendered: line 1: divided_by: can't divide by 0"),
        (None, "the body could not be rendered: line 1: it takes too long"),
        ("1", None),
        (None, "its templates are encrypted with another secret of the server"),
    ]


async def test_slow_templates_lose_no_call(make: Factory, expander: AstutoExpander) -> None:
    slow = await add_templates(make, body="{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 100)
    fine = await add_templates(make, body="{{ post.id }}")
    for _ in range(8):
        await make.post()

    def expand_some(work: UnitOfWork) -> int:
        return expand_next(work, expander, base_url=HOST, max_seconds=events.MAX_SECONDS)

    # Each rendering takes at least a fifth of a second, so a transaction has three at most.
    assert await make.act(expand_some) <= 3
    sent = await expand(make, expander)
    rows = await make.rows("SELECT webhook_id, payload FROM deliveries ORDER BY id")

    assert len(sent) < len(rows)
    assert [row["webhook_id"] for row in rows] == [slow, fine] * 8
    payloads = [read_payload(row["payload"]) for row in rows]
    assert {payload["error"] for payload in payloads[::2]} == {
        "the body could not be rendered: line 1: it takes too long"
    }
    assert [payload["body"] for payload in payloads[1::2]] == [str(number) for number in range(1, 9)]


async def test_templates_are_rendered_outside_the_event_loop(make: Factory) -> None:
    thread = await make.server.database.write(
        lambda work: work.compute(threading.get_ident), PortalContext(make.portal, OPERATOR), in_thread=True
    )

    assert thread != threading.get_ident()


async def test_only_enabled_endpoints_of_the_format_are_called(make: Factory, expander: AstutoExpander) -> None:
    off = await add_templates(make)
    await make.act(lambda work: endpoints.disable(work, off))
    settings = EndpointSettings(url="https://hooks.example.com/")
    await make.act(lambda work: endpoints.add(work, dialect="productlift", settings=settings, encrypt=CIPHER.encrypt))
    await make.post()

    assert await expand(make, expander) == []


async def count_statements(make: Factory, expander: AstutoExpander) -> int:
    """How many statements the expander runs for the events that wait."""
    statements: list[Any] = []

    def expand_counted(work: UnitOfWork, event: StoredEvent) -> Sequence[NewDelivery]:
        connection = work._connection
        work._connection = counting = Counting(connection)
        try:
            return expander(work, event)
        finally:
            work._connection = connection
            statements.extend(counting.statements)

    await expand(make, expand_counted)
    return len(statements)


async def test_the_number_of_statements_does_not_depend_on_the_endpoints(
    make: Factory, expander: AstutoExpander
) -> None:
    created = await make.post()
    counts = []
    for endpoint_count in (1, 4):
        for _ in range(endpoint_count):
            await add_templates(make)
        await make.comment(created)
        counts.append(await count_statements(make, expander))

    # The subscriptions, the portal, the templates; the comment and the post, each with its author.
    assert counts == [5, 5]


async def test_a_portal_without_endpoints_costs_one_read(make: Factory, expander: AstutoExpander) -> None:
    created = await make.post()
    await make.comment(created)

    assert await count_statements(make, expander) == 1


async def test_the_event_of_a_post_has_its_first_state_unless_approved(make: Factory, astuto: Client) -> None:
    await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Bug Reports"]})
    await make.post(moderation="pending")
    await make.post(moderation="rejected")

    assert [fact["body"] for fact in await make.facts("post.submitted")] == [
        None,
        '{"moderation": "pending"}',
        '{"moderation": "rejected"}',
    ]

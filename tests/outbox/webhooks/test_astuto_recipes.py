"""Four services that take posts as issues, messages or cards, with templates such as their users write.

A real receiver gets the calls, from the event to the request.
"""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from app.adapters.outbound_http import OutboundClient
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.outbox.webhooks.astuto import AstutoExpander
from app.outbox.webhooks.sender import WebhookSender, record_state
from tests.adapters.outbound import LOOPBACK
from tests.outbox.webhooks.expansion import forget_events
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.support.raw_receiver import RawReceiver, ReceivedRequest, raw_receiver, respond, response
from tests.support.webhook_rows import CIPHER
from tests.support.worker import eventually, working

ODD_TITLE = "Say \"hi\" \\ {{ post.id }} {% if %} 😀 <b> & 'é'"
ODD_DESCRIPTION = 'One "quoted" line\r\n\ta \\ back\\slash \\n\n\n{{ braces }} and {% tags %}\n🎉 {"a": [1]} </script>'


@dataclass(frozen=True)
class Recipe:
    """The settings of an endpoint, and the body that it is sent for a post."""

    url: str
    headers: Mapping[str, str]
    body: str
    expected: Any
    """With the texts of the post as `TITLE`, `DESCRIPTION`, `AUTHOR` and `URL`."""


RECIPES = {
    "jira": Recipe(
        "/rest/api/2/issue",
        {"Authorization": "Basic b3BzQGV4YW1wbGUuY29tOmtleQ==", "Content-Type": "application/json"},
        """{
  "fields": {
    "project": { "key": "FEED" },
    "issuetype": { "name": "Task" },
    "labels": ["feedback", "{{ board.slug }}"],
    "summary": "{{ post.title | escape_json }}",
    "description": "{{ post.description | escape_json }}\\n\\nBy {{ post_author.full_name }}: {{ post.url }}"
  }
}""",
        {
            "fields": {
                "project": {"key": "FEED"},
                "issuetype": {"name": "Task"},
                "labels": ["feedback", "feature-requests"],
                "summary": "TITLE",
                "description": "DESCRIPTION\n\nBy AUTHOR: URL",
            }
        },
    ),
    "slack": Recipe(
        "/services/T0/B0/x0",
        {"Content-Type": "application/json"},
        '{"text": "{{ post_author.full_name | escape_json }} wrote <{{ post.url }}|{{ post.title | escape_json }}>'
        '{% if post.description %}: {{ post.description | escape_json }}{% endif %}"}',
        {"text": "AUTHOR wrote <URL|TITLE>: DESCRIPTION"},
    ),
    "github": Recipe(
        "/repos/example/app/issues",
        {
            "Accept": "application/vnd.github+json",
            "Authorization": "Bearer github_pat_0",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        '{"title":"{{ post.title | escape_json }}",'
        '"body":"{{ post.description | escape_json }}\\r\\n{{ post.url }}",'
        '"labels":["{{ board.name | escape_json }}"]}',
        {"title": "TITLE", "body": "DESCRIPTION\r\nURL", "labels": ["Feature Requests"]},
    ),
    "trello": Recipe(
        "/1/cards?idList=5f&key=k3y&token=t0k&pos={{ post.id }}",
        {},
        '{"name": "{{ post.title | escape_json }}", "desc": "{{ post.description | escape_json }}"}',
        {"name": "TITLE", "desc": "DESCRIPTION"},
    ),
}


def fill(value: Any, texts: Mapping[str, str]) -> Any:
    """The value with each word of `texts` replaced by its text."""
    if isinstance(value, dict):
        return {name: fill(member, texts) for name, member in value.items()}
    if isinstance(value, list):
        return [fill(item, texts) for item in value]
    if isinstance(value, str):
        for name, text in texts.items():
            value = value.replace(name, text)
    return value


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[RawReceiver]:
    async with raw_receiver(respond(response("201 Created", b"{}"))) as running:
        yield running


async def add_recipe(make: Factory, receiver: RawReceiver, recipe: Recipe, **more: Any) -> int:
    settings = EndpointSettings(
        url=receiver.url.removesuffix("/hook") + recipe.url,
        headers=recipe.headers or None,
        body=recipe.body,
        events=["new_post"],
        **more,
    )
    webhook = await make.act(
        lambda work: endpoints.add(work, dialect="astuto", settings=settings, encrypt=CIPHER.encrypt)
    )
    await forget_events(make)
    return webhook


async def deliver(make: Factory, receiver: RawReceiver) -> ReceivedRequest:
    """Let a worker make the call for the event that waits, and return its request."""
    sender = WebhookSender(make.server.database, OutboundClient(allowed_networks=LOOPBACK), CIPHER)

    async def is_finished() -> bool:
        return bool(await make.rows("SELECT id FROM deliveries WHERE state <> 'pending'"))

    async with working(
        make.server, {"webhook": sender}, expanders=[AstutoExpander(cipher=CIPHER)], after_attempt=[record_state]
    ):
        await eventually(is_finished)
    assert await make.value("SELECT state FROM deliveries") == "delivered"
    (request,) = receiver.requests
    return request


POSTS = {
    "plain": ("Dark mode", "Please."),
    "odd": (ODD_TITLE, ODD_DESCRIPTION),
    "without description": ("Dark mode", None),
}


@pytest.mark.parametrize("post", POSTS)
@pytest.mark.parametrize("name", RECIPES)
async def test_a_recipe_sends_the_exact_texts(
    name: str, post: str, make: Factory, astuto: Client, receiver: RawReceiver
) -> None:
    recipe, (title, description) = RECIPES[name], POSTS[post]
    await add_recipe(make, receiver, recipe)
    new = {"title": title, "description": description, "board_id": make.boards["Feature Requests"]}
    assert (await astuto.post("/posts", json=new)).status_code == 201
    slug = await make.value("SELECT slug FROM posts")

    request = await deliver(make, receiver)

    assert request.line == f"POST {recipe.url.replace('{{ post.id }}', '1')} HTTP/1.1"
    for header, value in {"Content-Type": "application/json", **recipe.headers}.items():
        assert request.values(header.lower()) == [value]
    texts = {"TITLE": title, "AUTHOR": "Owner", "URL": f"{HOST}/posts/{slug}", "DESCRIPTION": description or ""}
    expected = fill(recipe.expected, texts)
    if name == "slack" and description is None:
        expected = {"text": expected["text"].removesuffix(": ")}
    assert json.loads(request.body) == expected
    assert request.body == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", RECIPES)
async def test_a_recipe_sends_an_anonymous_post_without_a_name(name: str, make: Factory, receiver: RawReceiver) -> None:
    recipe = RECIPES[name]
    await add_recipe(make, receiver, recipe)
    created = await make.post(title="Dark mode", description="Please.")
    await make.run("UPDATE posts SET user_id = NULL WHERE id = :id", id=created)

    request = await deliver(make, receiver)

    address = await make.value("SELECT base_url FROM facts ORDER BY id DESC LIMIT 1") or _fallback(make)
    texts = {"TITLE": "Dark mode", "AUTHOR": "", "URL": f"{address}/posts/dark-mode", "DESCRIPTION": "Please."}
    assert json.loads(request.body) == fill(recipe.expected, texts)


def _fallback(make: Factory) -> str:
    return f"http://{make.server.settings.host}:{make.server.settings.port}"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_the_configured_method_is_used(method: str, make: Factory, astuto: Client, receiver: RawReceiver) -> None:
    await add_recipe(make, receiver, RECIPES["trello"], method=method)
    await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Feature Requests"]})

    request = await deliver(make, receiver)

    assert request.line.split()[0] == method
    assert json.loads(request.body) == {"name": "Dark mode", "desc": ""}


async def test_header_values_are_sent_literally(make: Factory, astuto: Client, receiver: RawReceiver) -> None:
    headers = {"X-Post": "{{ post.id }}", "Content-Type": "text/plain"}
    await add_recipe(make, receiver, Recipe("/", headers, "{{ post.id }}", None))
    await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Feature Requests"]})

    request = await deliver(make, receiver)

    assert request.values("x-post") == ["{{ post.id }}"]
    assert (request.values("content-type"), request.body) == (["text/plain"], b"1")


async def test_a_call_without_body_has_no_content_type(make: Factory, astuto: Client, receiver: RawReceiver) -> None:
    await add_recipe(make, receiver, Recipe("/{{ post.slug }}", {}, "", None))
    await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Feature Requests"]})

    request = await deliver(make, receiver)

    assert (request.line, request.body) == ("POST /dark-mode HTTP/1.1", b"")
    assert request.values("content-type") == []


async def test_a_hostile_template_fails_in_the_log_and_the_worker_goes_on(
    make: Factory, astuto: Client, receiver: RawReceiver
) -> None:
    hostile = "{% for i in (1..10000) %}{% for j in (1..10000) %}x{% endfor %}{% endfor %}"
    broken = await add_recipe(make, receiver, Recipe("/", {}, hostile, None))
    not_json = await add_recipe(make, receiver, Recipe("/", {}, "{{ post.title }}", None))
    await add_recipe(make, receiver, RECIPES["trello"])
    await astuto.post("/posts", json={"title": "Dark mode", "board_id": make.boards["Feature Requests"]})
    sender = WebhookSender(make.server.database, OutboundClient(allowed_networks=LOOPBACK), CIPHER)

    async def are_finished() -> bool:
        return len(await make.rows("SELECT id FROM deliveries WHERE state <> 'pending'")) == 3

    async with working(make.server, {"webhook": sender}, expanders=[AstutoExpander(cipher=CIPHER)]):
        await eventually(are_finished)

    rows = await make.rows("SELECT webhook_id, state, attempts, error FROM deliveries ORDER BY id")
    reasons = {
        broken: "the body could not be rendered: line 1: loop iteration limit reached",
        not_json: "the rendered body is not JSON: Expecting value at line 1, column 1 of the rendered text",
    }
    assert [(row["state"], row["attempts"], row["error"]) for row in rows] == [
        ("failed", 1, reasons[broken]),
        ("failed", 1, reasons[not_json]),
        ("delivered", 1, None),
    ]
    assert len(receiver.requests) == 1

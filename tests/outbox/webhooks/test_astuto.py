"""Webhook calls in Astuto's format. docs/contracts/astuto.md, section 3.5."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.events import StoredEvent
from app.domain.outbox.deliveries import NewDelivery
from app.domain.portals import statuses
from app.domain.posts import comments, moderation, update
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import deletion, sign_on, users
from app.domain.users.sign_on import SignOn
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.astuto import AstutoExpander
from tests.conftest import TestClock
from tests.outbox.webhooks.expansion import expand, forget_events
from tests.support.clients import HOST, Client
from tests.support.counting import Counting
from tests.support.factory import Factory
from tests.support.webhook_rows import CIPHER

MONDAY = datetime(2026, 1, 12, 9, 30, 0, 123456, tzinfo=UTC)
AT = {"created_at": "2026-01-12T09:30:00.123Z", "updated_at": "2026-01-12T09:30:00.123Z"}
VARIABLES = (
    *("tenant", "post", "post_author", "board", "post_status", "comment", "comment_author"),
    *("vote_author", "user"),
)


def member_template(name: str) -> str:
    """A template of the members of a variable as [[name, value], …], each value as text; "" without the variable."""
    return (
        f"{{% if {name} == nil %}}null{{% else %}}[{{% for member in {name} %}}"
        '["{{ member[0] | escape_json }}","{{ member[1] | escape_json }}"]{% unless forloop.last %},{% endunless %}'
        "{% endfor %}]{% endif %}"
    )


EVERYTHING = "{" + ",".join(f'"{name}":{member_template(name)}' for name in VARIABLES) + "}"


@pytest.fixture
def expander() -> AstutoExpander:
    return AstutoExpander(cipher=CIPHER)


async def endpoint(
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


def payloads(deliveries: Sequence[NewDelivery]) -> list[dict[str, Any]]:
    return [json.loads(delivery.payload or "") for delivery in deliveries]


def variables(delivery: NewDelivery) -> dict[str, Any]:
    """The variables that the templates had: their members in order, and their values as text."""
    (payload,) = payloads([delivery])
    assert payload["error"] is None
    assert payload["content_type"] == "application/json"
    sent = json.loads(payload["body"])
    return {
        name: members if members is None else dict(members) for name, members in sent.items() if members is not None
    }


def texts(values: dict[str, Any]) -> dict[str, str]:
    """Values as `escape_json` writes them."""
    return {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
    }


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether both are equal, with all members in the same order."""
    return json.dumps(first) == json.dumps(second)


TENANT = texts({"site_name": "Feedback", "subdomain": None, "custom_domain": None})
FEATURES = {"name": "Feature Requests", "description": None, "slug": "feature-requests"}


def user(number: int, email: str, name: str, *, role: str = "user", status: str = "active") -> dict[str, str]:
    return texts({"id": number, "email": email, "full_name": name, "role": role, "status": status, **AT})


def owner(make: Factory) -> dict[str, str]:
    return user(make.owner, "owner@example.com", "Owner", role="owner")


def board(make: Factory) -> dict[str, str]:
    return texts({"id": make.boards["Feature Requests"], **FEATURES, **AT})


def post(
    make: Factory, number: int, title: str, slug: str, *, author: int | None, description: str | None = None
) -> dict[str, str]:
    return texts(
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
    return variables(delivery)


THROUGH = pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])


@THROUGH
async def test_a_new_post_has_author_and_board(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    await endpoint(make)
    if through == "productlift":
        await productlift.post("/posts", json={"title": "Dark mode", "description": 'At "night"\nonly'})
    elif through == "astuto":
        new = {"title": "Dark mode", "description": 'At "night"\nonly', "board_id": make.boards["Feature Requests"]}
        await astuto.post("/posts", json=new)
    else:
        await make.post(title="Dark mode", description='At "night"\nonly')

    sent = await only_call(make, expander, "new_post")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner, description='At "night"\nonly'),
        "post_author": owner(make),
        "board": board(make),
    }
    assert same(sent, expected)


@pytest.mark.parametrize(
    ("state", "trigger"),
    [("approved", "new_post"), ("pending", "new_post_pending_approval"), ("rejected", None)],
)
async def test_the_trigger_of_a_post_depends_on_its_first_state(
    state: str, trigger: str | None, make: Factory, expander: AstutoExpander
) -> None:
    await endpoint(make)
    created = await make.post(moderation=state)
    # Decisions before the call is made change nothing.
    await make.act(lambda work: moderation.set(work, created, "approved" if state != "approved" else "pending"))

    assert [delivery.kind for delivery in await expand(make, expander)] == ([] if trigger is None else [trigger])


async def test_a_pending_post_by_the_policy_of_the_portal_is_sent_as_pending(
    make: Factory, expander: AstutoExpander, productlift: Client
) -> None:
    await endpoint(make)
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    jane = await make.user()
    await forget_events(make)
    await productlift.post("/posts", json={"title": "Dark mode", "user_id": await make.uuid(jane)})
    state = await make.value("SELECT moderation FROM posts")

    kinds = [delivery.kind for delivery in await expand(make, expander)]

    assert kinds == [{"approved": "new_post", "pending": "new_post_pending_approval"}[state]]


@THROUGH
async def test_a_deleted_post_has_its_id_only(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    created = await make.post()
    await endpoint(make)
    if through == "productlift":
        await productlift.delete(f"/posts/{await make.code(created)}")
    elif through == "astuto":
        await astuto.delete(f"/posts/{created}")
    else:
        await make.act(lambda work: update.delete(work, created))

    assert same(await only_call(make, expander, "delete_post"), {"tenant": TENANT, "post": {"id": str(created)}})


@THROUGH
async def test_a_status_change_has_the_new_status(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    created, planned = await make.post(title="Dark mode"), make.statuses["Planned"]
    await endpoint(make)
    if through == "productlift":
        await productlift.put(f"/posts/{await make.code(created)}", json={"status_id": planned})
    elif through == "astuto":
        await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": planned})
    else:
        await make.act(lambda work: update.change_status(work, created, planned, user_id=make.owner))

    sent = await only_call(make, expander, "post_status_change")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner),
        "post_author": owner(make),
        "board": board(make),
        "post_status": texts({"id": planned, "name": "Planned", "color": "#0096ff", "show_in_roadmap": True, **AT}),
    }
    assert same(sent, expected)


async def test_a_removed_status_has_a_name_and_a_color_but_no_id(
    make: Factory, astuto: Client, expander: AstutoExpander
) -> None:
    created = await make.post(status="Planned")
    await endpoint(make)

    await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": None})

    sent = await only_call(make, expander, "post_status_change")
    assert same(sent["post_status"], {"name": "None", "color": "#000000"})


async def test_each_status_change_has_the_status_of_its_time(
    make: Factory, astuto: Client, expander: AstutoExpander
) -> None:
    created = await make.post()
    await endpoint(make)
    for name in ("Planned", "Completed", "Rejected"):
        await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": make.statuses[name]})
    await make.act(lambda work: statuses.delete(work, make.statuses["Completed"]))

    sent = [variables(delivery)["post_status"] for delivery in await expand(make, expander)]

    assert [status["name"] for status in sent] == ["Planned", "Completed", "Rejected"]
    assert sent[1] == {"id": str(make.statuses["Completed"]), "name": "Completed", "color": "#6ac47c"}


@THROUGH
async def test_a_comment_has_its_author_and_its_post(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    created = await make.post(title="Dark mode", author=jane)
    await endpoint(make)
    if through == "productlift":
        await productlift.post(f"/posts/{await make.code(created)}/comments", json={"comment": "Well said"})
    elif through == "astuto":
        await astuto.post("/comments", json={"post_id": created, "body": "Well said"})
    else:
        await make.comment(created, body="Well said")

    sent = await only_call(make, expander, "new_comment")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=jane),
        "post_author": user(jane, "jane@example.com", "Jane Roe"),
        "board": board(make),
        "comment": texts({"id": 1, "body": "Well said", "user_id": make.owner, "post_id": created, **AT}),
        "comment_author": owner(make),
    }
    assert same(sent, expected)


@THROUGH
async def test_a_vote_has_its_voter_and_its_post(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    created = await make.post(title="Dark mode")
    await endpoint(make)
    if through == "productlift":
        await productlift.post(f"/posts/{await make.code(created)}/votes/{await make.uuid(jane)}")
    elif through == "astuto":
        await astuto.post("/votes", json={"post_id": created, "impersonated_user_id": jane})
    else:
        await make.vote(created, jane)

    sent = await only_call(make, expander, "new_vote")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner),
        "post_author": owner(make),
        "board": board(make),
        "vote_author": user(jane, "jane@example.com", "Jane Roe"),
    }
    assert same(sent, expected)


async def test_authors_are_the_impersonated_users(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    jane = await make.user(name="Jane Roe")
    created = await make.post()
    await endpoint(make)
    new_post = {"title": "Dark mode", "board_id": make.boards["Bug Reports"], "impersonated_user_id": jane}
    await astuto.post("/posts", json=new_post)
    await astuto.post("/comments", json={"post_id": created, "body": "Well said", "impersonated_user_id": jane})
    await astuto.post("/votes", json={"post_id": created, "impersonated_user_id": jane})

    sent = {delivery.kind: variables(delivery) for delivery in await expand(make, expander)}

    assert sent["new_post"]["post_author"]["full_name"] == "Jane Roe"
    assert sent["new_comment"]["comment_author"]["full_name"] == "Jane Roe"
    assert sent["new_vote"]["vote_author"]["full_name"] == "Jane Roe"
    assert sent["new_vote"]["post_author"]["full_name"] == "Owner"


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator", "sign_on"])
async def test_a_new_user_is_sent_whoever_created_it(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    await endpoint(make)
    email = "jane@example.com"
    if through == "productlift":
        await productlift.post("/users", json={"name": "Jane Roe", "email": email, "role": "member"})
    elif through == "astuto":
        await astuto.post("/users", json={"full_name": "Jane Roe", "email": email})
    elif through == "operator":
        await make.user(name="Jane Roe", email=email)
    else:
        who = SignOn(email, "j1", "Jane Roe", {})
        await make.act(lambda work: sign_on.sign_on(work, who))

    sent = await only_call(make, expander, "new_user")

    jane = await make.value("SELECT max(id) FROM users")
    assert same(sent, {"tenant": TENANT, "user": user(jane, email, "Jane Roe")})


async def test_a_repeated_registration_sends_nothing(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    await endpoint(make)
    for _ in range(2):
        await astuto.post("/users", json={"full_name": "Jane Roe", "email": "jane@example.com"})

    assert [delivery.kind for delivery in await expand(make, expander)] == ["new_user"]


async def test_a_user_has_its_role_and_its_status(make: Factory, expander: AstutoExpander) -> None:
    await endpoint(make, "new_user")
    created = [await make.user(role=role) for role in ("user", "moderator", "admin", "user", "user")]
    await make.act(lambda work: users.block(work, created[3]))
    await make.act(lambda work: deletion.delete(work, created[4], with_content=False))

    sent = [variables(delivery)["user"] for delivery in await expand(make, expander)]

    assert [(one["role"], one["status"]) for one in sent] == [
        ("user", "active"),
        ("moderator", "active"),
        ("admin", "active"),
        ("user", "blocked"),
        ("user", "deleted"),
    ]
    assert sent[4]["full_name"] == "[User Deleted]"
    assert sent[4]["email"] == f"deleted-{created[4]}@deleted.invalid"


async def test_an_anonymous_post_has_no_author(make: Factory, expander: AstutoExpander) -> None:
    await endpoint(make, body='{"author": "{{ post_author.full_name | escape_json }}", "id": "{{ post.user_id }}"}')
    created = await make.post()
    await make.run("UPDATE posts SET user_id = NULL WHERE id = :id", id=created)

    (payload,) = payloads(await expand(make, expander))

    assert payload["body"] == '{"author":"","id":""}'


async def test_what_has_no_trigger_is_not_sent(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    jane = await make.user()
    waiting, created = await make.post(moderation="pending"), await make.post()
    written, voted = await make.comment(created), await make.vote(created, jane)
    await endpoint(make)

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
    webhook = await endpoint(make, event)
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
    await endpoint(make)
    created = await make.post(title="Dark mode", author=jane, description="At night")
    await make.vote(created, jane)
    written = await make.comment(created, author=jane, body="Well said")
    await make.act(lambda work: comments.delete(work, written, with_replies=True))
    await make.act(lambda work: update.delete(work, created))

    sent = {delivery.kind: variables(delivery) for delivery in await expand(make, expander)}

    about = {
        "post": post(make, created, "Dark mode", "dark-mode", author=jane, description="At night"),
        "post_author": user(jane, "jane@example.com", "Jane Roe"),
        "board": board(make),
    }
    assert list(sent) == ["new_post", "new_vote", "new_comment", "delete_post"]
    assert same(sent["new_post"], {"tenant": TENANT, **about})
    assert same(sent["new_vote"], {"tenant": TENANT, **about, "vote_author": about["post_author"]})
    said = texts({"id": written, "body": "Well said", "user_id": jane, "post_id": created, **AT})
    author = about["post_author"]
    assert same(sent["new_comment"], {"tenant": TENANT, **about, "comment": said, "comment_author": author})


async def test_a_comment_that_went_with_its_post_is_not_sent(make: Factory, expander: AstutoExpander) -> None:
    await endpoint(make)
    created = await make.post()
    await make.comment(created)
    await make.act(lambda work: update.delete(work, created))

    assert [delivery.kind for delivery in await expand(make, expander)] == ["new_post", "delete_post"]


async def test_a_portal_sees_nothing_of_another(make: Factory, expander: AstutoExpander) -> None:
    other, boss = await make.new_portal("Other", host="other.example.com", email="boss@other.example.com")
    here, there = await endpoint(make), await endpoint(make, portal=other)
    await make.post(title="Here")
    await make.post(title="There", author=boss, portal=other)

    sent_here = await expand(make, expander)
    sent_there = await expand(make, expander, portal=other)

    assert [(delivery.kind, delivery.webhook_id) for delivery in sent_here] == [("new_post", here)]
    assert [(delivery.kind, delivery.webhook_id) for delivery in sent_there] == [("new_post", there)]
    (one,), (two,) = map(variables, sent_here), map(variables, sent_there)
    assert (one["tenant"]["site_name"], one["post"]["title"]) == ("Feedback", "Here")
    assert same(two["tenant"], texts({"site_name": "Other", "subdomain": None, "custom_domain": "other.example.com"}))
    assert (two["post"]["title"], two["post_author"]["email"]) == ("There", "boss@other.example.com")


async def test_a_url_with_tags_is_stored_encrypted(make: Factory, expander: AstutoExpander) -> None:
    await endpoint(make, url="https://h.example.com/{{ post.id }}?key=s3cret&t={{ post.title }}", body=None)
    await make.post(title='A "title" & more é\t😀')

    (payload,) = payloads(await expand(make, expander))

    assert "s3cret" not in json.dumps(payload)
    url = CIPHER.decrypt(payload.pop("url"))
    assert url == "https://h.example.com/1?key=s3cret&t=A%20%22title%22%20&%20more%20%C3%A9%09%F0%9F%98%80"
    assert payload == {"body": None, "content_type": None, "error": None}


@pytest.mark.parametrize("body", [None, "", " \n", "{% if post_status %}{}{% endif %}"])
async def test_an_empty_body_sends_none(body: str | None, make: Factory, expander: AstutoExpander) -> None:
    await endpoint(make, body=body)
    await make.post()

    assert payloads(await expand(make, expander)) == [{"body": None, "content_type": None, "url": None, "error": None}]


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
    await endpoint(make, body=template)
    await make.post()

    (payload,) = payloads(await expand(make, expander))

    assert (payload["body"], payload["content_type"]) == (body, "application/json")


NOT_JSON = "the rendered body is not JSON:"


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{{ post.title }}", f"{NOT_JSON} Expecting value at line 1, column 1 of the rendered text"),
        (
            '{\n"a": "{{ post.title }}"\n}',
            f"{NOT_JSON} Expecting ',' delimiter at line 2, column 12 of the rendered text",
        ),
        ('{"a": {{ post_status.id }} }', f"{NOT_JSON} Expecting value at line 1, column 8 of the rendered text"),
        ("[1] [2]", f"{NOT_JSON} Extra data at line 1, column 5 of the rendered text"),
        ("[NaN]", "the rendered body has a number that JSON can't have"),
        ("[1e999]", "the rendered body has a number that JSON can't have"),
        ('"\\ud800"', "the rendered body has half of a surrogate pair"),
        ("[" * 60_000, "the rendered body is nested too deeply"),
        ("{{ 1 | divided_by: 0 }}", "the body could not be rendered: line 1: divided_by: can't divide by 0"),
    ],
)
async def test_a_body_that_is_not_json_fails_with_the_reason(
    template: str, error: str, make: Factory, expander: AstutoExpander
) -> None:
    await endpoint(make, body=template)
    await make.post(title='Say "hi"')

    (payload,) = payloads(await expand(make, expander))

    assert payload == {"body": None, "content_type": None, "url": None, "error": error}


async def test_a_template_that_fails_does_not_affect_other_endpoints(make: Factory, expander: AstutoExpander) -> None:
    broken = await endpoint(make, url="https://a.example.com/{{ 1 | divided_by: 0 }}")
    slow = await endpoint(make, body="{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 100)
    fine = await endpoint(make, body="{{ post.id }}")
    await make.run("UPDATE webhooks SET url = 'unreadable' WHERE id = :id", id=await endpoint(make))
    await make.post()

    sent = await expand(make, expander)

    outcomes = [(payload["body"], payload["error"]) for payload in payloads(sent)]
    assert [delivery.webhook_id for delivery in sent][:3] == [broken, slow, fine]
    assert outcomes == [
        (None, "the URL could not be rendered: line 1: divided_by: can't divide by 0"),
        (None, "the body could not be rendered: line 1: it takes too long"),
        ("1", None),
        (None, "its templates are encrypted with another secret of the server"),
    ]


async def test_slow_templates_do_not_hold_up_the_other_events(make: Factory, expander: AstutoExpander) -> None:
    slow = await endpoint(make, body="{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 100)
    fine = await endpoint(make, body="{{ post.id }}")
    for _ in range(20):
        await make.post()

    sent = await expand(make, expander)

    reasons = [payload["error"] for payload in payloads(sent) if payload["error"]]
    tried = reasons.count("the body could not be rendered: line 1: it takes too long")
    skipped = reasons.count("its templates took more than 1 second for the events before this one")
    # Each try takes at least a fifth of a second.
    assert 1 <= tried <= 6
    assert tried + skipped == len(reasons) == 20
    assert [delivery.webhook_id for delivery in sent] == [slow, fine] * 20
    assert [payload["body"] for payload in payloads(sent)][1::2] == [str(number) for number in range(1, 21)]


async def test_only_enabled_endpoints_of_the_format_are_called(make: Factory, expander: AstutoExpander) -> None:
    off = await endpoint(make)
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
            await endpoint(make)
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

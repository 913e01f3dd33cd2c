"""A client chooses the `Host` of its request. It must not choose where the links of mail to others lead."""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.application import Application
from app.domain.posts import follows
from app.domain.users import users
from app.outbox.assembly import build_channels, build_urls, build_worker
from app.settings import Settings
from app.web import response_time
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.forms import send_form
from tests.support.smtp_sink import Sink, run_sink
from tests.support.worker import FAST, eventually

FORGED = "http://evil.example"
OWN_ADDRESS = "http://127.0.0.1:8000"
JANE = "jane@example.com"


@pytest.fixture(autouse=True)
def quick_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_time, "MIN_REQUEST_SECONDS", 0.0)


async def send_all(server: Application, sink: Sink) -> None:
    """Run the worker until it has sent an email."""
    urls = build_urls(server.settings, server.database)
    channels = build_channels(server.settings, server.database, server.services.cipher, urls)
    worker = build_worker(server.settings, server.database, server.services.cipher, channels=channels, limits=FAST)
    worker.start()

    async def is_sent() -> bool:
        return bool(sink.messages)

    try:
        await eventually(is_sent)
    finally:
        await worker.stop()


async def ask_for_reset(make: Factory, visitor: Client, moderator: Client) -> None:
    assert (await send_form(visitor, "/password-reset", {"email": JANE})).status_code == 200


async def ask_for_confirmation(make: Factory, visitor: Client, moderator: Client) -> None:
    assert (await send_form(visitor, "/confirm-email", {"email": JANE})).status_code == 200


async def ask_to_sign_in(make: Factory, visitor: Client, moderator: Client) -> None:
    assert (await send_form(visitor, "/login", {"email": JANE, "password": ""})).status_code == 200


async def invite(make: Factory, visitor: Client, moderator: Client) -> None:
    jane = await make.value("SELECT id FROM users WHERE email = :email", email=JANE)
    await make.act(lambda work: users.invite(work, jane, None))


async def comment(make: Factory, visitor: Client, moderator: Client) -> None:
    jane = await make.value("SELECT id FROM users WHERE email = :email", email=JANE)
    post = await make.post(author=jane)
    await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    created = await moderator.post("/comments", json={"post_id": post, "body": "Look"})
    assert created.status_code == 201


Cause = Callable[[Factory, Client, Client], Awaitable[None]]


@pytest.mark.parametrize(
    ("changed", "host", "expected"),
    [
        ({}, None, OWN_ADDRESS),
        ({}, "feedback.example.com", "https://feedback.example.com"),
        ({}, "localhost", "http://localhost:8000"),
        ({"base_url": "https://example.com/feedback"}, None, "https://example.com/feedback"),
    ],
)
@pytest.mark.parametrize("cause", [ask_for_reset, ask_for_confirmation, ask_to_sign_in, invite, comment])
async def test_no_link_in_mail_has_the_host_of_a_request(
    cause: Cause,
    changed: dict[str, Any],
    host: str | None,
    expected: str,
    make: Factory,
    settings: Settings,
    clock: TestClock,
) -> None:
    await make.user(email=JANE)
    moderator = await make.user(role="moderator")
    key = await make.key(moderator, "astuto")
    # Without a host, the only portal is found on every host.
    request_host = FORGED if host is None else f"http://{host}"
    await make.run("UPDATE portals SET host = :host", host=host)
    with run_sink() as sink:
        url = f"smtp://127.0.0.1:{sink.port}?starttls=off"
        async with (
            running_application(settings, clock, smtp_url=url, mail_from="f@example.com", **changed) as server,
            Client(server, token=key, host=request_host) as client,
            client.of(None, base=server.services.public.path, host=request_host) as visitor,
        ):
            # The newest event is one of a request to the forged host.
            board = make.boards["Feature Requests"]
            created = await client.post("/posts", json={"title": "Dark mode", "board_id": board})
            assert created.status_code == 201
            await cause(make, visitor, client)
            await send_all(server, sink)

    (message,) = sink.messages
    unsubscribe = str(message["List-Unsubscribe"] or "")
    part = message.get_body(("plain",))
    assert part is not None
    links = re.findall(r"https?://[^\s<>]+", part.get_content() + unsubscribe)
    assert JANE in str(message["To"])
    assert links
    assert all(link == expected or link.startswith(f"{expected}/") for link in links), links
    assert ("/unsubscribe" in unsubscribe) == (cause is comment)
    assert "evil.example" not in message.as_string()


async def test_a_link_leads_to_the_portals_own_host_where_there_are_several(server: Application, make: Factory) -> None:
    await make.run("UPDATE portals SET host = 'one.example.com'")
    other, _ = await make.new_portal("Other", host="two.example.com", email="other@example.com")
    public = server.settings.model_copy(update={"base_url": "https://example.com:8443/feedback"})

    found = [
        await build_urls(settings, server.database).find(portal)
        for settings in (server.settings, public)
        for portal in (make.portal, other)
    ]

    assert found == [
        "https://one.example.com",
        "https://two.example.com",
        "https://one.example.com:8443/feedback",
        "https://two.example.com:8443/feedback",
    ]

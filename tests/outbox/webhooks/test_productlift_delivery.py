"""ProductLift's events on their way from an API to a real receiver, through the worker."""

import hmac
import json
from typing import Any

from app.adapters.outbound_http import OutboundClient
from app.adapters.storage.signed_urls import FileSigner
from app.application import Application
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.productlift import ProductLiftExpander
from app.outbox.webhooks.sender import WebhookSender, record_state
from tests.adapters.outbound import LOOPBACK
from tests.conftest import SECRET, TestClock
from tests.support.clients import HOST, Client
from tests.support.factory import Factory
from tests.support.raw_receiver import raw_receiver, respond, response
from tests.support.webhook_rows import CIPHER
from tests.support.worker import eventually, working

PORTAL_SECRET = "the secret of the portal"


async def test_the_events_of_both_apis_reach_a_receiver_signed_and_in_order(
    make: Factory, server: Application, productlift: Client, astuto: Client, clock: TestClock
) -> None:
    jane = await make.user()
    uuid = await make.uuid(jane)
    async with raw_receiver(respond(response())) as receiver:
        settings = EndpointSettings(url=receiver.url)

        def set_up(work: Any) -> None:
            endpoints.add(work, dialect="productlift", settings=settings, encrypt=CIPHER.encrypt)
            endpoints.set_secret(work, PORTAL_SECRET, encrypt=CIPHER.encrypt)

        await make.act(set_up)
        post = (await productlift.post("/posts", json={"title": "Dark mode", "user_id": uuid})).json()["data"]
        await astuto.post("/votes", json={"post_id": 1, "impersonated_user_id": jane})
        comment = (await astuto.post("/comments", json={"post_id": 1, "body": "Yes"})).json()["id"]
        await productlift.post("/posts/1/comments", json={"comment": "Psst", "internal": True})
        await astuto.put("/posts/1/update_status", json={"post_status_id": make.statuses["Planned"]})
        await productlift.delete(f"/posts/1/comments/{comment}")
        await productlift.delete(f"/posts/1/votes/{uuid}")
        await astuto.delete("/posts/1")

        secret = SECRET.encode()
        expander = ProductLiftExpander(secret=secret, signer=FileSigner(secret, clock=clock))
        sender = WebhookSender(server.database, OutboundClient(allowed_networks=LOOPBACK), CIPHER, clock=clock)
        async with working(server, {"webhook": sender}, expanders=[expander], after_attempt=[record_state]):
            await eventually(lambda: has_received(receiver.requests, 7))

    calls = [json.loads(request.body) for request in receiver.requests]
    assert [call["event"] for call in calls] == [
        *("post.created", "vote.created", "comment.created", "post.status_changed"),
        *("comment.deleted", "vote.deleted", "post.deleted"),
    ]
    assert {call["event"] for call in calls} == set(EVENTS["productlift"])
    for request, call in zip(receiver.requests, calls, strict=True):
        assert request.line == "POST /hook HTTP/1.1"
        assert request.values("content-type") == ["application/json"]
        signature = hmac.new(PORTAL_SECRET.encode(), request.body, "sha256").hexdigest()
        assert request.values("signature") == [signature]
        assert list(call) == ["id", "creation_time", "event", "data"]
        assert call["data"]["post"]["id"] == post["id"]
        assert call["data"]["post"]["url"] == f"{HOST}/p/dark-mode-{post['id']}"
        assert call["data"]["user"]["id"] in (uuid, await make.uuid(make.owner))
    assert len({call["id"] for call in calls}) == 7
    assert await make.rows("SELECT state, response_status, count(*) AS n FROM deliveries GROUP BY 1, 2") == [
        {"state": "delivered", "response_status": 200, "n": 7}
    ]


async def has_received(requests: list[Any], number: int) -> bool:
    return len(requests) >= number

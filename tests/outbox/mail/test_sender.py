"""The sender of emails: from a claimed delivery to a real mail server, on both engines."""

from dataclasses import replace
from typing import Any

import pytest

from app.adapters.encryption import SecretCipher
from app.adapters.smtp import SmtpClient
from app.adapters.smtp_server import SmtpServer
from app.application import Application
from app.domain.errors import ServiceUnavailable
from app.domain.notifications.content import Account, Content
from app.domain.outbox.deliveries import ClaimedDelivery
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.outbox.base import Outcome, Result, Sender
from app.outbox.mail.sender import MailSender
from tests.conftest import TestClock
from tests.outbox.mail.contents import SENDER, UNSUBSCRIBE, UUID, make_content, part_of
from tests.support.factory import Factory
from tests.support.smtp_sink import Sink, run_sink

CIPHER = SecretCipher(b"a secret of the server, 0123456789")


def claim(portal_id: int, kind: str = "comment", **fields: Any) -> ClaimedDelivery:
    delivery = ClaimedDelivery(
        1, portal_id, UUID, "claim", "email", kind, 1, None, 3, 17, None, False, 1, "2026-01-12 09:00:00+00:00"
    )
    return replace(delivery, **fields)


def make_sender(server: Application, sink: Sink, load_content: Any, clock: TestClock) -> MailSender:
    return MailSender(
        SmtpClient(SmtpServer("127.0.0.1", sink.port, "off")),
        server.database,
        mail_from=SENDER,
        cipher=CIPHER,
        load_content=load_content,
        make_unsubscribe_url=lambda content: f"{UNSUBSCRIBE}{content.user_id}",
        base_url="https://feedback.example.com",
        clock=clock,
    )


async def test_an_email_says_what_is_true_when_it_is_sent(make: Factory, server: Application, clock: TestClock) -> None:
    def load(work: UnitOfWork, delivery: ClaimedDelivery) -> Content:
        assert (work.portal_id, delivery.post_id, work.base_url) == (make.portal, 17, "https://feedback.example.com")
        return replace(make_content(delivery.kind), portal_title=portals.get_current(work)["title"])

    with run_sink() as sink:
        sender: Sender = make_sender(server, sink, load, clock)
        first = await sender.send(claim(make.portal))
        second = await sender.send(claim(make.portal))
        await sender.close()

    title = (await make.rows("SELECT title FROM portals"))[0]["title"]
    assert first == Outcome(Result.DELIVERED, response_status=250, response_body="queued as 1")
    assert second.result is Result.DELIVERED
    message, repeated = sink.messages
    assert str(message["Subject"]) == f'[{title}] New comment on "Dark mode for the whole interface"'
    assert str(message["List-Unsubscribe"]) == f"<{UNSUBSCRIBE}3>"
    assert message["Message-ID"] == repeated["Message-ID"] == f"<{UUID}@feedback.example.com>"
    assert sink.envelopes[0].rcpt_tos == ["jane@example.com"]
    assert sink.connections_count == 1


async def test_an_email_that_must_not_be_sent_any_more_is_cancelled(
    make: Factory, server: Application, clock: TestClock
) -> None:
    with run_sink() as sink:
        sender = make_sender(server, sink, lambda _work, _delivery: "the post was rejected", clock)
        outcome = await sender.send(claim(make.portal))
        await sender.close()

    assert outcome == Outcome(Result.CANCELLED, "the post was rejected")
    assert sink.connections_count == 0


@pytest.mark.parametrize(
    ("command", "reply", "result", "status"),
    [
        ("RCPT", "550 no such user", Result.FAILED, 550),
        ("RCPT", "450 greylisted", Result.RETRY, 450),
        ("MAIL", "550 not yours", Result.RETRY, 550),
        ("DATA", "554 spam", Result.FAILED, 554),
    ],
)
async def test_the_answer_of_the_mail_server_decides_the_outcome(
    make: Factory, server: Application, clock: TestClock, command: str, reply: str, result: Result, status: int
) -> None:
    with run_sink() as sink:
        sink.replies[command] = reply
        sender = make_sender(server, sink, lambda _work, delivery: make_content(delivery.kind), clock)
        outcome = await sender.send(claim(make.portal))
        await sender.close()

    assert (outcome.result, outcome.response_status) == (result, status)
    assert outcome.error is not None
    assert reply in outcome.error
    assert sink.envelopes == []


async def test_a_mail_server_that_is_away_is_tried_again(make: Factory, server: Application, clock: TestClock) -> None:
    with run_sink() as sink:
        pass
    sender = make_sender(server, sink, lambda _work, delivery: make_content(delivery.kind), clock)

    outcome = await sender.send(claim(make.portal))
    await sender.close()

    assert (outcome.result, outcome.response_status) == (Result.RETRY, None)
    assert "refuses connections" in (outcome.error or "")


async def test_an_email_waits_for_the_database(make: Factory, server: Application, clock: TestClock) -> None:
    def load(_work: UnitOfWork, _delivery: ClaimedDelivery) -> Content:
        raise ServiceUnavailable("the database does not answer")

    with run_sink() as sink:
        sender = make_sender(server, sink, load, clock)
        outcome = await sender.send(claim(make.portal))
        await sender.close()

    assert outcome == Outcome(Result.RETRY, "the database is not available")
    assert sink.connections_count == 0


async def test_an_encrypted_content_is_decrypted_for_sending_only(
    make: Factory, server: Application, clock: TestClock
) -> None:
    link = "https://feedback.example.com/invitations/k3Y"

    def load(_work: UnitOfWork, delivery: ClaimedDelivery) -> Content:
        return replace(make_content(delivery.kind), account=Account(delivery.payload))

    with run_sink() as sink:
        sender = make_sender(server, sink, load, clock)
        payload = CIPHER.encrypt(link)
        sent = await sender.send(claim(make.portal, "invitation", payload=payload, is_encrypted=True))
        foreign = SecretCipher(b"another secret of another server").encrypt(link)
        unreadable = await sender.send(claim(make.portal, "invitation", payload=foreign, is_encrypted=True))
        await sender.close()

    assert sent.result is Result.DELIVERED
    assert f"\n{link}\n" in part_of(sink.messages[0], "plain")
    assert unreadable == Outcome(Result.RETRY, "it is encrypted with another secret of the server")
    assert len(sink.envelopes) == 1

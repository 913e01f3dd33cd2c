"""The client of mail servers: real conversations on loopback, encrypted and not, and servers that misbehave."""

import asyncio
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from app.adapters.smtp import MAX_MESSAGES_PER_CONNECTION, SmtpClient, SmtpTimeouts
from app.adapters.smtp_errors import SmtpError
from app.adapters.smtp_server import SmtpServer, Tls
from tests.support.smtp_sink import PASSWORD, USER, make_certificate, run_sink, run_stream_server

SENDER, RECIPIENT = "feedback@example.com", "jane@example.com"


def make_message(recipient: str = RECIPIENT, text: str = "Hello\n.\n..dots\n") -> EmailMessage:
    message = EmailMessage()
    local_part, _, domain = recipient.rpartition("@")
    message["From"] = SENDER
    message["To"] = Address("Jané", local_part, domain)
    message["Subject"] = "Grüße"
    message.set_content(text)
    return message


def server(port: int, *, tls: Tls = "off", login: bool = False, host: str = "127.0.0.1") -> SmtpServer:
    return SmtpServer(host, port, tls, *((USER, PASSWORD) if login else ()))


async def send(client: SmtpClient, recipient: str = RECIPIENT) -> tuple[int, str]:
    return await client.send(make_message(recipient), sender=SENDER, recipient=recipient)


async def fail(client: SmtpClient, recipient: str = RECIPIENT) -> SmtpError:
    with pytest.raises(SmtpError) as failure:
        await send(client, recipient)
    await client.close()
    assert PASSWORD not in str(failure.value)
    assert "\n" not in str(failure.value)
    return failure.value


async def test_an_email_arrives_unchanged() -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port))

        assert await send(client) == (250, "queued as 1")
        await client.close()

    (envelope,) = sink.envelopes
    (message,) = sink.messages
    assert (envelope.mail_from, envelope.rcpt_tos) == (SENDER, [RECIPIENT])
    assert message.get_content() == "Hello\r\n.\r\n..dots\r\n"
    assert (message["Subject"], str(message["To"])) == ("Grüße", "Jané <jane@example.com>")
    assert sink.commands == ["MAIL", "RCPT", "DATA", "QUIT"]


async def test_many_emails_use_one_connection() -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port))

        await asyncio.gather(*(send(client) for _ in range(5)))
        await client.close()

    assert len(sink.envelopes) == 5
    assert sink.connections_count == 1


async def test_a_connection_is_replaced_after_as_many_emails_as_servers_accept() -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port))

        for _ in range(MAX_MESSAGES_PER_CONNECTION + 1):
            await send(client)
        await client.close()

    assert sink.connections_count == 2


async def test_an_idle_connection_is_closed_and_the_next_email_opens_another() -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port), timeouts=SmtpTimeouts(idle=0.01))

        await send(client)
        await asyncio.to_thread(sink.quit.wait, 10)
        await send(client)
        await client.close()

    assert sink.connections_count == 2
    assert len(sink.envelopes) == 2


@pytest.mark.parametrize("reply", ["421 bye", "500 what"])
async def test_a_connection_that_the_server_ended_meanwhile_is_replaced(reply: str) -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port))

        await send(client)
        sink.replies["RSET"] = reply
        await send(client)
        await client.close()

    assert sink.connections_count == 2
    assert len(sink.envelopes) == 2


@pytest.mark.parametrize("tls", ["required", "optional", "implicit"])
async def test_an_encrypted_connection_logs_in(tls: Tls, tmp_path: Path) -> None:
    server_context, client_context = make_certificate(tmp_path)
    contexts: dict[str, Any] = {"tls" if tls == "implicit" else "starttls": server_context}
    with run_sink(login=True, **contexts) as sink:
        client = SmtpClient(server(sink.port, tls=tls, login=True, host="localhost"), tls_context=client_context)

        await send(client)
        await client.close()

    (envelope,) = sink.envelopes
    assert envelope.rcpt_tos == [RECIPIENT]
    assert sink.is_encrypted == [True]


async def test_optional_encryption_is_used_when_offered_whatever_the_certificate(tmp_path: Path) -> None:
    server_context, _ = make_certificate(tmp_path, host="other.example.com")
    lines: list[str] = []
    with run_sink(starttls=server_context) as sink:
        client = SmtpClient(server(sink.port, tls="optional"), log_line=lines.append)
        await send(client)
        await client.close()
    with run_sink() as plain:
        client = SmtpClient(server(plain.port, tls="optional"))
        await send(client)
        await client.close()

    assert "* encrypted with TLSv1.3" in lines
    assert (sink.is_encrypted, plain.is_encrypted) == ([True], [False])


@pytest.mark.parametrize("tls", ["required", "implicit"])
async def test_a_wrong_certificate_is_rejected_before_the_login(tls: Tls, tmp_path: Path) -> None:
    server_context, _ = make_certificate(tmp_path)
    other_host, trusting = make_certificate(tmp_path, host="other.example.com")
    reasons = []
    for context, trusted in ((server_context, None), (other_host, trusting)):
        contexts: dict[str, Any] = {"tls" if tls == "implicit" else "starttls": context}
        with run_sink(login=True, **contexts) as sink:
            client = SmtpClient(server(sink.port, tls=tls, login=True), tls_context=trusted)
            error = await fail(client)
            reasons.append(str(error).replace(str(sink.port), "PORT"))
            assert (error.is_permanent, sink.commands) == (False, [])

    assert reasons == [
        "127.0.0.1:PORT has a certificate that is not valid, so set SSL_CERT_FILE to the bundle of its authority: "
        "self-signed certificate",
        "127.0.0.1:PORT has a certificate that is not valid, so write the host of EARSHOT_SMTP_URL as the certificate "
        "has it: IP address mismatch, certificate is not valid for '127.0.0.1'.",
    ]


async def test_required_encryption_that_is_not_offered_ends_the_attempt_before_the_login() -> None:
    with run_sink(login=True) as sink:
        error = await fail(SmtpClient(server(sink.port, tls="required", login=True)))

    assert str(error) == (
        f"127.0.0.1:{sink.port} does not offer STARTTLS, which is required, "
        "so write smtps://, another port or ?starttls=optional in EARSHOT_SMTP_URL"
    )
    assert error.summary == f"127.0.0.1:{sink.port} does not offer STARTTLS"
    assert (error.is_permanent, sink.commands) == (False, [])


NEEDS_LOGIN = "requires a login, so add user and password to EARSHOT_SMTP_URL"
NEEDS_TLS = "requires encryption, so write ?starttls=required or smtps:// in EARSHOT_SMTP_URL"
NO_RELAY = "does not relay emails of this client to others, so add user and password to EARSHOT_SMTP_URL"


@pytest.mark.parametrize(
    ("command", "reply", "reason", "is_permanent"),
    [
        ("MAIL", "450 later", "rejected the sender, EARSHOT_MAIL_FROM: 450 later", False),
        ("MAIL", "553 not yours", "rejected the sender, EARSHOT_MAIL_FROM: 553 not yours", False),
        ("MAIL", "530 log in", f"{NEEDS_LOGIN}: 530 log in", False),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS first", f"{NEEDS_TLS}: 530 5.7.0 Must issue a STARTTLS first", False),
        ("MAIL", "535 no", f"{NEEDS_LOGIN}: 535 no", False),
        ("MAIL", "538 not like this", f"{NEEDS_TLS}: 538 not like this", False),
        ("RCPT", "450 greylisted", "rejected the recipient: 450 greylisted", False),
        ("RCPT", "550 5.1.1 no such user", "rejected the recipient: 550 5.1.1 no such user", True),
        ("RCPT", "554 5.7.1 Relay access denied", f"{NO_RELAY}: 554 5.7.1 Relay access denied", False),
        ("RCPT", "530 log in", f"{NEEDS_LOGIN}: 530 log in", False),
        ("DATA", "451 try again", "rejected the message: 451 try again", False),
        ("DATA", "552 too large", "rejected the message: 552 too large", True),
        ("DATA", "421 closing", "rejected the message: 421 closing", False),
    ],
)
async def test_a_rejection_is_final_only_for_the_email_itself(
    command: str, reply: str, reason: str, is_permanent: bool
) -> None:
    with run_sink() as sink:
        client = SmtpClient(server(sink.port))
        sink.replies[command] = reply
        with pytest.raises(SmtpError) as failure:
            await send(client)
        del sink.replies[command]
        await send(client)
        await client.close()

    assert str(failure.value) == f"127.0.0.1:{sink.port} {reason}"
    assert (failure.value.is_permanent, failure.value.status) == (is_permanent, int(reply[:3]))
    assert str(failure.value).startswith(failure.value.summary)
    assert reply[4:] not in failure.value.summary
    assert len(sink.envelopes) == 1
    # A wrong address costs no connection.
    assert sink.connections_count == (1 if command == "RCPT" else 2)


async def test_a_wrong_password_is_the_operators_fault() -> None:
    with run_sink(login=True) as sink:
        wrong = SmtpServer("127.0.0.1", sink.port, "off", USER, "wrong-password")
        error = await fail(SmtpClient(wrong))

    assert str(error) == (
        f"127.0.0.1:{sink.port} rejected the user and the password of EARSHOT_SMTP_URL: "
        "535 5.7.8 Authentication credentials invalid"
    )
    assert error.summary == f"127.0.0.1:{sink.port} rejected the user and the password of EARSHOT_SMTP_URL"
    assert (error.is_permanent, error.status) == (False, 535)


async def test_a_server_that_asks_a_client_with_a_login_for_one_names_the_login() -> None:
    with run_sink(login=True) as sink:
        sink.replies["MAIL"] = "530 5.7.0 log in"
        sink.replies["RCPT"] = "550 relaying denied"
        rejected = await fail(SmtpClient(server(sink.port, login=True)))
        del sink.replies["MAIL"]
        denied = await fail(SmtpClient(server(sink.port, login=True)))

    assert str(rejected) == (
        f"127.0.0.1:{sink.port} rejected the user and the password of EARSHOT_SMTP_URL: 530 5.7.0 log in"
    )
    assert str(denied) == (f"127.0.0.1:{sink.port} does not relay emails of this client to others: 550 relaying denied")


async def test_a_login_that_is_not_offered_is_the_operators_fault() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while await reader.readline():
            writer.write(b"250 fine\r\n")

    with run_stream_server(talk) as port:
        error = await fail(SmtpClient(server(port, login=True)))

    assert str(error) == (
        f"127.0.0.1:{port} offers no login, so remove user and password from EARSHOT_SMTP_URL, "
        "or encrypt the connection with ?starttls=required"
    )
    assert error.is_permanent is False


async def test_the_conversation_is_logged_without_the_password() -> None:
    lines: list[str] = []
    with run_sink(login=True) as sink:
        client = SmtpClient(server(sink.port, login=True), log_line=lines.append)
        await send(client)
        await client.close()

    conversation = "\n".join(lines)
    assert lines[0] == f"* connecting to 127.0.0.1:{sink.port}"
    assert lines[1].startswith("< 220 mx.example.com")
    assert [line for line in lines if line.startswith("> ")][1:] == [
        "> AUTH PLAIN ***" if "> AUTH PLAIN ***" in lines else "> AUTH LOGIN ***",
        f"> MAIL FROM:<{SENDER}>",
        f"> RCPT TO:<{RECIPIENT}>",
        next(line for line in lines if line.startswith("> DATA (")),
        "> QUIT",
    ]
    assert "< 250 queued as 1" in lines
    for secret in (PASSWORD, "cEBzczp3L3JkLXpxdmt4dw"):
        assert secret not in conversation


@pytest.mark.parametrize("method", ["LOGIN", "PLAIN", "CRAM-MD5"])
async def test_no_method_of_login_logs_the_password(method: str) -> None:
    lines: list[str] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        while line := await reader.readline():
            if line.startswith(b"EHLO"):
                writer.write(f"250-mx\r\n250 AUTH {method}\r\n".encode())
            elif line.startswith(b"AUTH") and method != "PLAIN":
                writer.write(b"334 VXNlcm5hbWU6\r\n")
            elif line.startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                writer.close()
                return
            else:
                # A server that repeats what it got.
                writer.write(b"535 no: " + line.strip() + b" " + PASSWORD.encode() + b"\r\n")

    with run_stream_server(talk) as port:
        error = await fail(SmtpClient(server(port, login=True), log_line=lines.append))

    conversation = "\n".join([*lines, str(error)])
    assert f"> AUTH {method}" in conversation
    for secret in (PASSWORD, "cEBzczp3L3JkLXpxdmt4dw", "ZmVlZGJhY2tAZXhhbXBsZS5jb20AcEBzczp3"):
        assert secret not in conversation
    # Nothing of what was sent after the name of the method is shown, not even the user.
    sent = [line for line in lines if line.startswith("> ")]
    assert set(sent[1:]) <= {f"> AUTH {method}", f"> AUTH {method} ***", "> ***"}


@pytest.mark.parametrize("smtputf8", [True, False])
async def test_an_international_domain_is_sent_in_the_form_that_the_server_accepts(smtputf8: bool) -> None:
    with run_sink(smtputf8=smtputf8) as sink:
        client = SmtpClient(server(sink.port))
        await send(client, "jane@straße.example")
        await client.close()

    form = "straße.example" if smtputf8 else "xn--strae-oqa.example"
    (envelope,) = sink.envelopes
    assert envelope.rcpt_tos == [f"jane@{form}"]
    assert f"<jane@{form}>".encode() in envelope.original_content
    assert ("SMTPUTF8" in envelope.mail_options) is smtputf8


async def test_an_international_local_part_needs_the_servers_support() -> None:
    with run_sink(smtputf8=True) as sink:
        client = SmtpClient(server(sink.port))
        await send(client, "jörg@example.com")
        await client.close()
    with run_sink() as plain:
        error = await fail(SmtpClient(server(plain.port)), "jörg@example.com")

    (envelope,) = sink.envelopes
    assert envelope.rcpt_tos == ["jörg@example.com"]
    assert "Jané <jörg@example.com>".encode() in envelope.original_content
    assert str(error) == "the address has letters before the @ that the mail server does not support (SMTPUTF8)"
    assert (error.is_permanent, plain.envelopes) == (True, [])


@pytest.mark.parametrize("recipient", ["jane@exa\u00adm\u0000ple..é", "jane doe@example.com", "a>b@example.com"])
async def test_an_address_that_cannot_be_written_in_smtp_fails_for_good(recipient: str) -> None:
    with run_sink() as sink:
        error = await fail(SmtpClient(server(sink.port)), recipient)

    assert error.is_permanent
    assert sink.envelopes == []


async def test_check_logs_in_and_sends_nothing(tmp_path: Path) -> None:
    server_context, client_context = make_certificate(tmp_path)
    with run_sink(login=True, starttls=server_context) as sink:
        client = SmtpClient(server(sink.port, tls="required", login=True, host="localhost"), tls_context=client_context)
        await client.check()
        await client.close()
        refused = SmtpClient(SmtpServer("localhost", sink.port, "required", USER, "wrong"), tls_context=client_context)
        with pytest.raises(SmtpError, match="rejected the user and the password"):
            await refused.check()
        await refused.close()

    assert sink.commands == ["QUIT"]

"""The settings of mail: the server, and the sender."""

import pytest

from app.adapters.mailbox import Mailbox
from app.adapters.smtp_server import SmtpServer
from app.settings import InvalidSettings, Settings
from tests.support.messages import is_documented


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", SmtpServer("localhost", 25, "optional")),
        ("smtp://relay.example.com:2525/", SmtpServer("relay.example.com", 2525, "optional")),
        ("smtp://relay.example.com?starttls=off", SmtpServer("relay.example.com", 25, "off")),
        ("smtp://relay.example.com?starttls=required", SmtpServer("relay.example.com", 25, "required")),
        ("smtp://me:p%40ss@mail.example.com", SmtpServer("mail.example.com", 587, "required", "me", "p@ss")),
        ("smtp://me%40a.example:pw@127.0.0.1:25", SmtpServer("127.0.0.1", 25, "optional", "me@a.example", "pw")),
        ("smtp://me:pw@[::1]?starttls=off", SmtpServer("::1", 587, "off", "me", "pw")),
        ("smtps://me:pw@mail.example.com", SmtpServer("mail.example.com", 465, "implicit", "me", "pw")),
        ("smtps://mail.example.com:4465", SmtpServer("mail.example.com", 4465, "implicit")),
    ],
)
def test_a_password_goes_over_the_network_only_encrypted(url: str, server: SmtpServer) -> None:
    settings = Settings.load(smtp_url=url, mail_from="feedback@example.com")

    assert settings.smtp_url == url
    assert SmtpServer.parse(url) == server


def test_a_mail_server_needs_a_sender() -> None:
    with pytest.raises(InvalidSettings) as refusal:
        Settings.load(smtp_url="smtp://me:secret@mail.example.com")

    assert is_documented(refusal.value.state)
    assert str(refusal.value) == (
        "EARSHOT_SMTP_URL needs EARSHOT_MAIL_FROM, the sender of the emails: "
        "set EARSHOT_MAIL_FROM to an address that the mail server accepts, such as feedback@example.com"
    )


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ("feedback@example.com", Mailbox("feedback@example.com")),
        (" feedback@example.com ", Mailbox("feedback@example.com")),
        ("Feedback <feedback@example.com>", Mailbox("feedback@example.com", "Feedback")),
        ('"Jané, team" <feedback@example.com>', Mailbox("feedback@example.com", "Jané, team")),
        ("<feedback@example.com>", Mailbox("feedback@example.com")),
    ],
)
def test_a_sender_is_an_address_with_or_without_a_name(text: str, mailbox: Mailbox) -> None:
    assert Mailbox.parse(Settings.load(mail_from=text).mail_from or "") == mailbox

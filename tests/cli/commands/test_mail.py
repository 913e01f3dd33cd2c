"""`earshot mail test`: one email, and the conversation with a real mail server, without the password."""

import asyncio
from pathlib import Path
from urllib.parse import quote

import pytest

from app.server import startup
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.conftest import SECRET
from tests.support.commands import Earshot
from tests.support.processes import free_port
from tests.support.smtp_sink import PASSWORD, USER, make_certificate, run_sink


@pytest.fixture
def cli(cli_without_portal: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Commands without a database, with a sender."""
    monkeypatch.chdir(tmp_path)
    for name in ("EARSHOT_DATABASE_URL", "EARSHOT_SMTP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EARSHOT_SECRET_KEY", SECRET)
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "Feedback <feedback@example.com>")
    return cli_without_portal


@pytest.fixture
def cli_with_portal(operator_settings: None, cli_without_portal: Cli) -> Cli:
    """Commands with a database."""
    asyncio.run(startup.make_first_portal(Settings.load(), demo=False))
    return cli_without_portal


def set_server(monkeypatch: pytest.MonkeyPatch, port: int, *, password: str | None = None, query: str = "") -> None:
    login = "" if password is None else f"{quote(USER)}:{quote(password, safe='')}@"
    monkeypatch.setenv("EARSHOT_SMTP_URL", f"smtp://{login}127.0.0.1:{port}{query}")


def test_one_email_is_sent_and_the_conversation_is_printed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_sink(login=True) as sink:
        set_server(monkeypatch, sink.port, password=PASSWORD)
        done = cli.run("mail", "test", "jane@example.com")

    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"* connecting to 127.0.0.1:{sink.port}"
    assert "> RCPT TO:<jane@example.com>" in lines
    assert "< 250 queued as 1" in lines
    assert lines[-1] == "the mail server has accepted the email to jane@example.com"
    (message,) = sink.messages
    assert str(message["From"]) == "Feedback <feedback@example.com>"
    assert str(message["To"]) == "jane@example.com"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "earshot mail test" in message.get_content()
    assert PASSWORD not in done.out


def test_the_result_is_printed_as_json(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_sink() as sink:
        set_server(monkeypatch, sink.port)
        output = cli.json("mail", "test", "jane@example.com")

    assert (output["sent"], output["error"]) == (True, None)
    assert "< 250 queued as 1" in output["conversation"]


def test_a_wrong_password_is_shown_where_it_fails(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_sink(login=True) as sink:
        set_server(monkeypatch, sink.port, password="wrong-zqvkxw")
        done = cli.run("mail", "test", "jane@example.com")

    assert done.code == 1
    assert "< 535 5.7.8 Authentication credentials invalid" in done.out.splitlines()
    assert done.out.endswith("the email was not sent\n")
    assert done.err == (
        f"earshot: 127.0.0.1:{sink.port} rejected the user and the password of EARSHOT_SMTP_URL: "
        "535 5.7.8 Authentication credentials invalid\n"
    )
    assert "zqvkxw" not in done.out + done.err


@pytest.mark.parametrize(
    ("command", "reply"), [("MAIL", "550 not your address"), ("RCPT", "550 no such user"), ("DATA", "554 spam")]
)
def test_a_rejected_email_is_shown_where_it_fails(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str, reply: str
) -> None:
    with run_sink() as sink:
        sink.replies[command] = reply
        set_server(monkeypatch, sink.port)
        done = cli.run("mail", "test", "jane@example.com")

    lines = done.out.splitlines()
    assert done.code == 1
    assert reply in done.err
    assert lines.index(f"< {reply}") == next(at for at, line in enumerate(lines) if line.startswith(f"> {command}")) + 1


def test_a_server_without_the_required_encryption_is_reported(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with run_sink() as sink:
        set_server(monkeypatch, sink.port, query="?starttls=required")
        done = cli.run("mail", "test", "jane@example.com")

    assert (done.code, done.err) == (
        1,
        f"earshot: 127.0.0.1:{sink.port} does not offer STARTTLS, which is required, so write smtps://, another port "
        "or ?starttls=optional in EARSHOT_SMTP_URL\n",
    )
    assert "> MAIL" not in done.out


def test_a_certificate_of_a_private_authority_needs_its_bundle(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, _ = make_certificate(tmp_path)
    with run_sink(starttls=context) as sink:
        set_server(monkeypatch, sink.port, query="?starttls=required")
        refused = cli.run("mail", "test", "jane@example.com")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
        accepted = cli.run("mail", "test", "jane@example.com")

    assert "so set SSL_CERT_FILE to the bundle of its authority: self-signed certificate" in refused.err
    assert (accepted.code, len(sink.envelopes)) == (0, 1)
    assert "* encrypted with TLSv1.3" in accepted.out.splitlines()


def test_without_a_mail_server_it_says_what_to_set(cli: Cli) -> None:
    assert cli.error("mail", "test", "jane@example.com") == (
        "there is no mail server: set EARSHOT_SMTP_URL and EARSHOT_MAIL_FROM"
    )


def test_an_address_with_other_letters_needs_a_server_that_supports_them(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_sink(smtputf8=True) as sink, run_sink() as plain:
        set_server(monkeypatch, sink.port)
        cli.json("mail", "test", "jörg@example.com")
        set_server(monkeypatch, plain.port)
        error = cli.run("mail", "test", "jörg@example.com").err

    assert [envelope.rcpt_tos for envelope in sink.envelopes] == [["jörg@example.com"]]
    assert error == ("earshot: the address has letters before the @ that the mail server does not support (SMTPUTF8)\n")
    assert plain.envelopes == []


def test_a_wrong_address_is_a_usage_error(cli: Cli) -> None:
    assert "must be an e-mail address" in cli.usage_error("mail", "test", "jane")


def test_the_real_command_needs_no_database(tmp_path: Path) -> None:
    with run_sink() as sink:
        settings = {"EARSHOT_SMTP_URL": f"smtp://127.0.0.1:{sink.port}", "EARSHOT_MAIL_FROM": "feedback@example.com"}
        done = Earshot(tmp_path, tmp_path / "cache", settings).run("mail", "test", "jane@example.com")

    assert (done.code, done.err, len(sink.envelopes)) == (0, "", 1)
    assert [str(message["From"]) for message in sink.messages] == ["Earshot <feedback@example.com>"]
    assert not (tmp_path / "data").exists()


def test_without_a_name_in_the_settings_the_sender_has_that_of_the_portal(
    cli_with_portal: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "feedback@example.com")
    with run_sink() as sink:
        set_server(monkeypatch, sink.port)
        cli_with_portal.json("portals", "set", "title", "Ideas & wishes")
        cli_with_portal.json("mail", "test", "jane@example.com")
        cli_with_portal.json("portals", "set", "host", "feedback.example.com")
        cli_with_portal.json("portals", "create", "--title", "Other", "--host", "other.example.com")
        cli_with_portal.json("mail", "test", "jane@example.com")

    assert [str(message["From"]) for message in sink.messages] == [
        "Ideas & wishes <feedback@example.com>",
        "Earshot <feedback@example.com>",
    ]


@pytest.mark.parametrize(
    ("scheme", "reason"),
    [
        ("smtp", "refuses connections, so check host and port of EARSHOT_SMTP_URL"),
        ("smtps", "does not begin with TLS, so write smtp:// instead of smtps:// in EARSHOT_SMTP_URL"),
        ("login", "requires a login, so add user and password to EARSHOT_SMTP_URL: 530 5.7.0 Authentication required"),
    ],
)
def test_a_wrong_setting_is_named(cli: Cli, monkeypatch: pytest.MonkeyPatch, scheme: str, reason: str) -> None:
    with run_sink(login=scheme == "login") as sink:
        port = free_port() if scheme == "smtp" else sink.port
        monkeypatch.setenv("EARSHOT_SMTP_URL", f"{scheme.replace('login', 'smtp')}://127.0.0.1:{port}")
        done = cli.run("mail", "test", "jane@example.com")

    assert (done.code, done.err) == (1, f"earshot: 127.0.0.1:{port} {reason}\n")
    assert "Errno" not in done.out

"""`earshot mail …`."""

import asyncio
from dataclasses import replace
from typing import Annotated, Final

import typer

from app.adapters.database import utc_now
from app.adapters.mailbox import Mailbox
from app.backends import open_smtp_client
from app.cli.errors import EXPECTED_ERRORS, CommandError
from app.cli.output import print_result
from app.cli.params import JsonOption, known_email_address
from app.settings import Settings

DEFAULT_NAME: Final = "Earshot"
"""The name of the sender without another one."""

group = typer.Typer(name="mail", help="The mail server.", no_args_is_help=True)


@group.callback()
def _mail() -> None:
    """The mail server."""


@group.command("test")
def send_test(
    email: Annotated[str, typer.Argument(parser=known_email_address, metavar="ADDRESS", help="Who gets the email.")],
    as_json: JsonOption = False,
) -> None:
    """Send one email now, and print the conversation with the mail server.

    `>` is what was sent, `<` what the server answered; the password is masked. The exit code is 1 if the server did not
    accept the email. It needs no database. If EARSHOT_MAIL_FROM has no name, the email has the portal's title as the
    name of its sender.

    \b
    earshot mail test jane@example.com
    """
    settings = Settings.load()
    if settings.sender is None or settings.smtp_url is None:
        raise CommandError("there is no mail server: set EARSHOT_SMTP_URL and EARSHOT_MAIL_FROM")
    sender = settings.sender if settings.sender.name else replace(settings.sender, name=_find_title())
    conversation: list[str] = []
    # A person sees at which line a slow server hangs.
    error = asyncio.run(_send(settings, sender, email, conversation, is_shown=not as_json))
    result = {"sent": error is None, "error": error, "conversation": conversation}
    text = f"the mail server has accepted the email to {email}" if error is None else "the email was not sent"
    print_result(result, text, as_json=as_json)
    if error is not None:
        raise CommandError(error)


def _find_title() -> str:
    """The title of the portal; the name of the program without a database, and where there are several portals."""
    from app.cli.database import run_read_all_portals
    from app.domain.portals import portals

    try:
        rows = run_read_all_portals(portals.list_all)
    except EXPECTED_ERRORS:
        # The database has nothing to do with what is tested.
        return DEFAULT_NAME
    return str(rows[0]["title"]) if len(rows) == 1 else DEFAULT_NAME


async def _send(
    settings: Settings, sender: Mailbox, recipient: str, conversation: list[str], *, is_shown: bool
) -> str | None:
    """Send the email, and add the lines of the conversation. The reason if it was not sent."""
    from app.adapters.smtp_errors import SmtpError
    from app.outbox.mail.messages import build_test_message

    def log_line(line: str) -> None:
        conversation.append(line)
        if is_shown:
            typer.echo(line)

    client = open_smtp_client(settings, log_line=log_line)
    assert client is not None
    message = build_test_message(mail_from=sender, recipient=recipient, now=utc_now())
    try:
        await client.send(message, sender=sender.address, recipient=recipient)
    except SmtpError as error:
        return str(error)
    finally:
        await client.close()
    return None

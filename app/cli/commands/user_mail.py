"""`earshot users invite` and `earshot users notifications`: what is mailed to a user."""

import shlex
import sys
from typing import Annotated, Final

import typer

from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.lookup import find_user_id
from app.cli.output import Output, format_fields, print_result
from app.cli.params import JsonOption, PortalOption, UserArgument, choice_param
from app.domain.errors import NotFound
from app.domain.models.outbox import CADENCES
from app.domain.models.users import RECAPS
from app.domain.notifications import choices
from app.domain.notifications.choices import Choices
from app.domain.notifications.kinds import NOTIFICATION_KINDS
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import emails, users
from app.outbox.channels import channels_of
from app.settings import Settings

MAX_MESSAGE_LENGTH: Final = 1000
"""As in ProductLift's dialect."""


def invite(
    user: UserArgument,
    message_stdin: Annotated[
        bool,
        typer.Option(
            "--message-stdin",
            help="Read the text below the greeting, `Hello Jane,`, from standard input; %link% becomes the link.",
        ),
    ] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an invitation by email.

    For the first time or again. The user must have no password yet. The link in the email is valid for 90 days; the
    links of earlier invitations end. The user chooses a name and a password.

    \b
    earshot users invite jane@example.com
    printf %s "$TEXT" | earshot users invite jane@example.com --message-stdin
    """
    message = _read_message() if message_stdin else None

    def operation(work: UnitOfWork) -> Output:
        user_id = _find_invited(work, user)
        users.invite(work, user_id, message)
        result, text = {"id": user_id, "invited": True}, f"{user} is invited; the email is queued"
        if "email" in channels_of(Settings.load()):
            return result, text
        return result, (
            f"{text}, and waits until mail is set up; `earshot outbox list --channel email` shows its id when a worker "
            "runs, and `earshot outbox show ID` prints it"
        )

    print_result(*run_write(operation, portal=portal), as_json=as_json)


def _find_invited(work: UnitOfWork, user: str) -> int:
    try:
        return find_user_id(work, user)
    except NotFound:
        if not emails.is_valid_email(user):
            raise
        raise CommandError(
            f"there is no user {user}: create the user first (earshot users create --email {shlex.quote(user)})"
        ) from None


def notifications(
    work: UnitOfWork,
    user: UserArgument,
    kind: Annotated[
        str | None,
        typer.Option(
            callback=choice_param(tuple(NOTIFICATION_KINDS)),
            metavar="KIND",
            help=f"One of {', '.join(NOTIFICATION_KINDS)}; with --cadence.",
        ),
    ] = None,
    cadence: Annotated[
        str | None,
        typer.Option(callback=choice_param(CADENCES), metavar="|".join(CADENCES), help="How often, for --kind."),
    ] = None,
    recap: Annotated[
        str | None,
        typer.Option(callback=choice_param(RECAPS), metavar="|".join(RECAPS), help="The summary for the team."),
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Allow all notifications, as chosen, or stop all.")
    ] = None,
) -> Output:
    """Show or change the notifications of a user.

    `daily` and `weekly` collect them to one email at 15:00 UTC, weekly on Mondays. The summary for the team has the
    numbers of new posts and of those that wait for approval.

    \b
    earshot users notifications jane@example.com
    earshot users notifications jane@example.com --kind comment --cadence daily
    earshot users notifications jane@example.com --off
    """
    if (kind is None) != (cadence is None):
        raise typer.BadParameter("give --kind and --cadence together")
    user_id = find_user_id(work, user)
    if kind is not None and cadence is not None:
        choices.set_choice(work, user_id, kind, cadence)
    if recap is not None:
        choices.set_recap(work, user_id, recap)
    if enabled is not None:
        choices.set_enabled(work, user_id, enabled)
    return _format_choices(user_id, choices.get_choices(work, user_id))


def _format_choices(user_id: int, chosen: Choices) -> Output:
    result = {"id": user_id, "enabled": chosen.enabled, "recap": chosen.recap, "kinds": dict(chosen.cadences)}
    lines = {"notifications": "on" if chosen.enabled else "off", **chosen.cadences}
    if chosen.recap is not None:
        lines["recap"] = chosen.recap
    return result, format_fields(lines)


def _read_message() -> str:
    """Read the text of an invitation from standard input."""
    try:
        message = sys.stdin.read(MAX_MESSAGE_LENGTH + 2).strip()
        message.encode()
    except UnicodeError:
        raise CommandError("the text must be in UTF-8") from None
    if not message or len(message) > MAX_MESSAGE_LENGTH or "\0" in message:
        raise CommandError(f"the text must have 1 to {MAX_MESSAGE_LENGTH} characters, without a NUL")
    return message

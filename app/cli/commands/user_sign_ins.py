"""`earshot users sign-in-link`, `sessions`, `awaiting` and `approve`."""

from typing import Annotated

import typer

from app.cli.base_url import find_base_url
from app.cli.lookup import find_user_id
from app.cli.output import Note, Output, table
from app.cli.portal_commands import read_command, write_command
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sessions, sign_in, sign_up
from app.domain.users.sign_in_requests import LIFETIME
from app.public_url import SIGN_IN_LINK
from app.settings import Settings

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Address, id or UUID.")]


def sign_in_link(work: UnitOfWork, user: UserArgument) -> Output:
    """Print a link by which a user signs in, without mail.

    It works once, for 15 minutes. Whoever has it is the user, so pass it on to nobody else.

    \b
    earshot users sign-in-link jane@example.com
    """
    user_id = find_user_id(work, user)
    token = sign_in.create_link(work, user_id)
    url = f"{find_base_url(work, Settings.load())}{SIGN_IN_LINK}?token={token}"
    minutes = int(LIFETIME.total_seconds() // 60)
    result = {"id": user_id, "url": url, "expires_at": format_seconds(work.now + LIFETIME)}
    return result, url, Note(f"the link works once, for {minutes} minutes", with_json=False)


def list_sessions(
    work: UnitOfWork,
    user: UserArgument,
    end: Annotated[bool, typer.Option("--end", help="End all sessions of the user.")] = False,
) -> Output:
    """List or end the sessions of a user.

    A session is a browser in which the user is signed in. The last used one is the first.

    \b
    earshot users sessions jane@example.com
    earshot users sessions jane@example.com --end
    """
    user_id = find_user_id(work, user)
    if end:
        count = sessions.revoke_all(work, user_id)
        return {"id": user_id, "ended": count}, f"{count} {'session was' if count == 1 else 'sessions were'} ended"
    return table(
        "sessions",
        (
            {
                "id": session.id,
                "method": session.method,
                "created_at": format_seconds(session.created_at),
                "last_used_at": format_seconds(session.last_used_at),
                "browser": session.user_agent,
            }
            for session in sessions.list_of_user(work, user_id)
        ),
    )


def list_awaiting(work: UnitOfWork) -> Output:
    """List the users who await the approval of the team.

    These have signed up; the oldest 1000.

    \b
    earshot users awaiting
    earshot users approve jane@example.com
    """
    return table(
        "users",
        (
            {
                "id": row["id"],
                "email": row["email"],
                "name": row["name"],
                "signed_up_at": format_seconds(row["signed_up_at"]),
                "email_confirmed": row["email_confirmed_at"] is not None,
            }
            for row in sign_up.list_awaiting(work)
        ),
    )


def approve(work: UnitOfWork, user: UserArgument) -> Output:
    """Approve a user who signed up.

    This is for portals that need the team's approval. The user is told by mail.

    `earshot portals set sign-up approval` makes sign-up need an approval.

    \b
    earshot users approve jane@example.com
    """
    user_id = find_user_id(work, user)
    sign_up.approve(work, user_id)
    return {"id": user_id, "approved": True}, f"{user} may sign in now; the email is queued"


def add_commands(group: typer.Typer) -> None:
    """Add these commands to `earshot users`."""
    write_command(group, "sign-in-link")(sign_in_link)
    write_command(group, "sessions")(list_sessions)
    read_command(group, "awaiting")(list_awaiting)
    write_command(group)(approve)

"""`earshot users …`."""

import sys
from typing import Annotated, Any, Final

import typer

from app.adapters import passwords
from app.cli.database import run_read, run_write
from app.cli.errors import CommandError
from app.cli.lookup import USER_COLUMNS, find_user, find_user_id
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, text_param
from app.domain.models.users import ROLES
from app.domain.sql.timestamps import format_seconds
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails, users

LEAST_PASSWORD: Final = 8
MOST_PASSWORD: Final = 1024

group = typer.Typer(help="People, their roles and passwords.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Address, id or UUID.")]


def role_of(value: str) -> str:
    if value not in ROLES:
        raise typer.BadParameter(f"must be one of {', '.join(reversed(ROLES))}")
    return value


@group.command()
def create(
    email: Annotated[str, typer.Option(help="The address; unique in the portal.")],
    name: Annotated[
        str | None, typer.Option(parser=text_param(), metavar="NAME", help="The name; from the address when left out.")
    ] = None,
    role: Annotated[
        str, typer.Option(callback=role_of, metavar="|".join(reversed(ROLES)), help="What the user may do.")
    ] = "user",
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read a password from standard input; nobody can sign in yet."),
    ] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a user.

    \b
    earshot users create --email jane@example.com --name "Jane Roe" --role moderator
    printf %s "$PASSWORD" | earshot users create --email jane@example.com --password-stdin
    """
    if not emails.is_valid_email(email.strip()):
        raise CommandError(f"{email} is no e-mail address")
    password_hash = passwords.hash_password(_password()) if password_stdin else None

    def operation(work: UnitOfWork) -> dict[str, Any]:
        user_id = users.create(
            work,
            email=email,
            name=name or users.display_name_from(email.strip()),
            role=role,
            password_hash=password_hash,
        )
        return {"id": user_id, "uuid": str(USER_COLUMNS.by_id(work, user_id)[1])}

    made = run_write(operation, portal=portal)
    print_result(made, f"user {made['id']} ({made['uuid']}) was created", as_json=as_json)


@group.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most this many.")] = 100,
    offset: Annotated[int, typer.Option("--skip", min=0, help="Pass over this many first.")] = 0,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """List users, oldest first."""
    rows = run_read(lambda work: USER_COLUMNS.page(work, newest_first=False, offset=offset, limit=limit), portal=portal)
    print_table("users", [_shown(row) for row in rows], as_json=as_json)


@group.command()
def block(user: UserArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Keep a user from acting. Their keys end for good."""

    def operation(work: UnitOfWork) -> dict[str, Any]:
        users.block(work, find_user_id(work, user))
        return _shown(find_user(work, user))

    print_result(run_write(operation, portal=portal), f"{user} is blocked", as_json=as_json)


@group.command()
def unblock(user: UserArgument, portal: PortalOption = None, as_json: JsonOption = False) -> None:
    """Let a blocked user act again. Keys that ended stay ended."""

    def operation(work: UnitOfWork) -> dict[str, Any]:
        users.unblock(work, find_user_id(work, user))
        return _shown(find_user(work, user))

    print_result(run_write(operation, portal=portal), f"{user} is not blocked", as_json=as_json)


@group.command("role")
def role_(
    user: UserArgument,
    role: Annotated[str, typer.Argument(callback=role_of, metavar="|".join(reversed(ROLES)))],
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user another role. Keys that the new role has no right to end for good.

    \b
    earshot users role jane@example.com admin
    """

    def operation(work: UnitOfWork) -> dict[str, Any]:
        users.update(work, find_user_id(work, user), role=role)
        return _shown(find_user(work, user))

    print_result(run_write(operation, portal=portal), f"{user} is {role}", as_json=as_json)


@group.command()
def password(
    user: UserArgument,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input; there is no other way.")
    ] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user a password.

    No effect yet: there is no page to sign in at.

    \b
    printf %s "$PASSWORD" | earshot users password jane@example.com --password-stdin
    """
    if not password_stdin:
        raise typer.BadParameter("a password is read from standard input only: add --password-stdin")
    password_hash = passwords.hash_password(_password())

    def operation(work: UnitOfWork) -> dict[str, Any]:
        users.update(work, find_user_id(work, user), password_hash=password_hash)
        return _shown(find_user(work, user))

    print_result(run_write(operation, portal=portal), f"{user} has a new password", as_json=as_json)


def _password() -> str:
    """The password on standard input, without the line's end that `echo` adds."""
    given = sys.stdin.read(MOST_PASSWORD + 2).removesuffix("\n").removesuffix("\r")
    if not LEAST_PASSWORD <= len(given) <= MOST_PASSWORD:
        raise CommandError(f"a password has from {LEAST_PASSWORD} to {MOST_PASSWORD} characters")
    if "\0" in given:
        raise CommandError("a password can't contain a NUL character")
    return given


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row[0],
        "uuid": row[1],
        "email": row[2],
        "name": row[3],
        "role": row[4],
        "blocked": row[5] is not None,
        "deleted": row[6] is not None,
        "posts": row[7],
        "votes": row[8],
        "comments": row[9],
        "created_at": format_seconds(row[10]),
    }

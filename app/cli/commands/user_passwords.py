"""`earshot users password`, and passwords from standard input."""

import sys
from typing import Annotated, Final

import typer

from app.adapters import passwords
from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.lookup import find_user, find_user_id, serialize_user
from app.cli.output import Output, print_result
from app.cli.params import JsonOption, PortalOption, UserArgument
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import users

MIN_PASSWORD_LENGTH: Final = 8
MAX_PASSWORD_LENGTH: Final = 1024
MAX_HASH_LENGTH: Final = 255


def password(
    user: UserArgument,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    hash_stdin: Annotated[
        bool,
        typer.Option("--hash-stdin", help="Read a bcrypt or argon2 hash of the password from standard input."),
    ] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set the password of a user. One of --password-stdin and --hash-stdin is required.

    The user is told by mail. It has no other effect yet: there is no sign-in page.

    \b
    printf %s "$PASSWORD" | earshot users password jane@example.com --password-stdin
    printf %s "$HASH" | earshot users password jane@example.com --hash-stdin
    """
    if password_stdin and hash_stdin:
        raise typer.BadParameter("give --password-stdin or --hash-stdin, not both")
    if not password_stdin and not hash_stdin:
        raise typer.BadParameter(
            "a password is read from standard input only: add --password-stdin, or --hash-stdin for its hash"
        )
    password_hash = _read_hash() if hash_stdin else passwords.hash_password(read_password())

    def operation(work: UnitOfWork) -> Output:
        users.update(work, find_user_id(work, user), password_hash=password_hash)
        return serialize_user(find_user(work, user)), f"{user} has a new password"

    print_result(*run_write(operation, portal=portal), as_json=as_json)


def read_password() -> str:
    """Read the password from standard input, without the newline that `echo` adds."""
    try:
        password = sys.stdin.read(MAX_PASSWORD_LENGTH + 2).removesuffix("\n").removesuffix("\r")
        password.encode()
    except UnicodeError:
        raise CommandError("a password must be text in UTF-8") from None
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise CommandError(f"a password must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    if "\0" in password:
        raise CommandError("a password can't contain a NUL character")
    return password


def _read_hash() -> str:
    """Read the hash of a password from standard input."""
    try:
        password_hash = sys.stdin.read(MAX_HASH_LENGTH + 2).strip()
    except UnicodeError:
        password_hash = ""
    if len(password_hash) > MAX_HASH_LENGTH or not passwords.is_verifiable(password_hash):
        raise CommandError(
            "this is not a hash of bcrypt ($2a$, $2b$ or $2y$, of cost 4 to 16) or of argon2 "
            "(v=19, with less than 1 GB of memory); quote it in the shell, which replaces $ in a text"
        )
    return password_hash

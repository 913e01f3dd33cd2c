"""`earshot portals sso-secret`."""

import secrets
import sys
from typing import Annotated, Final

import typer

from app.cli.database import run_write
from app.cli.errors import CommandError
from app.cli.output import print_result
from app.cli.params import JsonOption, PortalOption
from app.cli.secret import require_secret
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings

MIN_SSO_SECRET: Final = 16
MAX_SSO_SECRET: Final = 255


def sso_secret(
    is_new: Annotated[bool, typer.Option("--new", help="Replace the secret by a new one.")] = False,
    from_stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the secret from standard input, such as the one used before.")
    ] = False,
    is_off: Annotated[bool, typer.Option("--off", help="Remove the secret, which turns sign-on off.")] = False,
    portal: PortalOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the secret of single sign-on. The first call creates it, which turns sign-on on.

    Your own server signs a token with it, and sends people to /sso?token=TOKEN. Tokens that were signed with a
    replaced secret are not valid any more. A secret that is read from standard input is stored, but not printed.

    \b
    earshot portals sso-secret
    earshot portals sso-secret --new
    printf %s "$SECRET" | earshot portals sso-secret --stdin
    """
    from app.adapters.encryption import SecretCipher, UnreadableSecret
    from app.domain.users import sign_on

    if is_new + from_stdin + is_off > 1:
        raise typer.BadParameter("give one of --new, --stdin and --off")
    given = _read_sso_secret() if from_stdin else None
    settings = Settings.load()

    def operation(work: UnitOfWork) -> str | None:
        cipher, stored = SecretCipher(require_secret(work, settings)), sign_on.get_secret(work)
        if is_off:
            sign_on.set_secret(work, None)
            return None
        if stored is not None and given is None and not is_new:
            try:
                return cipher.decrypt(stored)
            except UnreadableSecret:
                raise CommandError(
                    "the secret was encrypted with another secret key of the server and can't be read: "
                    "replace it with --new or --stdin"
                ) from None
        secret = given or secrets.token_urlsafe(32)
        sign_on.set_secret(work, cipher.encrypt(secret))
        return secret

    secret = run_write(operation, portal=portal)
    if from_stdin:
        print_result({"stored": True}, "the secret of single sign-on is stored", as_json=as_json)
        return
    print_result({"secret": secret}, secret or "single sign-on is off", as_json=as_json)


def _read_sso_secret() -> str:
    """Read the secret from standard input."""
    try:
        secret = sys.stdin.read(MAX_SSO_SECRET + 2).strip()
    except UnicodeError:
        secret = ""
    if not MIN_SSO_SECRET <= len(secret) <= MAX_SSO_SECRET or not secret.isprintable():
        raise CommandError(f"the secret must have {MIN_SSO_SECRET} to {MAX_SSO_SECRET} printable characters")
    return secret

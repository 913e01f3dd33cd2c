"""`earshot users password`, and `users create` with a password."""

import pytest

from app.adapters import passwords
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.support.commands import Earshot

OWNER = "owner@example.com"


def test_a_password_is_read_from_standard_input_and_hashed(cli: Cli, rows: Rows) -> None:
    created = cli.json("users", "create", "--email", "jane@example.com", "--password-stdin", stdin="open sesame\n")
    (first,) = rows("SELECT password_hash FROM users WHERE id = :id", id=created["id"])
    cli.json("users", "password", "jane@example.com", "--password-stdin", stdin="another one")
    (second,) = rows("SELECT password_hash FROM users WHERE id = :id", id=created["id"])

    assert passwords.verify_and_rehash("open sesame", first["password_hash"]).is_valid
    assert passwords.verify_and_rehash("another one", second["password_hash"]).is_valid
    assert cli.error("users", "password", OWNER, "--password-stdin", stdin="short") == (
        "a password must have 8 to 1024 characters"
    )
    assert "add --password-stdin" in cli.usage_error("users", "password", OWNER)


BCRYPT = "$04$bQKc2k9wgMRfmni/YCi.G.tz2AyJJ1J80vqLHSpAbsWgW0mj/M36i"
HASHES = [
    *(f"${kind}{BCRYPT}" for kind in ("2a", "2b", "2y")),
    "$2b$11$cOZh2eooMPzsoIfudpmTeugHeKrFwCHCzjSWppvfx.kZvZOixRhMC",
    "$argon2id$v=19$m=64,t=1,p=1$+z8nxBjDuPdeS8nZew/h/A$ZD1JA80715ZjYw+B9FqEnUlf35jBjqI+jClP6fOchEQ",
    "$argon2i$v=19$m=64,t=1,p=1$XgvB2HtPaW0NgbAWwrg3xg$41yCawLEDs9P9UUTWaF0YnyS7yKg6/BrDp5EceLIxas",
]
"""Hashes of `open sesame`."""


@pytest.mark.parametrize("password_hash", HASHES)
def test_a_hash_of_another_installation_is_stored_and_verified(cli: Cli, rows: Rows, password_hash: str) -> None:
    done = cli.run("users", "password", OWNER, "--hash-stdin", stdin=f"{password_hash}\n")

    assert (done.code, done.out, done.err) == (0, f"{OWNER} has a new password\n", "")
    assert rows("SELECT password_hash FROM users") == [{"password_hash": password_hash}]
    assert passwords.verify_and_rehash("open sesame", password_hash).is_valid
    assert not passwords.verify_and_rehash("open sesame!", password_hash).is_valid


@pytest.mark.parametrize(
    "broken",
    [
        *("", "open sesame", "x" * 300, "\0", "\udcff", "$2b", HASHES[0][:-1], f"{HASHES[0]}a", f"{HASHES[0]}\nmore"),
        *(f"$2x{BCRYPT}", f"$2b{BCRYPT}".replace("$04$", "$17$"), f"$2b{BCRYPT}"[:-1] + "z", "$1$salt$hash"),
        *(HASHES[4].replace("m=64", "m=1"), HASHES[4].replace("v=19", "v=16"), HASHES[4].replace("t=1", "t=1000")),
    ],
)
def test_another_text_than_a_hash_is_an_error(cli: Cli, rows: Rows, broken: str) -> None:
    message = cli.error("users", "password", OWNER, "--hash-stdin", stdin=broken)

    assert message == (
        "this is not a hash of bcrypt ($2a$, $2b$ or $2y$, of cost 4 to 16) or of argon2 "
        "(v=19, with less than 1 GB of memory); quote it in the shell, which replaces $ in a text"
    )
    assert rows("SELECT password_hash FROM users") == [{"password_hash": None}]


def test_a_password_is_given_or_its_hash(cli: Cli) -> None:
    assert cli.usage_error("users", "password", OWNER, "--hash-stdin", "--password-stdin", stdin="open sesame") == (
        "Invalid value: give --password-stdin or --hash-stdin, not both"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("users", "password", OWNER, "--password-stdin"), "a password must be text in UTF-8"),
        (("users", "password", OWNER, "--hash-stdin"), "this is not a hash of bcrypt ("),
        (("users", "invite", OWNER, "--message-stdin"), "the text must be in UTF-8"),
        (("keys", "adopt", "--user", OWNER, "--dialect", "astuto", "--token-stdin"), "a key must have 16 to 255 "),
    ],
)
def test_bytes_that_can_not_be_decoded_are_an_error(
    cli: Cli, sqlite: Earshot, arguments: tuple[str, ...], message: str
) -> None:
    # Whether Python replaces such bytes or raises an error depends on the locale.
    raised = sqlite.run(*arguments, stdin="pässwörd for the portal", PYTHONIOENCODING="ascii:strict")

    assert (raised.code, raised.out) == (1, "")
    assert raised.err.startswith(f"earshot: {message}")
    assert raised.err.count("\n") == 1
    assert cli.error(*arguments, stdin="open sesame, open \udcff").startswith(message)

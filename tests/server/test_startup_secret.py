"""The secret of a server: it is created once, and must be the one of the database."""

import shutil
import stat

from tests.faults.test_crash_recovery import url_of
from tests.server.test_banner import start_and_end
from tests.server.test_rejected_starts import error_of
from tests.server.test_serve import key_of, send_request
from tests.server.test_startup import startup_warnings
from tests.support.commands import Earshot, message_of
from tests.support.sql import script


def test_the_secret_key_is_readable_only_by_the_user_of_the_server(sqlite: Earshot) -> None:
    serving = start_and_end(sqlite, EARSHOT_TRUSTED_PROXIES="10.0.0.0/8", EARSHOT_LIMIT_ASTUTO_KEY="5/minute")

    # Settings without a mistake.
    assert startup_warnings(serving) == []
    secret = sqlite.folder / "data" / "secret.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert len(secret.read_text()) == 64


def test_a_missing_secret_is_not_replaced_if_keys_depend_on_it(earshot: Earshot) -> None:
    start_and_end(earshot)
    secret = earshot.folder / "data" / "secret.key"
    secret.rename(earshot.folder / "backup.key")

    done = earshot.run("serve", "--port", "0")

    assert error_of(done) == (
        "the database has 2 keys, and the secret that they were created with is missing: "
        f"put {secret} back from a backup, or set EARSHOT_SECRET_KEY; "
        f"to revoke all keys, write a new one: (umask 077; openssl rand -hex 32 > {secret}) && earshot secret accept"
    )
    assert not secret.exists()
    (earshot.folder / "backup.key").rename(secret)
    start_and_end(earshot)


def test_an_empty_secret_is_rejected(sqlite: Earshot) -> None:
    secret = sqlite.folder / "data" / "secret.key"
    secret.parent.mkdir()
    secret.write_text("\n")

    assert error_of(sqlite.run("serve", "--port", "0")) == (
        f"the secret {secret} is empty: "
        "restore it from a backup; if there is no key yet, remove it, and the next start creates one"
    )
    assert not (sqlite.folder / "data" / "earshot.db").exists()


OWNER = ("--user", "owner@example.com", "--dialect", "astuto")
OTHER = "another-secret-of-another-data-directory-0123"
WRONG_SECRET = (
    "the keys in the database were created with another secret: restore its secret.key in the data directory, or set "
    "EARSHOT_SECRET_KEY to it; to accept this secret and revoke all keys: earshot secret accept"
)


def test_a_secret_that_does_not_match_the_database_is_rejected(earshot: Earshot) -> None:
    key = key_of(start_and_end(earshot), "ProductLift")

    assert error_of(earshot.run("serve", "--port", "0", EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    assert error_of(earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    adopting = ("keys", "adopt", *OWNER, "--token-stdin")
    assert error_of(earshot.run(*adopting, stdin="k" * 40, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET
    with earshot.serving() as again:
        assert send_request(again.port, key)[0] == 200


def test_a_database_with_the_secret_of_another_directory_is_rejected(earshot: Earshot) -> None:
    start_and_end(earshot)
    elsewhere = {"EARSHOT_DATABASE_URL": url_of(earshot), "EARSHOT_DATA_DIR": str(earshot.folder / "elsewhere")}
    # Without any secret there, none is made that can't be the right one.
    assert error_of(earshot.run("keys", "create", *OWNER, **elsewhere)) == WRONG_SECRET
    assert not (earshot.folder / "elsewhere" / "secret.key").exists()
    (earshot.folder / "elsewhere").mkdir(exist_ok=True)
    (earshot.folder / "elsewhere" / "secret.key").write_text("0123456789abcdef" * 4)

    assert error_of(earshot.run("serve", "--port", "0", **elsewhere)) == WRONG_SECRET

    shutil.copy(earshot.folder / "data" / "secret.key", earshot.folder / "elsewhere" / "secret.key")
    start_and_end(earshot, **elsewhere)


def test_a_command_without_the_right_secret_creates_none(
    earshot: Earshot,
) -> None:
    start_and_end(earshot)
    # As a migration from a version without fingerprint leaves it.
    script(url_of(earshot), "DELETE FROM installation")
    elsewhere = {"EARSHOT_DATABASE_URL": url_of(earshot), "EARSHOT_DATA_DIR": str(earshot.folder / "elsewhere")}

    assert error_of(earshot.run("keys", "create", *OWNER, **elsewhere)) == WRONG_SECRET
    assert not (earshot.folder / "elsewhere").exists()
    assert earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER).code == 0

    start_and_end(earshot)
    assert error_of(earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)) == WRONG_SECRET


def test_accepting_another_secret_revokes_all_keys(earshot: Earshot) -> None:
    key = key_of(start_and_end(earshot), "ProductLift")

    done = earshot.run("secret", "accept", EARSHOT_SECRET_KEY=OTHER)
    assert (done.code, done.out, done.err) == (0, "this secret is accepted, and 2 keys are revoked\n", "")
    done = earshot.run("secret", "accept", "--json", EARSHOT_SECRET_KEY=OTHER)
    assert (done.code, done.out) == (0, '{"ended_keys":0}\n')

    made = earshot.run("keys", "create", *OWNER, EARSHOT_SECRET_KEY=OTHER)
    with earshot.serving(EARSHOT_SECRET_KEY=OTHER) as serving:
        for token, code in ((key, 401), (made.out.strip(), 200)):
            assert send_request(serving.port, token)[0] == code
    assert error_of(earshot.run("serve", "--port", "0")) == WRONG_SECRET


def test_accepting_a_secret_does_not_create_one(earshot: Earshot) -> None:
    start_and_end(earshot)
    path = earshot.folder / "data" / "secret.key"
    path.unlink()

    assert message_of(earshot.run("secret", "accept")) == (
        f"there is no secret to accept: write one with (umask 077; openssl rand -hex 32 > {path})"
    )
    assert not path.exists()

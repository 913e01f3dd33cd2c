"""Stored passwords: argon2id, imported hashes, and the bounds on what a request can make the server hash."""

import asyncio
import threading
from typing import Any

import bcrypt
import pytest
from passlib.hash import argon2

from app.adapters import passwords
from app.adapters.passwords import MAX_QUEUED, MAX_WORKERS, PasswordHasher, Verification
from app.domain.errors import ServiceUnavailable

CHEAP = 4
"""The least cost of bcrypt: what is tested here does not hang on it."""
PHC = "$argon2id$v=19$m=65536,t=3,p=4$"


def make_bcrypt_hash(password: bytes, kind: str = "2b") -> str:
    """A bcrypt hash as another installation stores it: `2a` is Ruby's, `2y` PHP's."""
    hashed = bcrypt.hashpw(password, bcrypt.gensalt(CHEAP, b"2a" if kind == "2a" else b"2b")).decode()
    return hashed.replace("$2b$", f"${kind}$")


def test_a_password_is_hashed_with_argon2id_64_mib_and_a_unique_salt() -> None:
    first, second = passwords.hash_password("open sesame"), passwords.hash_password("open sesame")

    assert first.startswith(PHC)
    assert second.startswith(PHC)
    assert first != second
    assert passwords.verify_and_rehash("open sesame", first) == Verification(True, None)
    assert passwords.verify_and_rehash("open sesam", first) == Verification(False, None)


def verify_outdated(password: str, stored: str) -> str:
    """Verify a password against an outdated hash; return the new hash."""
    is_valid, new_hash = passwords.verify_and_rehash(password, stored)

    assert is_valid
    assert new_hash is not None
    assert new_hash.startswith(PHC)
    return new_hash


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_a_bcrypt_hash_is_verified_and_rehashed(kind: str) -> None:
    stored = make_bcrypt_hash(b"open sesame", kind)

    new_hash = verify_outdated("open sesame", stored)

    assert passwords.verify_and_rehash("open sesame", new_hash) == Verification(True, None)
    assert passwords.verify_and_rehash("open sesame!", stored) == Verification(False, None)


def test_a_weaker_argon2_hash_is_verified_and_rehashed() -> None:
    verify_outdated("open sesame", argon2.using(rounds=1, memory_cost=8192, parallelism=1).hash("open sesame"))


# 36 letters of two bytes are 72; bcrypt does not read the rest. The second cut is within a letter.
@pytest.mark.parametrize("head", ["é" * 36, "a" + "é" * 36])
def test_bcrypt_uses_72_bytes_and_argon2id_all_bytes_of_a_password(head: str) -> None:
    password = head + "tail"
    stored = make_bcrypt_hash(password.encode()[:72])

    new_hash = verify_outdated(password, stored)

    assert passwords.verify_and_rehash(head + "another", stored).is_valid
    assert not passwords.verify_and_rehash("x" + password, stored).is_valid
    assert passwords.verify_and_rehash(password, new_hash).is_valid
    assert not passwords.verify_and_rehash(head + "another", new_hash).is_valid


@pytest.mark.parametrize(
    "broken",
    [
        "", "x", "$", "open sesame", "$2b$", "$2b$04$", "$2b$04$" + "a" * 52, "$2b$04$" + "a" * 54,
        "$2x$04$" + "a" * 53, "$2b$04$" + "a" * 53 + "\n", "$2b$03$" + "a" * 53, "$2b$00$" + "a" * 53,
        PHC, PHC + "abc", PHC + "c2FsdHNhbHRzYWx0$", PHC + "!!!!$!!!!", "$argon2id$v=19$m=8,t=0,p=1$" + "a" * 22,
        "$argon2id$v=19$m=1,t=1,p=9$c2FsdHNhbHRzYWx0$" + "a" * 43, "$1$salt$hash", "{SHA}x", "\0", "\udc80",
    ],
)  # fmt: skip
def test_an_invalid_hash_matches_no_password_and_raises_no_error(broken: str) -> None:
    for password in ("open sesame", "", broken):
        assert passwords.verify_and_rehash(password, broken) == Verification(False, None)
    assert not passwords.is_verifiable(broken)


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_a_well_formed_hash_is_verifiable(kind: str) -> None:
    assert passwords.is_verifiable(make_bcrypt_hash(b"open sesame", kind))
    for variant in ("I", "D", "ID"):
        cheap = argon2.using(type=variant, rounds=1, memory_cost=64, parallelism=1)
        assert passwords.is_verifiable(cheap.hash("open sesame"))


def test_a_malformed_hash_is_not_verifiable() -> None:
    """The library accepts wrong bits in the last letters of salt and hash, and then verifies against another hash."""
    stored = make_bcrypt_hash(b"open sesame")
    salt_end, hash_end = 29, 60

    for end in (salt_end, hash_end):
        assert not passwords.is_verifiable(stored[: end - 1] + "z" + stored[end:])
    for broken in ("$argon2id$v=19$m=64,t=1,p=99$" + "A" * 11 + "$" + "A" * 22, PHC + "A" * 13 + "$" + "A" * 22):
        assert not passwords.is_verifiable(broken)


@pytest.mark.parametrize(
    "greedy",
    [
        "$2b$31$" + "a" * 53,
        "$2b$17$" + "a" * 53,
        "$argon2id$v=19$m=4194304,t=3,p=4$c2FsdHNhbHRzYWx0$" + "a" * 43,
        "$argon2id$v=19$m=65536,t=100000,p=4$c2FsdHNhbHRzYWx0$" + "a" * 43,
    ],
)
def test_a_hash_with_excessive_parameters_is_not_verified(greedy: str) -> None:
    """Each of these would take from many seconds to days, so that the test would run out of time."""
    assert not passwords.is_verifiable(greedy)
    assert passwords.verify_and_rehash("open sesame", greedy) == Verification(False, None)


@pytest.mark.parametrize(
    "odd", ["", "\0", "open\0sesame", "open sesame\0", "\udc80", "x" * 72 + "\ud800", "x" * 4097, "x" * 50_000_000]
)
def test_an_unusable_password_is_wrong_and_raises_no_error(odd: str) -> None:
    bcrypt_hashes = [make_bcrypt_hash(secret) for secret in (b"open sesame", b"x" * 72, b"open")]
    for stored in (passwords.hash_password("open sesame"), *bcrypt_hashes, None):
        assert passwords.verify_and_rehash(odd, stored) == Verification(False, None)


def test_a_hash_is_computed_even_without_a_stored_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duration of a response must not reveal which addresses are known."""
    verified: list[str] = []
    context = passwords._context()
    verify = context.verify

    def record_and_verify(secret: Any, stored: str) -> bool:
        verified.append(stored[: len(PHC)])
        return bool(verify(secret, stored))

    argon2id_hash = passwords.hash_password("open sesame")
    monkeypatch.setattr(context, "verify", record_and_verify)
    for stored in (argon2id_hash, None, "", "broken"):
        for wrong in ("wrong", "x" * 5000, "a\0b", "\udc80"):
            verified.clear()
            passwords.verify_and_rehash(wrong, stored)
            assert verified == [PHC], (stored, wrong[:5])


async def test_concurrent_password_hashes_and_their_queue_are_limited() -> None:
    hasher = PasswordHasher()
    gate, lock = threading.Event(), threading.Lock()
    running, max_running = 0, 0

    def wait_for_gate() -> int:
        nonlocal running, max_running
        with lock:
            running += 1
            max_running = max(max_running, running)
        gate.wait(30)
        with lock:
            running -= 1
        return 1

    pending = [asyncio.ensure_future(hasher.run(wait_for_gate)) for _ in range(MAX_WORKERS + MAX_QUEUED)]
    await asyncio.sleep(0)
    with pytest.raises(ServiceUnavailable, match="too many passwords"):
        await hasher.hash_password("open sesame")
    # A client that disconnects frees no place: the hash is computed all the same.
    pending[-1].cancel()
    await asyncio.gather(pending[-1], return_exceptions=True)
    with pytest.raises(ServiceUnavailable, match="too many passwords"):
        await hasher.verify("open sesame", None)
    gate.set()
    assert sum(await asyncio.gather(*pending[:-1])) == MAX_WORKERS + MAX_QUEUED - 1

    assert max_running == MAX_WORKERS
    stored = await hasher.hash_password("open sesame")
    assert stored.startswith(PHC)
    assert await hasher.verify("open sesame", stored) == Verification(True, None)
    assert await hasher.verify("open simsim", stored) == Verification(False, None)
    hasher.shutdown()

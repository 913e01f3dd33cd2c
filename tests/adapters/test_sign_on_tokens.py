"""Tokens of single sign-on: which are valid, and what is read from them."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey, RSAKey

from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.sign_on_tokens import MAX_REMEMBERED, MAX_TOKEN, ExpiredSignOnToken, InvalidSignOnToken, verify
from app.domain.users.sign_on import SignOn

SECRET = "a secret of single sign-on, 0123456789"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JANE = {"email": "jane@example.com", "uid": "u-1", "name": "Jane Roe"}


def at(**ahead: float) -> int:
    return int((NOW + timedelta(**ahead)).timestamp())


def sign(claims: dict[str, Any], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return sign_text(json.dumps(claims), secret=secret, algorithm=algorithm)


def sign_text(payload: str, *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    key = OctKey.import_key(secret)
    return jws.serialize_compact({"alg": algorithm}, payload, key, algorithms=[algorithm])


def reason(token: str) -> str:
    """Why the token is rejected."""
    with pytest.raises(InvalidSignOnToken) as error:
        verify(token, SECRET, now=NOW)
    return str(error.value)


def test_all_claims_are_read() -> None:
    sent = {
        **JANE,
        "email": " Jane@Example.com ",
        "uid": 17,
        "avatar_url": "https://example.com/jane.png",
        "company": "Roe & Sons",
        "mrr": "99.99",
        "arr": 1200,
        "ltv": " 1.5e3 ",
        "segment_1": "beta",
        "segment_10": 4,
        "plan": "ignored",
        "exp": at(minutes=1),
    }

    assert verify(sign(sent), SECRET, now=NOW).who == SignOn(
        email="jane@example.com",
        uid="17",
        name="Jane Roe",
        attributes={
            "avatar_url": "https://example.com/jane.png",
            "company": "Roe & Sons",
            "mrr": 99.99,
            "arr": 1200.0,
            "ltv": 1500.0,
            "segment_1": "beta",
            "segment_10": "4",
        },
    )


def test_blank_and_null_claims_count_as_not_sent() -> None:
    sent = {"email": "jane@example.com", "uid": " ", "name": None, "company": "", "mrr": "", "iat": at()}

    assert verify(sign(sent), SECRET, now=NOW).who == SignOn("jane@example.com", None, None, {})


@pytest.mark.parametrize(
    "times",
    [
        {"exp": at(seconds=1)},
        {"exp": at(days=400), "iat": at(days=-30)},
        {"iat": at(minutes=-10)},
        {"iat": at(seconds=59)},
        {"iat": at(), "nbf": at(seconds=59)},
        {"iat": at() + 0.5},
    ],
)
def test_a_token_is_valid_until_exp_or_ten_minutes_after_iat(times: dict[str, float]) -> None:
    assert verify(sign(JANE | times), SECRET, now=NOW).who.uid == "u-1"


@pytest.mark.parametrize(
    ("times", "expires_at"),
    [
        ({"exp": at(minutes=7), "iat": at()}, NOW + timedelta(minutes=7)),
        ({"iat": at(minutes=-4)}, NOW + timedelta(minutes=6)),
        # It is not known for longer that the token was used.
        ({"exp": at(days=400)}, NOW + MAX_REMEMBERED),
        ({"exp": 10**30}, NOW + MAX_REMEMBERED),
    ],
)
def test_a_token_has_the_time_until_which_it_is_valid(times: dict[str, float], expires_at: datetime) -> None:
    assert verify(sign(JANE | times), SECRET, now=NOW).expires_at == expires_at


def test_another_form_of_the_signature_is_the_same_proof() -> None:
    token = sign(JANE | {"iat": at()})
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(token[-1])
    # The two lowest bits of the last character belong to no byte.
    others = [
        token[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ bits] for bits in (0, 1)
    ]
    proofs = set()
    for each in others:
        try:
            proofs.add(verify(each, SECRET, now=NOW).proof)
        except InvalidSignOnToken:
            continue

    assert len(proofs) == 1


@pytest.mark.parametrize(
    "times", [{"exp": at(seconds=-1)}, {"exp": at(seconds=-1), "iat": at()}, {"iat": at(minutes=-10, seconds=-1)}]
)
def test_an_expired_token_is_rejected(times: dict[str, float]) -> None:
    with pytest.raises(ExpiredSignOnToken):
        verify(sign(JANE | times), SECRET, now=NOW)


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"exp": None, "iat": None},
        {"iat": at(minutes=2)},
        {"iat": at(), "nbf": at(minutes=2)},
        {"exp": "tomorrow"},
        {"iat": "now"},
        {"exp": [], "iat": at()},
    ],
)
def test_a_token_without_a_valid_time_is_rejected(times: dict[str, Any]) -> None:
    assert "exp" in reason(sign(JANE | times)) or "not valid now" in reason(sign(JANE | times))


def unsigned(header: dict[str, Any]) -> str:
    parts = (header, JANE | {"exp": at(minutes=1)})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "\u2603.b.c",
        unsigned({"alg": "none"}),
        unsigned({"alg": "HS256"}),
        unsigned({"typ": "JWT"}),
        base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.x",
        sign_text("[1]"),
        sign_text("7"),
        sign_text("{"),
        sign_text("[" * 9000),
        sign(JANE | {"exp": at(minutes=1)}, secret="another secret of single sign-on"),
        sign(JANE | {"exp": at(minutes=1)}, algorithm="HS512"),
        sign(JANE | {"exp": at(minutes=1)})[:-2],
        jwt.encode({"alg": "RS256"}, JANE | {"exp": at(minutes=1)}, RSAKey.generate_key(2048)),
    ],
)
def test_a_token_that_is_not_signed_with_the_secret_is_rejected(token: str) -> None:
    assert reason(token) == "it is not a token that is signed with the secret by HS256"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"email": None}, "the claim email"),
        ({"email": "jane"}, "the claim email"),
        ({"email": ["jane@example.com"]}, "the claim email"),
        ({"email": "j" * 250 + "@example.com"}, "the claim email"),
        ({"uid": "x" * 256}, "the claim uid"),
        ({"uid": True}, "the claim uid"),
        ({"name": "x" * 101}, "the claim name"),
        ({"name": "Jane\u0000"}, "the claim name"),
        ({"company": {"name": "x"}}, "the claim company"),
        ({"mrr": "much"}, "the claim mrr"),
        ({"mrr": True}, "the claim mrr"),
        ({"mrr": "NaN"}, "the claim mrr"),
        ({"ltv": "inf"}, "the claim ltv"),
        ({"avatar_url": "javascript:alert(1)"}, "the claim avatar_url"),
        ({"segment_3": "\ud800"}, "the claim segment_3"),
    ],
)
def test_a_token_with_an_invalid_claim_is_rejected(claims: dict[str, Any], expected: str) -> None:
    message = reason(sign(JANE | {"exp": at(minutes=1)} | claims))

    assert message.startswith(expected)
    assert "Jane" not in message


def test_a_claim_that_is_missing_or_too_long_is_rejected() -> None:
    assert reason(sign({"uid": "u-1", "exp": at(minutes=1)})).startswith("the claim email")
    assert reason("x" * (MAX_TOKEN + 1)) == "the token is too long"


def test_an_encrypted_secret_is_read_with_the_same_secret_key_only() -> None:
    encrypted = SecretCipher(b"one").encrypt(SECRET)

    assert SECRET not in encrypted
    assert SecretCipher(b"one").decrypt(encrypted) == SECRET
    assert SecretCipher(b"one").encrypt(SECRET) != encrypted
    for cipher, text in (
        (SecretCipher(b"two"), encrypted),
        (SecretCipher(b"one"), encrypted[:-4]),
        (SecretCipher(b"one"), ""),
    ):
        with pytest.raises(UnreadableSecret):
            cipher.decrypt(text)

"""Tokens of unsubscribe links: what one allows, and that nobody else can make one."""

import base64
import hmac

import pytest

from app.adapters.unsubscribe_tokens import NotificationLink, UnsubscribeTokens
from app.domain.notifications.kinds import EMAIL_KINDS

SECRET = b"a secret of the server"
TOKENS = UnsubscribeTokens(SECRET)


@pytest.mark.parametrize("kind", EMAIL_KINDS)
@pytest.mark.parametrize("post_id", [None, 1, 2**63 - 1])
def test_a_token_is_read_as_it_was_made(kind: str, post_id: int | None) -> None:
    subscription = NotificationLink(2**63 - 1, kind, post_id)

    token = TOKENS.make(subscription)

    assert TOKENS.read(token) == subscription
    # It never expires, and another process of the server reads it.
    assert UnsubscribeTokens(SECRET).make(subscription) == token


def test_a_token_of_another_secret_or_purpose_is_rejected() -> None:
    token = UnsubscribeTokens(b"another secret").make(NotificationLink(7, "comment", 8))
    assert TOKENS.read(token) is None

    # The key is derived for this purpose only.
    signature = base64.urlsafe_b64encode(hmac.digest(SECRET, b"7.comment.8", "sha256")).decode().rstrip("=")
    assert TOKENS.read(f"7.comment.8.{signature}") is None


def test_no_changed_token_is_accepted() -> None:
    token = TOKENS.make(NotificationLink(7, "comment", 8))

    for place in range(len(token)):
        for character in "0123abcXYZ._-":
            changed = token[:place] + character + token[place + 1 :]
            assert changed == token or TOKENS.read(changed) is None
    for changed in ("", token[:-1], f"{token}=", f"{token}\n", f" {token}", token.replace("7", "٧"), "é" * 100):
        assert TOKENS.read(changed) is None


def test_a_signature_has_one_form() -> None:
    """The last character of Base64 has bits that do not count; a token that differs only in these is rejected, too."""
    token = TOKENS.make(NotificationLink(7, "comment", 8))

    accepted = [last for last in map(chr, range(33, 127)) if TOKENS.read(token[:-1] + last) is not None]

    assert accepted == [token[-1]]

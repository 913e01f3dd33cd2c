"""The signatures of webhook calls, verified as receivers do."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.domain.webhooks.signing_secrets import InvalidSecret
from app.outbox.webhooks.signatures import make_standard_headers, sign_body, standardize_secret

BODY = '{"title": "Größe"}'
# Both with padding characters that Base64 has beside letters and digits.
KEY = bytes(range(240, 256)) + b"\xfb\xff"
STANDARD = f"whsec_{base64.b64encode(KEY).decode()}"


def test_productlifts_signature_is_an_hmac_of_the_exact_body() -> None:
    body = BODY.encode()
    digest = hmac.new(b"s\xc3\xa9cret", body, hashlib.sha256)

    assert sign_body(body, "sécret", encoding="hex") == digest.hexdigest()
    assert sign_body(body, "sécret", encoding="base64") == base64.b64encode(digest.digest()).decode()
    assert sign_body(b"", STANDARD, encoding="hex") == hmac.new(STANDARD.encode(), b"", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("secret", "receivers_secret"),
    [
        ("a plain sécret", "a plain sécret".encode()),
        ("a plain sécret", f"whsec_{base64.b64encode('a plain sécret'.encode()).decode()}"),
        ("WHSEC_upper case", b"WHSEC_upper case"),
        (STANDARD, STANDARD),
        (STANDARD.rstrip("="), STANDARD),
        (STANDARD, KEY),
    ],
)
def test_the_standard_headers_are_verified_by_the_library(secret: str, receivers_secret: str | bytes) -> None:
    headers = dict(make_standard_headers(BODY, secret, delivery_id="d-1", timestamp=datetime.now(UTC)))

    assert Webhook(receivers_secret).verify(BODY, headers) == {"title": "Größe"}
    assert sorted(headers) == ["webhook-id", "webhook-signature", "webhook-timestamp"]
    for body, changed in ((BODY, {"webhook-id": "d-2"}), (f"{BODY} ", {}), (BODY, {"webhook-timestamp": "1"})):
        with pytest.raises(WebhookVerificationError):
            Webhook(receivers_secret).verify(body, headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(b"another").verify(BODY, headers)


def test_an_empty_body_is_signed_too() -> None:
    headers = dict(make_standard_headers("", "secret", delivery_id="d-1", timestamp=datetime.now(UTC)))

    Webhook(b"secret").verify("", headers, json_parse=False)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_=", "whsec_not base64", "whsec_a", "whsec_é", "whsec_YQ==YQ=="])
def test_an_invalid_standard_secret_is_rejected(secret: str) -> None:
    with pytest.raises(InvalidSecret):
        standardize_secret(secret)

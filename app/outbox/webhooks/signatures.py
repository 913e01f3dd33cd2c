"""Signs webhook calls: ProductLift's one header, and the three headers of Standard Webhooks.

Both sign the exact body with the same secret, which is text. ProductLift's signature uses the UTF-8 bytes of the text,
Standard Webhooks the bytes that `decode_secret` returns.
"""

import base64
import hmac
from datetime import datetime
from typing import Literal

from standardwebhooks.webhooks import Webhook

from app.domain.webhooks.signing_secrets import WHSEC, decode_secret


def standardize_secret(secret: str) -> str:
    """The secret in the form that libraries of Standard Webhooks take: `whsec_` and Base64. Raises InvalidSecret."""
    return WHSEC + base64.b64encode(decode_secret(secret)).decode()


def sign_body(body: bytes, secret: str, *, encoding: Literal["hex", "base64"]) -> str:
    """ProductLift's signature: HMAC-SHA256 of the body, section 10.1 of its contract. Hex digits are lower case."""
    digest = hmac.digest(secret.encode(), body, "sha256")
    return digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()


def make_standard_headers(body: str, secret: str, *, delivery_id: str, timestamp: datetime) -> list[tuple[str, str]]:
    """The headers of Standard Webhooks. `timestamp` is the time of this attempt, in UTC. Raises InvalidSecret."""
    signature = Webhook(standardize_secret(secret)).sign(delivery_id, timestamp, body)
    return [
        ("webhook-id", delivery_id),
        ("webhook-timestamp", str(int(timestamp.timestamp()))),
        ("webhook-signature", signature),
    ]

"""Makes the request of a webhook call from the settings of its endpoint and the payload of its delivery."""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Final, Literal, cast

import orjson

from app.adapters.encryption import SecretCipher
from app.domain.webhooks.calls import CallSettings
from app.domain.webhooks.masking import mask_headers, mask_url
from app.domain.webhooks.validation import is_reserved_header
from app.outbox.webhooks.payload import CallPayload
from app.outbox.webhooks.signatures import make_standard_headers, sign_body

USER_AGENT: Final = f"Earshot/{version('earshot')}"


@dataclass(frozen=True, slots=True, repr=False)
class CallRequest:
    """A request as it is sent, except for `Host` and `Content-Length`."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    content: bytes | None

    def describe(self) -> str:
        """JSON of all but the content, with its secrets masked."""
        headers = mask_headers(dict(self.headers))
        return orjson.dumps({"method": self.method, "url": mask_url(self.url), "headers": headers}).decode()


def build_request(
    settings: CallSettings, payload: CallPayload, *, cipher: SecretCipher, delivery_id: str, now: datetime
) -> CallRequest:
    """The request of one attempt. Raises UnreadableSecret and InvalidSecret.

    Headers of the endpoint replace ours of the same name, but for the reserved ones and the signatures.
    """
    content = None if payload.body is None else payload.body.encode()
    headers = {"user-agent": ("User-Agent", USER_AGENT), "accept": ("Accept", "*/*")}
    if content is not None and payload.content_type is not None:
        headers["content-type"] = ("Content-Type", payload.content_type)
    if settings.headers is not None:
        own = orjson.loads(cipher.decrypt(settings.headers))
        headers |= {name.strip().lower(): (name.strip(), value.strip()) for name, value in own.items()}
    headers = {name: header for name, header in headers.items() if not is_reserved_header(name)}
    # Nobody needs more of a response than its beginning, and nothing decompresses it.
    ours = [("Accept-Encoding", "identity"), *_sign(settings, payload.body or "", cipher, delivery_id, now)]
    headers |= {name.lower(): (name, value) for name, value in ours}
    url = cipher.decrypt(settings.url if payload.url is None else payload.url)
    return CallRequest(settings.method, url, list(headers.values()), content)


def _sign(
    settings: CallSettings, body: str, cipher: SecretCipher, delivery_id: str, now: datetime
) -> list[tuple[str, str]]:
    if settings.secret is None:
        return []
    secret = cipher.decrypt(settings.secret)
    signatures = make_standard_headers(body, secret, delivery_id=delivery_id, timestamp=now)
    if settings.dialect == "productlift":
        encoding = cast(Literal["hex", "base64"], settings.signature_encoding)
        signatures.append((settings.signature_header, sign_body(body.encode(), secret, encoding=encoding)))
    return signatures

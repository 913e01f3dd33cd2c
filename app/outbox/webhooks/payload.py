"""What a webhook delivery stores of its request: the parts that are rendered when its event is expanded."""

from dataclasses import asdict, dataclass, replace

import orjson

from app.adapters.encryption import SecretCipher


class InvalidPayload(Exception):
    """The stored text is no payload of a webhook call."""


@dataclass(frozen=True, slots=True, repr=False)
class CallPayload:
    """The rendered parts of a call. Everything else, such as the secret, is read from the endpoint at each attempt."""

    body: str | None
    """Sent and signed byte for byte, as UTF-8; None sends no body. With an error, the text that can't be sent."""
    content_type: str | None = None
    """That of the body, unless a header of the endpoint says otherwise."""
    url: str | None = None
    """Encrypted, because it may contain a key; None is the URL of the endpoint."""
    error: str | None = None
    """Why the call can't be made, such as a template that fails; it fails at once then, and nothing is sent."""
    encrypted_body: str | None = None
    """The body in place of `body`, if it is made of a template, which may contain a key."""

    def encrypt(self, cipher: SecretCipher) -> "CallPayload":
        """The payload as it is stored of a call that is made of templates."""
        url = None if self.url is None else cipher.encrypt(self.url)
        body = None if self.body is None else cipher.encrypt(self.body)
        return replace(self, url=url, body=None, encrypted_body=body)

    def decrypt_body(self, cipher: SecretCipher) -> "CallPayload":
        """The payload with its body as text; the URL is still encrypted. Raises UnreadableSecret."""
        if self.encrypted_body is None:
            return self
        return replace(self, body=cipher.decrypt(self.encrypted_body), encrypted_body=None)

    def to_json(self) -> str:
        """The text that a delivery stores. Raises TypeError for text that is not Unicode."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> "CallPayload":
        """The payload of a stored text. Raises InvalidPayload."""
        try:
            values = orjson.loads(text)
            payload = cls(values["body"], values["content_type"], values["url"])
            payload = replace(payload, error=values.get("error"), encrypted_body=values.get("encrypted_body"))
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise InvalidPayload from None
        if not all(isinstance(value, str | None) for value in asdict(payload).values()):
            raise InvalidPayload
        return payload

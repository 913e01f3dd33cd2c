"""What a webhook delivery stores of its request: the parts that are rendered when its event is expanded."""

from dataclasses import asdict, dataclass

import orjson


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

    def to_json(self) -> str:
        """The text that a delivery stores. Raises TypeError for text that is not Unicode."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> "CallPayload":
        """The payload of a stored text. Raises InvalidPayload."""
        try:
            values = orjson.loads(text)
            payload = cls(values["body"], values["content_type"], values["url"], values.get("error"))
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
            raise InvalidPayload from None
        if not all(isinstance(value, str | None) for value in asdict(payload).values()):
            raise InvalidPayload
        return payload

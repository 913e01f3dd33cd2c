"""What a webhook delivery stores of its call."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Payload:
    """The URL, or None for that of the endpoint; the body, or None for none; the type of the body."""

    url: str | None = None
    body: str | None = None
    content_type: str | None = None

    def to_json(self) -> str:
        """The payload of the delivery."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The payload of a delivery."""
        return cls(**json.loads(text))

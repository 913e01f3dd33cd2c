"""What a webhook delivery stores of its request."""

import pytest

from app.outbox.webhooks.payload import CallPayload, InvalidPayload


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (CallPayload(None), '{"body":null,"content_type":null,"url":null,"error":null,"encrypted_body":null}'),
        (
            CallPayload(None, error="why"),
            '{"body":null,"content_type":null,"url":null,"error":"why","encrypted_body":null}',
        ),
        (
            CallPayload(None, encrypted_body="sealed"),
            '{"body":null,"content_type":null,"url":null,"error":null,"encrypted_body":"sealed"}',
        ),
        (
            CallPayload('{"é":\n1}', "application/json", "an encrypted URL"),
            '{"body":"{\\"é\\":\\n1}","content_type":"application/json","url":"an encrypted URL","error":null,'
            '"encrypted_body":null}',
        ),
    ],
)
def test_a_payload_is_stored_as_json(payload: CallPayload, text: str) -> None:
    assert payload.to_json() == text
    assert CallPayload.from_json(text) == payload


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", "{}", '"text"', '{"body":"a"}', '{"body":1,"content_type":null,"url":null}'),
        '{"body":null,"content_type":null,"url":null,"error":1}',
        '{"body":null,"content_type":null,"url":null,"encrypted_body":1}',
        '{"body":"\\ud800","content_type":null,"url":null}',
    ],
)
def test_any_other_text_is_rejected(text: str) -> None:
    with pytest.raises(InvalidPayload):
        CallPayload.from_json(text)

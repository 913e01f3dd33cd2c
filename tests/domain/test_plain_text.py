"""Lines of plain text: what is trimmed, and what is rejected."""

import pytest

from app.domain.errors import FieldError, ValidationFailed
from app.domain.plain_text import parse_line


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (" Jane Roe\n", "Jane Roe"),
        ("Zoë", "Zoë"),
        ("x" * 255, "x" * 255),
        (" " * 300 + "x", "x"),
        ("a\u200db", "a\u200db"),
    ],
)
def test_a_line_is_trimmed(value: str, line: str) -> None:
    assert parse_line(value) == line


@pytest.mark.parametrize(
    ("value", "code", "limits"),
    [
        ("", "blank", {}),
        (" \n\t", "blank", {}),
        ("x" * 256, "too_long", {"maximum": 255}),
        ("a\nb", "not_plain", {}),
        ("a\x00b", "not_plain", {}),
        ("a\x7fb", "not_plain", {}),
        ("a\x9fb", "not_plain", {}),
        ("a\udcffb", "not_plain", {}),
    ],
)
def test_another_text_is_rejected(value: str, code: str, limits: dict[str, int]) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse_line(value)

    assert failed.value.errors == [FieldError("text", code, limits)]

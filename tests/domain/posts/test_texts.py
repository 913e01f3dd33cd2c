"""The texts that visitors and users write on the pages."""

import pytest

from app.domain.errors import FieldError, ValidationFailed
from app.domain.posts import texts


def errors_of(title: str, description: str) -> list[FieldError]:
    with pytest.raises(ValidationFailed) as failed:
        texts.parse_post(title, description)
    return list(failed.value.errors)


@pytest.mark.parametrize(
    ("title", "description", "parsed"),
    [
        ("  Dark \t mode\r\n now ", " a\r\nb\rc\n ", ("Dark mode now", "a\nb\nc")),
        ("x", "", ("x", "")),
        ("x", " \r\n\t", ("x", "")),
        ("x", "  code\tblock", ("x", "code\tblock")),
        ("t" * 180, "d" * 50_000, ("t" * 180, "d" * 50_000)),
        # A line ends with two characters in a form, and counts as one.
        ("x", "\r\n".join("d" * 24_999 for _ in range(2)), ("x", "\n".join("d" * 24_999 for _ in range(2)))),
    ],
)
def test_a_post_is_trimmed_and_its_lines_end_alike(title: str, description: str, parsed: tuple[str, str]) -> None:
    assert texts.parse_post(title, description) == parsed


def test_all_fields_are_checked_at_once() -> None:
    assert errors_of("", "d" * 50_001) == [
        FieldError("title", "blank"),
        FieldError("description", "too_long", {"maximum": 50_000}),
    ]
    assert errors_of("t" * 181, "\x00") == [
        FieldError("title", "too_long", {"maximum": 180}),
        FieldError("description", "not_plain"),
    ]
    assert errors_of("a\x00", "") == [FieldError("title", "not_plain")]


@pytest.mark.parametrize(
    ("body", "code"), [("", "blank"), ("\r\n ", "blank"), ("c" * 10_001, "too_long"), ("\x1b[1m", "not_plain")]
)
def test_a_comment_has_text_and_at_most_10000_characters(body: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as failed:
        texts.parse_comment(body)

    assert [(error.field, error.code) for error in failed.value.errors] == [("body", code)]
    assert (
        texts.parse_comment("\r\n" + "\r\n".join(["c" * 4_999, "c" * 5_000]) + " ") == "c" * 4_999 + "\n" + "c" * 5_000
    )

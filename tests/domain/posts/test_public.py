"""What of a post anybody may see."""

import pytest

from app.domain.posts import public


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("jane.doe@example.com", "jane.doe"),
        ("jane@localhost", "jane"),
        ("Jane Doe", "Jane Doe"),
        ("Jane Doe <jane@example.com>", "Jane Doe <jane>"),
        ("Jane (jane@example.com), or jim@example.com", "Jane (jane), or jim"),
        ("jörg@größe.example", "jörg"),
        ("jane@[192.0.2.1]", "jane"),
        ('"jane doe"@example.com', '"jane doe"'),
        ("jane@@example.com", "jane"),
        ("jane\uff20example.com", "jane"),
        ("@jane", "@jane"),
        ("Jane @ work", "Jane @ work"),
        ("", ""),
    ],
)
def test_a_public_name_contains_no_email(name: str, shown: str) -> None:
    assert public.public_name(name) == shown

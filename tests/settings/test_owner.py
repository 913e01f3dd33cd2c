"""The owner of the first start: name and address follow one rule as settings and as options."""

from collections.abc import Callable

import pytest
import typer
from pydantic import ValidationError

from app.cli.params import email_address, text_param
from app.settings import Settings


@pytest.mark.parametrize(
    ("name", "parse", "value", "stored"),
    [
        ("owner_name", text_param(), " Jane Roe ", "Jane Roe"),
        ("owner_name", text_param(), "x" * 255, "x" * 255),
        ("owner_name", text_param(), "x" * 256, None),
        ("owner_name", text_param(), " ", None),
        ("owner_name", text_param(), "Jane\nRoe", None),
        ("owner_name", text_param(), "Jane\x9bRoe", None),
        ("owner_name", text_param(), "Jane\udcffRoe", None),
        ("owner_email", email_address, " Jane@Example.com ", "Jane@Example.com"),
        ("owner_email", email_address, f"jane@{'x' * 50}.{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 17}", None),
        ("owner_email", email_address, "nobody", None),
        ("owner_email", email_address, "jane@example.com\n", "jane@example.com"),
    ],
)
def test_a_setting_of_the_owner_follows_the_rule_of_the_option(
    name: str, parse: Callable[[str], str], value: str, stored: str | None
) -> None:
    if stored is not None:
        assert (parse(value), getattr(Settings(**{name: value}), name)) == (stored, stored)
        return
    with pytest.raises(typer.BadParameter):
        parse(value)
    with pytest.raises(ValidationError):
        Settings(**{name: value})

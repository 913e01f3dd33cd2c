"""How an API key is read from the Authorization header. docs/contracts/astuto.md, section 1.2."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from app.api.authentication import parse_token

KEY = "tkn_admin_a1B2c3ABCDEFGHJKLMNPQRSTUVWXYZ"


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {KEY}",
        f"Token {KEY}",
        f"Bearer   {KEY}",
        f"Bearer\t{KEY}",
        f"Bearer \t {KEY}",
        f"  Bearer {KEY}  ",
        f'Bearer "{KEY}"',
        f"Bearer token={KEY}",
        f'Bearer token="{KEY}"',
        f"Token token={KEY}",
        f'Token token="{KEY}"',
        f"Bearer {KEY}, foo=bar",
        f"Bearer {KEY} , foo=bar",
        f'Token token="{KEY}", nonce="x"',
        f"Bearer {KEY}; foo=bar",
        f"Bearer {KEY}\tfoo",
    ],
)
def test_a_key_is_found_in_every_accepted_header_form(authorization: str) -> None:
    assert parse_token(authorization) == KEY
    assert parse_token(authorization.encode()) == KEY


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Token ",
        'Bearer ""',
        'Bearer "',
        "Bearer token=",
        'Bearer token=""',
        "Bearer , foo=bar",
        f"bearer {KEY}",
        f"BEARER {KEY}",
        f"token {KEY}",
        KEY,
        f"Basic {KEY}",
        f"Bearer{KEY}",
        f"x Bearer {KEY}",
    ],
)
def test_no_key_is_found_in_any_other_header_form(authorization: str | None) -> None:
    assert parse_token(authorization) is None
    assert parse_token(authorization.encode() if authorization is not None else None) is None


@pytest.mark.parametrize("authorization", ["Bearer 12|{}", 'Bearer "12|{}"', "Token token=12|{}"])
def test_a_productlift_key_is_kept_complete(authorization: str) -> None:
    secret = "aB3" * 13 + "x"

    assert parse_token(authorization.format(secret)) == f"12|{secret}"


def test_a_key_keeps_its_case_its_spaces_and_its_equals_signs() -> None:
    assert parse_token("Bearer AbC") == "AbC"
    assert parse_token("Bearer a b") == "a b"
    assert parse_token("Bearer token=a=b=") == "a=b="
    assert parse_token(b"Bearer caf\xe9") == "caf\xe9"
    assert parse_token("Bearer caf\N{SNOWMAN}") == "caf?"


def test_a_header_of_spaces_is_parsed_in_linear_time() -> None:
    # Parsing in quadratic time would take minutes here, longer than the time limit of a test.
    assert parse_token(b"Bearer a" + b" " * 500_000 + b"b") == "a" + " " * 500_000 + "b"


@settings(deadline=None)
@given(some.one_of(some.binary(), some.text()))
def test_any_header_is_parsed_without_an_error(authorization: bytes | str) -> None:
    assert parse_token(authorization) != ""

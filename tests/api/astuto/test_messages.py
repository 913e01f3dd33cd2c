"""What Astuto's dialect says, to the letter: the tables of the contract's sections 1.4 and 1.5."""

import json

import pytest

from app.api.astuto import messages
from app.api.astuto.messages import field_message


@pytest.mark.parametrize(
    ("field", "code", "limits", "said"),
    [
        ("name", "taken", {}, "Name is already in use"),
        ("name", "blank", {}, "Name cannot be blank"),
        ("description", "too_long", {"maximum": 1024}, "Description is too long (maximum 1024 characters)"),
        ("board", "mandatory", {}, "Board is mandatory"),
        ("board_id", "mandatory", {}, "Board is mandatory"),
        ("title", "blank", {}, "Title cannot be blank"),
        ("title", "too_short", {"minimum": 4}, "Title is too short (minimum 4 characters)"),
        ("title", "too_long", {"maximum": 128}, "Title is too long (maximum 128 characters)"),
        ("post", "mandatory", {}, "Post is mandatory"),
        ("post_id", "mandatory", {}, "Post is mandatory"),
        ("body", "blank", {}, "Body cannot be blank"),
        ("user", "taken", {}, "User is already in use"),
        ("user_id", "taken", {}, "User is already in use"),
        ("full_name", "blank", {}, "Full name cannot be blank"),
        ("full_name", "too_short", {"minimum": 2}, "Full name is too short (minimum 2 characters)"),
        ("full_name", "too_long", {"maximum": 64}, "Full name is too long (maximum 64 characters)"),
        ("email", "blank", {}, "Email cannot be blank"),
        ("email", "taken", {}, "Email is already in use"),
        ("email", "invalid", {}, "Email is invalid"),
        ("post", "not_pending", {}, "Post is not pending approval"),
    ],
)
def test_each_problem_has_its_sentence(field: str, code: str, limits: dict[str, int], said: str) -> None:
    assert field_message(field, code, **limits) == said


def test_a_problem_with_more_numbers_than_needed_is_worded_all_the_same() -> None:
    assert field_message("title", "too_short", minimum=4, maximum=128) == "Title is too short (minimum 4 characters)"


def test_a_problem_that_astuto_does_not_know_is_invalid() -> None:
    assert field_message("avatar_url", "not_a_url") == "Avatar url is invalid"


@pytest.mark.parametrize(
    ("what", "asked", "by", "said"),
    [
        ("board", "x", "id", "Board with id x not found"),
        ("post", "-1", "id", "Post with id -1 not found"),
        ("comment", "9", "id", "Comment with id 9 not found"),
        ("user", "me", "id", "User with id me not found"),
        ("vote", "7", "id", "Like with id 7 not found"),
        ("user", "a@b.c", "email", "User with email a@b.c not found"),
        ("user", "", "email", "User with email  not found"),
        ("user", None, "email", "User with email  not found"),
    ],
)
def test_what_is_not_found_is_named_as_it_was_asked_for(what: str, asked: str | None, by: str, said: str) -> None:
    assert messages.not_found_message(what, asked, by=by) == said


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            messages.MISSING_BODY,
            b'{"errors":["Some parameters are missing from the request. Please check the documentation."]}',
        ),
        (
            messages.WRONG_BODY,
            b'{"errors":["Some parameters are wrong in the request. Please check the documentation."]}',
        ),
        (messages.ACCESS_DENIED_BODY, b'{"errors":["Access denied."]}'),
        (messages.NOT_AUTHORIZED_BODY, b'{"errors":["You are not authorized to perform this action."]}'),
        (
            messages.IMPERSONATION_REFUSED_BODY,
            b'{"errors":["Impersonation error: You are not allowed to impersonate other users."]}',
        ),
        (
            messages.IMPERSONATED_UNKNOWN_BODY,
            b'{"errors":["Impersonation error: Could not find the user to impersonate."]}',
        ),
        (messages.UNEXPECTED_BODY, b'{"errors":["An unexpected error occurred."]}'),
        (messages.TOO_LARGE_BODY, b'{"errors":["The request is too large."]}'),
        (messages.UNAVAILABLE_BODY, b'{"errors":["Service temporarily unavailable."]}'),
        (messages.NO_ROUTE_BODY, b'{"status":404,"error":"Not Found"}'),
        (messages.RETRY_LATER_BODY, b"Retry later\n"),
    ],
)
def test_the_fixed_bodies_are_as_written(body: bytes, said: bytes) -> None:
    assert body == said


def test_several_problems_are_several_sentences_in_order() -> None:
    body = messages.errors_body(field_message("title", "blank"), field_message("title", "too_short", minimum=4))

    assert json.loads(body) == {"errors": ["Title cannot be blank", "Title is too short (minimum 4 characters)"]}

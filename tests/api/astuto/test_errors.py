"""The messages of Astuto's dialect, to the letter: the tables of the contract's sections 1.4 and 1.5."""

import json

import pytest

from app.api.astuto import errors
from app.api.astuto.conversions import MissingParam
from app.api.astuto.errors import field_message
from app.api.astuto.rack_params import InvalidParam, MalformedRequest
from app.domain.errors import (
    FieldError,
    Forbidden,
    ForeignKeyViolation,
    NotFound,
    ServiceUnavailable,
    ValidationFailed,
    ValueOutOfRange,
)
from app.domain.permissions import Permission
from app.http.body import BodyTooLarge
from app.http.response import ApiResponse

MISSING = "Some parameters are missing from the request. Please check the documentation."
WRONG = "Some parameters are wrong in the request. Please check the documentation."


def respond(error: Exception) -> ApiResponse:
    return errors.HANDLERS[type(error)](error)


@pytest.mark.parametrize(
    ("field", "code", "limits", "message"),
    [
        ("name", "taken", {}, "Name is already in use"),
        ("description", "too_long", {"maximum": 1024}, "Description is too long (maximum 1024 characters)"),
        ("board", "mandatory", {}, "Board is mandatory"),
        ("board_id", "mandatory", {}, "Board is mandatory"),
        ("title", "blank", {}, "Title cannot be blank"),
        ("title", "too_short", {"minimum": 4, "maximum": 128}, "Title is too short (minimum 4 characters)"),
        ("post_id", "mandatory", {}, "Post is mandatory"),
        ("user_id", "taken", {}, "User is already in use"),
        ("full_name", "blank", {}, "Full name cannot be blank"),
        ("email", "invalid", {}, "Email is invalid"),
        ("post", "not_pending", {}, "Post is not pending approval"),
        # A code that the contract does not know.
        ("avatar_url", "not_a_url", {}, "Avatar url is invalid"),
    ],
)
def test_each_error_of_a_field_has_its_message(field: str, code: str, limits: dict[str, int], message: str) -> None:
    assert field_message(field, code, **limits) == message


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NotFound("board", "x"), 404, "Board with id x not found"),
        (NotFound("post", "-1"), 404, "Post with id -1 not found"),
        (NotFound("comment", "9"), 404, "Comment with id 9 not found"),
        (NotFound("user", "me"), 404, "User with id me not found"),
        (NotFound("vote", "7"), 404, "Like with id 7 not found"),
        (NotFound("address", "a@b.c"), 404, "User with email a@b.c not found"),
        (NotFound("address", ""), 404, "User with email  not found"),
        (MissingParam(), 400, MISSING),
        (InvalidParam(), 400, WRONG),
        (ForeignKeyViolation(), 400, WRONG),
        (ValueOutOfRange(), 400, WRONG),
        (Forbidden(Permission.READ), 401, "You are not authorized to perform this action."),
        (BodyTooLarge(), 413, "The request is too large."),
        (ServiceUnavailable(), 503, "Service temporarily unavailable."),
    ],
)
def test_each_error_has_its_status_and_message(error: Exception, status: int, message: str) -> None:
    response = respond(error)

    assert (response.status_code, json.loads(response.body)) == (status, {"errors": [message]})


def test_an_unexpected_error_has_its_message() -> None:
    assert errors.UNEXPECTED.status_code == 500
    assert errors.UNEXPECTED.body == b'{"errors":["An unexpected error occurred."]}'


def test_several_errors_are_several_messages_in_their_order() -> None:
    response = respond(
        ValidationFailed([FieldError("title", "blank"), FieldError("title", "too_short", {"minimum": 4})])
    )

    assert response.body == b'{"errors":["Title cannot be blank","Title is too short (minimum 4 characters)"]}'


def test_a_malformed_request_is_an_invalid_parameter() -> None:
    assert issubclass(MalformedRequest, InvalidParam)

"""Users in Astuto's dialect. docs/contracts/astuto.md, section 2.5."""

import re
from typing import Annotated, Final

import orjson
from pydantic import Field

from app.api.astuto import responses, schemas, serializers
from app.api.astuto.conversions import to_text, unwrap_array
from app.api.astuto.forms import EMAIL, FULL_NAME, Form
from app.api.astuto.pagination import ListForm, list_response
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import validate_text
from app.api.astuto.routes.rows import change_row, show_row
from app.api.request import ApiRequest
from app.api.router import query_param
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails, users
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Users"])

MIN_NAME: Final = 2
MAX_NAME: Final = 64

_DELETED_EMAIL: Final = re.compile(r"deleted-([1-9][0-9]{0,17})@deleted\.invalid")


class CreateUser(Form, json_schema_extra={"required": ["email"]}):
    email: Annotated[
        str | None,
        EMAIL,
        Field(description="Trimmed, and compared regardless of case", examples=["ada.lind@example.com"]),
    ] = None
    full_name: Annotated[
        str | None,
        FULL_NAME,
        Field(
            description=f"{MIN_NAME} to {MAX_NAME} characters; if null or absent, the address", examples=["Ada Lind"]
        ),
    ] = None


@router.get("/users", response_model=list[schemas.User], form=ListForm)
async def list_users(request: ApiRequest) -> ApiResponse:
    """All users, newest first, including blocked and deleted ones."""
    form = ListForm.parse(request.params)
    return await list_response(request, form, serializers.USERS, serializers.serialize_user, newest_first=True)


@router.get("/users/{id}", response_model=schemas.User)
async def show_user(request: ApiRequest) -> ApiResponse:
    """One user."""
    return await show_row(request, "user", serializers.USERS.by_id, serializers.serialize_single_user)


@router.get(
    "/users/get_by_email",
    response_model=schemas.User,
    parameters=[
        query_param(
            "email",
            {"type": "string"},
            "The address; it is trimmed, and compared regardless of case",
            example="owner@example.com",
            required=True,
        )
    ],
    errors=[404],
)
async def get_user_by_email(request: ApiRequest) -> ApiResponse:
    """The user with an email."""
    value = request.params.get("email")
    sent, email = to_text(value), to_text(unwrap_array(value))

    def get(work: UnitOfWork) -> bytes:
        row = _find_user(work, email) if isinstance(email, str) else None
        if row is None:
            raise NotFound("address", sent if isinstance(sent, str) else "")
        return orjson.dumps(serializers.serialize_single_user(row))

    return responses.ok(await request.read(get))


@router.post(
    "/users",
    response_model=schemas.Id,
    status_code=201,
    errors=[422],
    extra_responses={200: {"description": "A user has this address already, and is not changed", "model": schemas.Id}},
    form=CreateUser,
)
async def create_user(request: ApiRequest) -> ApiResponse:
    """Return the user with this email, or create one with the role `user` and without a password."""
    form = CreateUser.parse(request.params)
    email = form.email or ""
    full_name = email if form.full_name is None else form.full_name

    def register(work: UnitOfWork) -> tuple[bool, int]:
        row = _find_user(work, email)
        if row is not None:
            return False, row[0]
        field_errors = _validate_user(email, full_name)
        if field_errors:
            raise ValidationFailed(field_errors)
        try:
            return True, users.create(work, email=email, name=full_name)
        except Conflict:
            # Another request has created the user meanwhile.
            row = _find_user(work, email)
            if row is None:
                raise
            return False, row[0]

    is_new, user_id = await request.write(register)
    return responses.created(user_id) if is_new else responses.updated(user_id)


@router.put("/users/{id}/block", response_model=schemas.Id, irreversible=True)
async def block_user(request: ApiRequest) -> ApiResponse:
    """Block a user. The keys of the user are revoked for good, the content stays."""
    response = await change_row(request, "user", users.block)
    request.services.authenticator.invalidate()
    return response


def _find_user(work: UnitOfWork, email: str) -> Row | None:
    """The user with this email; a deleted one has an email of its own."""
    key = emails.normalize_email(email)
    if not key:
        return None
    deleted = _DELETED_EMAIL.fullmatch(key)
    try:
        if deleted:
            row = serializers.USERS.by_id(work, int(deleted[1]))
            if serializers.serialize_user(row)["email"] == key:
                return row
        return serializers.USERS.by_email(work, email)
    except NotFound:
        return None


def _validate_user(email: str, full_name: str) -> list[FieldError]:
    """The errors of a new user. docs/contracts/astuto.md, section 1.5."""
    field_errors = validate_text("full_name", full_name, MIN_NAME, MAX_NAME)
    key = emails.normalize_email(email)
    if not key:
        field_errors.append(FieldError("email", "blank"))
    if not emails.is_valid_email(key) or len(key) > emails.MAX_EMAIL:
        field_errors.append(FieldError("email", "invalid"))
    return field_errors

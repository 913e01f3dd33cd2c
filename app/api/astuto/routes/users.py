"""Users in Astuto's dialect. docs/contracts/astuto.md, section 2.5."""

import re
from typing import Final

import orjson

from app.api.astuto import errors, params, responses, serializers
from app.api.astuto.openapi_params import TEXT, TEXT_OR_NULL, USER_ID, object_body, pagination_params, with_description
from app.api.astuto.pagination import ListSource, list_response
from app.api.astuto.params import MISSING
from app.api.astuto.responses import AstutoRouter
from app.api.astuto.routes.inputs import path_id, str_or
from app.api.astuto.schemas import Id, UserOut
from app.api.request import ApiRequest
from app.api.router import query_param
from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import emails, users
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Users"])

MIN_NAME: Final = 2
MAX_NAME: Final = 64
ARRAY_AS_EMAIL: Final = "[]"

_DELETED_EMAIL: Final = re.compile(r"deleted-([1-9][0-9]{0,17})@deleted\.invalid")


@router.get("/users", response_model=list[UserOut], parameters=pagination_params(100))
async def list_users(request: ApiRequest) -> ApiResponse:
    """All users, newest first, including blocked and deleted ones."""
    source = ListSource(
        page=lambda work, offset, limit: serializers.USERS.page(work, newest_first=True, offset=offset, limit=limit),
        ids=lambda work, offset, limit: serializers.USERS.ids(work, offset=offset, limit=limit),
        by_ids=serializers.USERS.by_ids,
        serialize=serializers.serialize_listed_user,
    )
    return await list_response(request, source, default=100)


@router.get("/users/{id}", response_model=UserOut, parameters=[USER_ID], errors=[404])
async def show_user(request: ApiRequest) -> ApiResponse:
    """One user."""
    segment = request.path_params["id"]

    def get(work: UnitOfWork) -> bytes:
        with errors.replace_not_found("user", NotFound("user", segment)):
            row = serializers.USERS.by_id(work, path_id(segment))
        return orjson.dumps(serializers.serialize_single_user(row))

    return responses.ok(await request.read(get))


@router.get(
    "/users/get_by_email",
    response_model=UserOut,
    parameters=[
        query_param("email", TEXT, "The address; it is trimmed, and compared regardless of case", required=True)
    ],
    errors=[404],
)
async def get_user_by_email(request: ApiRequest) -> ApiResponse:
    """The user with an email."""
    value = request.params.get("email", MISSING)
    email = str_or(params.value_or_none(value), None) or ""

    def get(work: UnitOfWork) -> bytes:
        row = _find_user(work, email)
        if row is None:
            raise NotFound("address", str_or(value, None))
        return orjson.dumps(serializers.serialize_single_user(row))

    return responses.ok(await request.read(get))


@router.post(
    "/users",
    response_model=Id,
    status_code=201,
    errors=[422],
    extra_responses={200: {"description": "A user has this address already, and is not changed", "model": Id}},
    request_body=object_body(
        ["email"],
        email=with_description(TEXT, "Trimmed, and compared regardless of case"),
        full_name=with_description(TEXT_OR_NULL, "2 to 64 characters; if null or absent, the address"),
    ),
)
async def create_user(request: ApiRequest) -> ApiResponse:
    """Return the user with this email, or create one with the role `user` and without a password."""
    values = request.params
    value = values.get("email", MISSING)
    # Section 1.6: an array is an invalid email, not a missing one.
    email = (
        ARRAY_AS_EMAIL if isinstance(value, list) and params.value_or_none(value) != [] else str_or(value, None) or ""
    )
    name = values.get("full_name", MISSING)
    full_name = email if name is False else str_or(name, None)

    def register(work: UnitOfWork) -> tuple[bool, int]:
        row = _find_user(work, email)
        if row is not None:
            return False, row[0]
        field_errors = _validate_user(email, email if full_name is None else full_name)
        if field_errors:
            raise ValidationFailed(field_errors)
        try:
            return True, users.create(work, email=email, name=email if full_name is None else full_name)
        except Conflict:
            # Another request has created the user meanwhile.
            row = _find_user(work, email)
            if row is None:
                raise
            return False, row[0]

    is_new, user_id = await request.write(register)
    return responses.created(user_id) if is_new else responses.updated(user_id)


@router.put("/users/{id}/block", response_model=Id, parameters=[USER_ID], errors=[404])
async def block_user(request: ApiRequest) -> ApiResponse:
    """Block a user. The keys of the user are revoked for good, the content stays."""
    segment = request.path_params["id"]
    user_id = path_id(segment)

    def block(work: UnitOfWork) -> None:
        with errors.replace_not_found("user", NotFound("user", segment)):
            users.block(work, user_id)

    await request.write(block)
    request.services.authenticator.invalidate()
    return responses.updated(user_id)


def _find_user(work: UnitOfWork, email: str) -> Row | None:
    """The user with this email; a deleted one has an email of its own."""
    key = emails.normalize_email(email)
    if not key:
        return None
    deleted = _DELETED_EMAIL.fullmatch(key)
    try:
        if deleted:
            row = serializers.USERS.by_id(work, int(deleted[1]))
            if serializers.serialize_listed_user(row)["email"] == key:
                return row
        return serializers.USERS.by_email(work, email)
    except NotFound:
        return None


def _validate_user(email: str, full_name: str) -> list[FieldError]:
    """The errors of a new user. docs/contracts/astuto.md, section 1.5."""
    field_errors = [FieldError("full_name", "blank")] if params.is_blank(full_name) else []
    if len(full_name) < MIN_NAME:
        field_errors.append(FieldError("full_name", "too_short", {"minimum": MIN_NAME}))
    elif len(full_name) > MAX_NAME:
        field_errors.append(FieldError("full_name", "too_long", {"maximum": MAX_NAME}))
    key = emails.normalize_email(email)
    if not key:
        field_errors.append(FieldError("email", "blank"))
    if not emails.is_valid_email(key) or len(key) > users.MAX_EMAIL:
        field_errors.append(FieldError("email", "invalid"))
    return field_errors

"""Users in ProductLift's dialect. docs/contracts/productlift.md, sections 7.16 to 7.21."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from app.api.productlift import errors, path_params, responses, serializers
from app.api.productlift.field_types import Anything, Boolean, Email, Text
from app.api.productlift.forms import SELECTED, Check, Form, reject_taken
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.routes import post_list
from app.api.productlift.schemas import Nothing, User, data_of, page_of
from app.api.request import ApiRequest
from app.domain.errors import NotFound
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.users import deletion, users
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Users"])

Address = Annotated[Email, Field(max_length=191, description="The e-mail address, unique in the portal")]
Name = Annotated[Text, Field(max_length=100, description="The name that is shown", examples=["Ada Lind"])]
Password = Annotated[
    Text, Field(min_length=8, max_length=100, description="The password", examples=["harbor-lantern-42"])
]
Role = Annotated[
    Literal["admin", "member"],
    Field(description="Whether the user belongs to the team (`admin`) or not", examples=["member"]),
]


class FindUser(Form):
    email: Annotated[Address, Field(description="The address, in any letter case", examples=["owner@example.com"])]


class ListUsers(Form):
    limit: post_list.Limit | None = None
    skip: post_list.Skip | None = None


class CreateUser(Form):
    json_example: ClassVar[tuple[str, ...]] = ("email", "role", "name")

    email: Annotated[Address | None, Field(examples=["ada.lind@example.com"])] = None
    role: Role
    name: Annotated[Name | None, Field(description="The name; by default made from the address")] = None
    invitation_message: Annotated[
        Annotated[Text, Field(max_length=1000)] | None,
        Field(
            description="The text of the email with the invitation; by default that of the portal",
            examples=["Welcome to our portal!"],
        ),
    ] = None
    skip_email: Annotated[Anything | None, Field(description="Any value: no invitation is mailed", examples=[True])] = (
        None
    )
    password: Password | None = None


class UpdateUser(Form):
    json_example: ClassVar[tuple[str, ...]] = ("name",)

    email: Annotated[Address | None, Field(examples=["yusuf.moreau@example.com"])] = None
    role: Role | None = None
    name: Annotated[Name | None, Field(examples=["Yusuf A. Moreau"])] = None
    password: Password | None = None


class DeleteUser(Form):
    delete_all_data: Annotated[
        Boolean | None, Field(description="Whether to delete posts, comments and votes of the user", examples=[False])
    ] = None


@router.get("/users/find_by_email", response_model=data_of(User), form=FindUser, errors=[404])
async def find_user_by_email(request: ApiRequest) -> ApiResponse:
    """The user with this email, in any letter case."""
    email = FindUser.parse(request.params).email

    def find(work: UnitOfWork) -> ApiResponse:
        try:
            row = serializers.USERS.by_email(work, email)
        except NotFound as missing:
            raise errors.EmailUnknown from missing
        return _user_response(row)

    return await request.read(find)


@router.get("/users", response_model=page_of(User), form=ListUsers)
async def list_users(request: ApiRequest) -> ApiResponse:
    """The users of the portal except deleted ones, oldest first, a page at a time."""
    form = ListUsers.parse(request.params)
    offset, limit = post_list.offset_and_limit(form.skip, form.limit)

    def page(work: UnitOfWork) -> ApiResponse:
        rows = serializers.USERS.page(work, newest_first=False, offset=offset, limit=limit)
        payloads = [serializers.serialize_user(*row[1:]) for row in rows]
        return responses.page_response(payloads, total=serializers.USERS.total(work), offset=offset, limit=limit)

    return await request.read(page, in_thread=True)


@router.post("/users", response_model=data_of(User), form=CreateUser)
async def create_user(request: ApiRequest) -> ApiResponse:
    """Add a user. One with an email and without a password gets an invitation by mail, unless `skip_email` is set."""
    form = CreateUser.parse(request.params)
    password_hash = await _hash_password(request, form.password)
    is_invited = form.email is not None and password_hash is None and form.skip_email is None

    def create(work: UnitOfWork) -> ApiResponse:
        user_id = users.create(
            work,
            email=form.email,
            name=form.name or (users.display_name_from(form.email) if form.email else users.DEFAULT_NAME),
            role="admin" if form.role == "admin" else "user",
            password_hash=password_hash,
        )
        if is_invited:
            users.invite(work, user_id, form.invitation_message)
        return _user_response(serializers.USERS.by_id(work, user_id))

    return await request.write(create)


@router.get("/users/{user}", response_model=data_of(User))
async def show_user(request: ApiRequest) -> ApiResponse:
    """One user."""
    return await request.read(lambda work: _user_response(_get_user(work, request)))


@router.patch_or_put("/users/{user}", response_model=data_of(User), form=UpdateUser)
async def update_user(request: ApiRequest) -> ApiResponse:
    """Change a user; fields that are absent or null stay. Only the owner can change the owner's e-mail and password."""

    def validate(work: UnitOfWork) -> UpdateUser:
        user_id, _, _, _, role, *_ = _get_user(work, request)
        check_email = reject_taken(partial(users.find_by_email, work), except_id=user_id)
        return UpdateUser.parse(request.params, email=check_email, role=role_is_allowed(role))

    form = await request.read(validate)
    # Hashing takes 0.1 s of CPU time, so it is not done inside the transaction.
    password_hash = await _hash_password(request, form.password)

    def change(work: UnitOfWork) -> ApiResponse:
        user_id = _get_user(work, request)[0]
        with errors.report_as_sent(user=request.path_params["user"]):
            role = users.lock_role(work, user_id)
            users.update(
                work,
                user_id,
                email=form.email,
                name=form.name,
                role=stored_role(form.role, role),
                password_hash=password_hash,
            )
        return _user_response(serializers.USERS.by_id(work, user_id))

    response = await request.write(change)
    request.services.authenticator.invalidate()
    return response


@router.delete("/users/{user}", response_model=Nothing, form=DeleteUser)
async def delete_user(request: ApiRequest) -> ApiResponse:
    """Delete a user; `delete_all_data` also deletes posts, comments and votes. The owner can not be deleted."""
    await request.read(lambda work: _get_user(work, request))
    with_data = bool(DeleteUser.parse(request.params).delete_all_data)

    def delete(work: UnitOfWork) -> list[str]:
        user_id = _get_user(work, request)[0]
        with errors.report_as_sent(user=request.path_params["user"]):
            return deletion.delete(work, user_id, with_content=with_data).files

    files = await request.write(delete, in_thread=True)
    request.services.authenticator.invalidate()
    await request.services.uploads.delete(files)
    return responses.DELETED


def _get_user(work: UnitOfWork, request: ApiRequest) -> Row:
    with errors.report_as_sent(user=request.path_params["user"]):
        return serializers.USERS.by_uuid(work, path_params.uuid(request.path_params["user"]))


def _user_response(row: Row) -> ApiResponse:
    return responses.data_response(serializers.serialize_user(*row[1:]))


def role_is_allowed(role: str) -> Check:
    """A check that rejects the role `member` for the owner."""
    return lambda new_role: SELECTED if role == "owner" and new_role == "member" else None


def stored_role(new_role: str | None, role: str) -> str | None:
    """The role to store for a user with `role`; None, no change, for the role that was read. Section 7.20."""
    if new_role is None or serializers.ROLES[role] == new_role:
        return None
    return "admin" if new_role == "admin" else "user"


async def _hash_password(request: ApiRequest, password: str | None) -> str | None:
    return None if password is None else await request.services.passwords.hash_password(password)

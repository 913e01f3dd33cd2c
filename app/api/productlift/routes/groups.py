"""Groups in ProductLift's dialect. docs/contracts/productlift.md, section 9.4."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import orjson
from pydantic import Field

from app.api.productlift import errors, path_params, portal_serializers, responses, serializers
from app.api.productlift.forms import Form, reject_taken
from app.api.productlift.responses import JSON, ProductLiftRouter
from app.api.productlift.routes import post_list
from app.api.productlift.routes.categories import UniqueName
from app.api.productlift.routes.users import ListUsers
from app.api.productlift.schemas import Group, Membership, Nothing, User, data_of, list_of, page_of
from app.api.request import ApiRequest
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import groups
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Groups"])


class CreateGroup(Form):
    name: Annotated[UniqueName, Field(examples=["Early access"])]


class UpdateGroup(Form):
    name: Annotated[UniqueName | None, Field(description="The new name", examples=["Beta program"])] = None


@router.get("/groups", response_model=list_of(Group))
async def list_groups(request: ApiRequest) -> ApiResponse:
    """All groups of the portal, by number."""
    return await responses.list_rows(request, groups.list_all, portal_serializers.serialize_group)


@router.post("/groups", response_model=data_of(Group), form=CreateGroup)
async def create_group(request: ApiRequest) -> ApiResponse:
    """Add a group without members."""

    def add(work: UnitOfWork) -> ApiResponse:
        form = CreateGroup.parse(request.params, name=reject_taken(partial(groups.find_id_by_name, work)))
        return _group_response(work, groups.add(work, name=form.name))

    return await request.write(add)


@router.get("/groups/{group}", response_model=data_of(Group))
async def show_group(request: ApiRequest) -> ApiResponse:
    """One group."""

    def get(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            return _group_response(work, _group_id(request))

    return await request.read(get)


@router.patch_or_put("/groups/{group}", response_model=data_of(Group), form=UpdateGroup)
async def update_group(request: ApiRequest) -> ApiResponse:
    """Rename a group."""
    group_id = _group_id(request)

    def rename(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            groups.get(work, group_id)
            check_name = reject_taken(partial(groups.find_id_by_name, work), except_id=group_id)
            form = UpdateGroup.parse(request.params, name=check_name)
            if form.name is not None:
                groups.rename(work, group_id, form.name)
            return _group_response(work, group_id)

    return await request.write(rename)


@router.delete("/groups/{group}", response_model=Nothing)
async def delete_group(request: ApiRequest) -> ApiResponse:
    """Delete a group. Its users stay."""

    def delete(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            groups.delete_group(work, _group_id(request))
        return responses.DELETED

    return await request.write(delete, in_thread=True)


@router.get("/groups/{group}/users", response_model=page_of(User), form=ListUsers)
async def list_group_users(request: ApiRequest) -> ApiResponse:
    """The members of a group, the oldest membership first, a page at a time."""
    group_id = _group_id(request)

    def page(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            groups.get(work, group_id)
        form = ListUsers.parse(request.params)
        offset, limit = post_list.offset_and_limit(form.skip, form.limit)
        rows = serializers.USERS.members(work, group_id, offset=offset, limit=limit)
        payloads = [serializers.serialize_user(*row[1:]) for row in rows]
        total = groups.count_members(work, group_id)
        return responses.page_response(payloads, total=total, offset=offset, limit=limit)

    # The total must count the rows of the page.
    return await request.read(page, in_thread=True, snapshot=True)


@router.post("/groups/{group}/users/{user}", response_model=Membership)
async def add_group_user(request: ApiRequest) -> ApiResponse:
    """Add a user to a group. If the user is a member, nothing changes."""
    return await _change_membership(request, groups.add_member)


@router.delete("/groups/{group}/users/{user}", response_model=Membership)
async def remove_group_user(request: ApiRequest) -> ApiResponse:
    """Remove a user from a group. If the user is no member, nothing changes."""
    return await _change_membership(request, groups.remove_member)


async def _change_membership(request: ApiRequest, change: Callable[[UnitOfWork, int, str], None]) -> ApiResponse:
    group_id, uuid = _group_id(request), path_params.uuid(request.path_params["user"])

    def change_and_respond(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(**request.path_params):
            change(work, group_id, uuid)
        return ApiResponse(200, orjson.dumps({"success": True, "group": str(group_id), "user": uuid}), JSON)

    return await request.write(change_and_respond)


def _group_id(request: ApiRequest) -> int:
    return path_params.number(request.path_params["group"])


def _group_response(work: UnitOfWork, group_id: int) -> ApiResponse:
    return responses.data_response(portal_serializers.serialize_group(groups.get(work, group_id)))

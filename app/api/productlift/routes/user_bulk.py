"""Changes of many users in ProductLift's dialect. docs/contracts/productlift.md, section 9.10."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import orjson
from pydantic import Field

from app.adapters.database import Operation, T
from app.api.productlift.field_types import ArrayOf, Boolean, Uuid
from app.api.productlift.forms import Form
from app.api.productlift.path_params import EXAMPLE_USER
from app.api.productlift.responses import JSON, ProductLiftRouter
from app.api.productlift.schemas import BulkResult
from app.api.request import ApiRequest
from app.api.router import NIL_UUID
from app.domain.users import bulk
from app.http.body import is_json
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Users"])

MAX_USERS: Final = 100
_DESCRIPTION: Final = f"The UUIDs of 1 to {MAX_USERS} users; `ids` is another name of this field"
UserIds = Annotated[
    ArrayOf[Uuid], Field(min_length=1, max_length=MAX_USERS, description=_DESCRIPTION, examples=[[EXAMPLE_USER]])
]
UserIdsToLose = Annotated[
    UserIds,
    Field(
        description=f"{_DESCRIPTION}. The example identifies none, so that it destroys nothing.", examples=[[NIL_UUID]]
    ),
]


class BlockUsers(Form):
    user_ids: UserIdsToLose


class UnblockUsers(Form):
    user_ids: UserIds


class DeleteUsers(Form):
    user_ids: UserIdsToLose
    delete_all_data: Annotated[
        Boolean | None,
        Field(description="Whether to delete posts, comments and votes of the users", examples=[False]),
    ] = None


@router.post("/users/bulk-block", response_model=BulkResult, form=BlockUsers)
async def block_users(request: ApiRequest) -> ApiResponse:
    """Block users. Unknown and deleted users, administrators and the user of the key are passed over."""
    uuids = BlockUsers.parse(_with_user_ids(request)).user_ids
    return _result_response(await _change_users(request, lambda work: bulk.block(work, uuids)), "blocked")


@router.post("/users/bulk-unblock", response_model=BulkResult, form=UnblockUsers)
async def unblock_users(request: ApiRequest) -> ApiResponse:
    """Unblock users. Unknown and deleted users are passed over. Revoked keys stay revoked."""
    uuids = UnblockUsers.parse(_with_user_ids(request)).user_ids
    return _result_response(await _change_users(request, lambda work: bulk.unblock(work, uuids)), "unblocked")


@router.post("/users/bulk-delete", response_model=BulkResult, form=DeleteUsers)
async def delete_users(request: ApiRequest) -> ApiResponse:
    """Delete users. Unknown and deleted users, the owner and the user of the key are passed over."""
    form = DeleteUsers.parse(_with_user_ids(request))
    with_data = bool(form.delete_all_data)
    count, files = await _change_users(request, lambda work: bulk.delete(work, form.user_ids, with_content=with_data))
    await request.services.uploads.delete(files)
    return _result_response(count, "deleted")


def _with_user_ids(request: ApiRequest) -> Mapping[str, Any]:
    """The parameters, with `ids` in place of `user_ids` if that is missing or null.

    A single text of a form or a query is a list of one (section 5). In JSON, which has lists, it is an error.
    """
    name = "user_ids" if request.params.get("user_ids") is not None else "ids"
    value = request.params.get(name)
    if isinstance(value, str) and not is_json(request.headers.get("content-type", "")):
        value = [value]
    return {**request.params, "user_ids": value}


async def _change_users(request: ApiRequest, operation: Operation[T]) -> T:
    """Run a change of up to a hundred users, each of which takes several statements."""
    outcome = await request.write(operation, in_thread=True)
    request.services.authenticator.invalidate()
    return outcome


def _result_response(count: int, participle: str) -> ApiResponse:
    body = {"success": True, "count": count, "message": f"{count} users {participle}."}
    return ApiResponse(200, orjson.dumps(body), JSON)

"""What users can be filtered by, in ProductLift's dialect. docs/contracts/productlift.md, section 9.10."""

from typing import Final

from app.api.productlift import portal_serializers, responses
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import GroupName, PlanType, SegmentKey, list_of
from app.api.request import ApiRequest
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import attributes
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Users"])

_SEGMENT_KEYS: Final = responses.data_response(
    [portal_serializers.serialize_segment_key(name) for name in attributes.SEGMENT_ATTRIBUTES]
)


@router.get("/users/groups-filter", response_model=list_of(GroupName))
async def list_group_names(request: ApiRequest) -> ApiResponse:
    """All groups of the portal, by name."""
    return await responses.list_rows(request, attributes.list_groups, portal_serializers.serialize_group_name)


@router.get("/users/plan-types", response_model=list_of(PlanType))
async def list_plan_types(request: ApiRequest) -> ApiResponse:
    """The different plans of the users, by name. `earshot users edit --plan` sets the plan of a user."""

    def list_plans(work: UnitOfWork) -> ApiResponse:
        return responses.data_response([{"id": plan, "name": plan} for plan in attributes.list_plans(work)])

    return await request.read(list_plans, in_thread=True)


@router.get("/users/segment-metadata-keys", response_model=list_of(SegmentKey))
async def list_segment_keys(request: ApiRequest) -> ApiResponse:
    """The attributes of a user by which segments can be formed. They are the same in each portal."""
    return _SEGMENT_KEYS

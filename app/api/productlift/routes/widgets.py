"""Widgets in ProductLift's dialect. docs/contracts/productlift.md, section 9.12."""

from app.api.productlift import errors, path_params, portal_serializers, responses
from app.api.productlift.responses import ProductLiftRouter
from app.api.productlift.schemas import Widget, data_of, list_of
from app.api.request import ApiRequest
from app.domain.portals import widgets
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = ProductLiftRouter(tags=["Widgets"])


@router.get("/widgets", response_model=list_of(Widget))
async def list_widgets(request: ApiRequest) -> ApiResponse:
    """All widgets of the portal, by name. The operator creates them at the command line."""
    return await responses.list_rows(request, widgets.list_all, portal_serializers.serialize_widget)


@router.get("/widgets/{widget}", response_model=data_of(Widget))
async def show_widget(request: ApiRequest) -> ApiResponse:
    """One widget."""
    key = request.path_params["widget"]

    def get(work: UnitOfWork) -> ApiResponse:
        with errors.report_as_sent(widget=key):
            row = widgets.by_uuid(work, path_params.uuid(key))
        return responses.data_response(portal_serializers.serialize_widget(row))

    return await request.read(get)

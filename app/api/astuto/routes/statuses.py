"""Post statuses in Astuto's dialect. docs/contracts/astuto.md, section 2.2."""

import orjson

from app.api.astuto import responses, schemas, serializers
from app.api.astuto.responses import AstutoRouter
from app.api.request import ApiRequest
from app.domain.unit_of_work import UnitOfWork
from app.http.response import ApiResponse

router = AstutoRouter(tags=["Post statuses"])


@router.get("/post_statuses", response_model=list[schemas.PostStatus])
async def list_post_statuses(request: ApiRequest) -> ApiResponse:
    """All statuses."""

    def read_all(work: UnitOfWork) -> bytes:
        return orjson.dumps([serializers.serialize_status(row) for row in serializers.STATUSES.all(work)])

    return responses.ok(await request.read(read_all))

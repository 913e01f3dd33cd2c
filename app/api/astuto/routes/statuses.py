"""Post statuses in Astuto's dialect. docs/contracts/astuto.md, section 2.2."""

import orjson

from app.api.astuto import responses, serializers
from app.api.astuto.responses import chapter
from app.api.astuto.schemas import StatusOut
from app.api.request import Call
from app.domain.permissions import Act
from app.domain.unit_of_work import Work
from app.http.request import Answer

statuses_chapter = chapter("Post statuses")


@statuses_chapter.route("GET", "/post_statuses", answers=list[StatusOut])
async def list_post_statuses(call: Call) -> Answer:
    """All statuses."""

    def every(work: Work) -> bytes:
        work.require(Act.READ)
        return orjson.dumps([serializers.status(row) for row in serializers.STATUSES.all(work)])

    return responses.ok(await call.reading(every))

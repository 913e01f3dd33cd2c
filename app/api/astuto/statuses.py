"""Post statuses in Astuto's dialect. docs/contracts/astuto.md, section 2.2."""

import orjson

from app.api.astuto import answers, shapes
from app.api.astuto.answers import chapter
from app.api.astuto.models import StatusOut
from app.api.calls import Answer, Call
from app.domain.policy import Act
from app.domain.work import Work

statuses_chapter = chapter("Post statuses")


@statuses_chapter.route("GET", "/post_statuses", answers=list[StatusOut])
async def list_post_statuses(call: Call) -> Answer:
    """All statuses."""

    def every(work: Work) -> bytes:
        work.require(Act.READ)
        return orjson.dumps([shapes.status(row) for row in shapes.STATUSES.all(work)])

    return answers.ok(await call.reading(every))

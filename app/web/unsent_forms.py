"""The page for a form that could not be stored, since storage or database are not available: with the form's texts."""

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.translations import N_
from app.domain.errors import CommitUncertain, ServiceUnavailable
from app.web import pictures
from app.web.forms import UploadForm
from app.web.portal_pages import PortalPages
from app.web.viewer import FORM_FIELD, Viewer, own_path

log = logging.getLogger("earshot.pages")

RETRY_SECONDS: Final = "2"
_LABELS: Final = {"title": N_("Title"), "description": N_("Description"), "body": N_("Your comment")}
"""The fields that are shown, so that their texts can also be copied. All others are hidden."""
_LINES: Final = ("title",)
_NOT_STORED: Final = N_("The server can't store anything just now, so nothing was sent. Your text is still here.")
_UNCERTAIN: Final = N_("The connection was lost, so this may or may not be stored. Your text is still here.")


def respond(
    pages: PortalPages,
    request: Request,
    viewer: Viewer,
    failure: ServiceUnavailable,
    form: UploadForm,
) -> Response:
    """A page of status 503 that sends the same texts to the same path again. It reads neither database nor storage."""
    log.warning("a form was not stored: %s", " ".join(str(failure).split()) or type(failure).__name__)
    return pages.respond(
        request,
        viewer,
        "portal/unsent.html",
        status=503,
        headers={"Cache-Control": "no-store", "Retry-After": RETRY_SECONDS},
        here="/",
        path=own_path(request),
        message=_UNCERTAIN if isinstance(failure, CommitUncertain) else _NOT_STORED,
        fields=[
            (name, _LABELS.get(name), name in _LINES, value)
            for name, value in form.fields
            if name != FORM_FIELD and isinstance(value, str)
        ],
        has_files=bool(form.list_files(pictures.FIELD)) or not form.is_complete,
    )

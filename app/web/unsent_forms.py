"""The page for a form that could not be stored, since storage or database are not available: with the form's texts."""

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.translations import N_
from app.domain.errors import CommitUncertain, ServiceUnavailable
from app.web import kept_forms
from app.web.forms import UploadForm
from app.web.portal_pages import PortalPages
from app.web.viewer import Viewer

log = logging.getLogger("earshot.pages")

RETRY_SECONDS: Final = "2"
_TITLE: Final = N_("Not sent yet")
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
    headers = {"Cache-Control": "no-store", "Retry-After": RETRY_SECONDS}
    message = _UNCERTAIN if isinstance(failure, CommitUncertain) else _NOT_STORED
    kept = kept_forms.keep(request, form)
    if kept is None:
        return pages.error(request, viewer, 503, headers=headers)
    return pages.respond(
        request,
        viewer,
        "portal/unsent.html",
        status=503,
        headers=headers,
        here="/",
        title=_TITLE,
        message=message,
        kept=kept,
        wait=None,
        csrf=viewer.csrf,
        may_send_again=True,
    )

"""What a page gives back of a form that was not accepted, so that nobody loses a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

from app.adapters.translations import N_
from app.domain.posts import texts
from app.web import pictures
from app.web.forms import UploadForm, find_form, limit_form, read_upload_form
from app.web.viewer import FORM_FIELD, own_path

MAX_BYTES: Final = limit_form(texts.MAX_TITLE + texts.MAX_DESCRIPTION)
_LABELS: Final = {
    "title": N_("Title"),
    "description": N_("Description"),
    "body": N_("Your comment"),
    "name": N_("Name"),
}
"""The fields that are shown, so that their texts can also be copied. All others are hidden."""
_LINES: Final = ("title", "name")
_SECRETS: Final = ("password", "code", "token", "credential", "ticket")
"""Parts of the names of fields that no page gives back, nor the rest of their form, which is short."""


@dataclass(frozen=True, slots=True)
class KeptField:
    """A field of the form."""

    name: str
    value: str
    label: str | None
    """None if the field is hidden."""
    is_line: bool


@dataclass(frozen=True, slots=True)
class KeptForm:
    """The form, which can be sent again to the same path."""

    path: str
    csrf: str
    """The token that the form had."""
    fields: Sequence[KeptField]
    has_files: bool
    """Whether files were chosen, which can't be given back."""


async def read(request: Request) -> KeptForm | None:
    """The form of a request that is rejected, also if nobody has read it; None if it has no text."""
    if request.method != "POST":
        return None
    form = find_form(request)
    if form is not None:
        return keep(request, form)
    try:
        async with read_upload_form(request, max_bytes=MAX_BYTES, max_text_bytes=MAX_BYTES) as unread:
            return keep(request, unread)
    except HTTPException:
        return None


def find(request: Request) -> KeptForm | None:
    """As `read`, but only of a form that was read before."""
    form = find_form(request)
    return None if form is None else keep(request, form)


def keep(request: Request, form: UploadForm) -> KeptForm | None:
    """The form with its texts; None if it has none that anybody typed, and for one with a secret."""
    if not any(form.texts.get(name, "").strip() for name in _LABELS):
        return None
    if any(value and secret in name for name, value in form.texts.items() for secret in _SECRETS):
        return None
    kept = [
        KeptField(name, value, _LABELS.get(name), name in _LINES)
        for name, value in form.fields
        if isinstance(value, str) and name != FORM_FIELD
    ]
    has_files = bool(form.list_files(pictures.FIELD)) or not form.is_complete
    return KeptForm(own_path(request), form.texts.get(FORM_FIELD, ""), kept, has_files)

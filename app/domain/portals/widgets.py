"""Rules of widgets. A widget shows one tab of the portal inside pages of other sites."""

import re
import uuid
from typing import Final

from sqlalchemy import bindparam, select

from app.domain.errors import Conflict, FieldError, NotFound, ValidationFailed
from app.domain.models import Tab, Widget
from app.domain.portals import tabs
from app.domain.portals.catalogue import CatalogueTable, begin_change
from app.domain.unit_of_work import Row, UnitOfWork
from app.domain.unset import UNSET, Unset

ANY_SITE: Final = "*"
MAX_FRAME_ANCESTORS: Final = 2000
"""Characters. They are sent in a header, and proxies limit the length of headers."""

_ORIGIN: Final = re.compile(r"\*|'self'|https?://(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[0-9]{1,5})?")

TABLE: Final = CatalogueTable(
    Widget,
    select(Widget.id, Widget.uuid, Widget.name, Widget.type, Tab.url.label("tab"), Widget.frame_ancestors).outerjoin(
        Tab, Tab.id == Widget.tab_id
    ),
    order=(Widget.name, Widget.id),
)
_BY_UUID: Final = TABLE.select(Widget.uuid == bindparam("uuid"))


def list_all(work: UnitOfWork) -> list[Row]:
    """The rows of all widgets by name, regardless of case."""
    # Sorted here, because the order of texts in a database depends on its locale.
    return sorted(TABLE.list_all(work), key=lambda row: (row["name"].lower(), row["id"]))


def by_uuid(work: UnitOfWork, widget_uuid: str) -> Row:
    """The row of a widget: id, uuid, name, type, tab, frame_ancestors. Raises NotFound("widget").

    `tab` is the URL key of its tab; None for the first tab of the portal.
    """
    return work.require_row(_BY_UUID, "widget", widget_uuid, uuid=widget_uuid)


def find_tab_url(work: UnitOfWork, widget_uuid: str) -> str:
    """The URL key of the tab that a widget shows. Raises NotFound("widget"), NotFound("tab") if there is no tab."""
    url: str | None = by_uuid(work, widget_uuid)["tab"]
    if url is not None:
        return url
    for tab in tabs.list_all(work):
        return str(tab["url"])
    raise NotFound("tab")


def add(
    work: UnitOfWork,
    *,
    name: str,
    kind: str,
    tab_id: int | None,
    frame_ancestors: str,
    widget_uuid: str | None = None,
) -> str:
    """Create a widget and return its UUID. `kind` is one of WIDGET_TYPES; without a tab it shows the first one.

    `widget_uuid` is that of a widget of another server, whose pages stay as they are; by default a new one.
    `frame_ancestors` as for `parse_frame_ancestors`. Raises Forbidden, NotFound("tab"), Conflict("widget.taken"),
    ValidationFailed.
    """
    begin_change(work)
    if tab_id is not None:
        tabs.get(work, tab_id)
    widget_uuid = widget_uuid or str(uuid.uuid4())
    with work.map_unique_violation(uq_widgets_uuid=Conflict("widget.taken")):
        TABLE.insert(
            work,
            uuid=widget_uuid,
            name=name,
            type=kind,
            tab_id=tab_id,
            frame_ancestors=parse_frame_ancestors(frame_ancestors),
        )
    return widget_uuid


def edit(
    work: UnitOfWork,
    widget_uuid: str,
    *,
    name: str | None = None,
    kind: str | None = None,
    tab_id: int | Unset | None = UNSET,
    frame_ancestors: str | None = None,
) -> None:
    """Change the fields that are given; None leaves one unchanged, except that a `tab_id` of None is the first tab.

    Raises Forbidden, NotFound("widget"), NotFound("tab"), ValidationFailed.
    """
    begin_change(work)
    row = by_uuid(work, widget_uuid)
    if frame_ancestors is not None:
        frame_ancestors = parse_frame_ancestors(frame_ancestors)
    if tab_id is not UNSET:
        if tab_id is not None:
            tabs.get(work, tab_id)
        TABLE.update(work, row["id"], tab_id=tab_id)
    TABLE.change(work, row, name=name, type=kind, frame_ancestors=frame_ancestors)


def delete(work: UnitOfWork, widget_uuid: str) -> None:
    """Delete a widget; pages that embed it show an error from then on. Raises Forbidden, NotFound("widget")."""
    begin_change(work)
    TABLE.delete(work, by_uuid(work, widget_uuid)["id"])


def parse_frame_ancestors(text: str) -> str:
    """The sites that may embed a widget, each once and separated by single spaces, for a Content-Security-Policy.

    Each is an origin such as `https://example.com:8443` or `https://*.example.com`, `'self'`, or `*` for any site.
    Raises ValidationFailed (frame_ancestors invalid, too_long).
    """
    origins = list(dict.fromkeys(text.lower().split()))
    if not origins or not all(map(_ORIGIN.fullmatch, origins)):
        raise ValidationFailed([FieldError("frame_ancestors", "invalid")])
    parsed = " ".join(origins)
    if len(parsed) > MAX_FRAME_ANCESTORS:
        raise ValidationFailed([FieldError("frame_ancestors", "too_long", {"maximum": MAX_FRAME_ANCESTORS})])
    return parsed

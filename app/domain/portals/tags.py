"""Rules of tags, the labels of posts that only the team sees. Their names are unique regardless of case."""

from typing import Final

from app.domain.models import Tag
from app.domain.portals.catalogue import begin_change
from app.domain.portals.labels import LabelTable
from app.domain.posts import tagging
from app.domain.unit_of_work import UnitOfWork

TABLE: Final = LabelTable(Tag)

list_all = TABLE.list_all
get = TABLE.get
find_id_by_name = TABLE.find_id_by_name
add = TABLE.add
edit = TABLE.edit


def delete(work: UnitOfWork, tag_id: int) -> None:
    """Delete a tag; its posts stay, without it. Raises Forbidden, NotFound("tag")."""
    begin_change(work)
    tagging.subtract_tag(work, tag_id)
    TABLE.delete(work, tag_id)

"""Rules of categories, the public labels of posts. Their names are unique regardless of case."""

from typing import Final

from app.domain.counters import post_counters
from app.domain.models import Category
from app.domain.portals.catalogue import begin_change
from app.domain.portals.labels import LabelTable
from app.domain.unit_of_work import UnitOfWork

TABLE: Final = LabelTable(Category)

list_all = TABLE.list_all
get = TABLE.get
find_id_by_name = TABLE.find_id_by_name
add = TABLE.add
edit = TABLE.edit


def delete(work: UnitOfWork, category_id: int) -> None:
    """Delete a category; its posts stay. Raises Forbidden, NotFound("category")."""
    begin_change(work)
    TABLE.delete(work, category_id)
    # After the deletion, which waits for transactions that add a post to the category.
    post_counters.delete_category(work, category_id)

"""The full-text index of posts, `post_search`, which the search for duplicates reads.

It is not a model, because its tables differ by engine. Triggers maintain it. Migration 0004 creates both.

SQLite: a contentless FTS5 table whose rowid is the post's id, `porter unicode61`.
PostgreSQL: a table of `post_id`, `portal_id` and the `tsvector` of the title, with a GIN index. The column is not in
`posts`, because every vote updates the row of its post, which adds an entry to each index of `posts`.

The triggers on `posts` insert, update and delete the entry with the post, in the same statement.
"""

from collections.abc import Mapping
from typing import Any, Final

SEARCH_TABLE: Final = "post_search"
TEXT_SEARCH_CONFIG: Final = "earshot_titles"
"""PostgreSQL's `english` without stop words. Its stemmer is an improved version of FTS5's `porter`."""


def include_name(name: str | None, kind: str, parents: Mapping[str, Any]) -> bool:
    """Whether Alembic compares a table with the models: not the index, nor the tables in which FTS5 stores it."""
    del parents
    return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLE))

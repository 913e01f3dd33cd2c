"""The full-text index of posts, which the searches read.

Its tables are not models, because most differ by engine. Triggers maintain them. Migrations 0004, 0009 and 0011 create
them.

`post_search` has the titles, for the search for duplicates. SQLite: a contentless FTS5 table whose rowid is the post's
id, `porter unicode61`. PostgreSQL: a table of `post_id`, `portal_id` and the `tsvector` of the title, with a GIN index.
The column is not in `posts`, because every vote updates the row of its post, which adds an entry to each index of
`posts`. The triggers on `posts` insert, update and delete the entry with the post, in the same statement.

`post_search_texts` has the titles and the first MAX_INDEXED_LENGTH characters of the descriptions without tags, in the
same form. What a search filters by is in it as well: marks between the words on SQLite, columns on PostgreSQL. A new
post is indexed later: a trigger inserts it into `post_search_new`, and deleting it there inserts it into the index. An
update or a deletion changes the index in the same statement. PostgreSQL has two indexes of the words: of `tsvector`,
for any query, and of arrays, which takes half the time, for posts with one of some words. It stores the words outside
of the rows, because it reads the row of each match.

On SQLite each transaction adds a segment to both tables; `app.domain.search.post_index` merges them.

`post_search_vocabulary` has the words of the texts in each portal: as folded by `app.domain.search.tokenizer`, and as
the index has them. A word stays when no post has it any more.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Text, column, table

SEARCH_TABLE: Final = "post_search"
TEXTS_TABLE: Final = "post_search_texts"
TEXT_SEARCH_CONFIG: Final = "earshot_titles"
"""PostgreSQL's `english` without stop words. Its stemmer is an improved version of FTS5's `porter`."""
MAX_INDEXED_LENGTH: Final = 10_000
"""Characters of a description that are indexed."""
MARK: Final = "\ue000"
"""Begins a word that FTS5 finds and no text contains: `p7` for portal 7, `s3` for status 3, `pending`, `rejected`,
`unpublished`."""

NEW_POSTS: Final = table("post_search_new", column("portal_id", BigInteger), column("post_id", BigInteger))
VOCABULARY: Final = table(
    "post_search_vocabulary", column("portal_id", BigInteger), column("folded", Text), column("word", Text)
)


def include_name(name: str | None, kind: str, parents: Mapping[str, Any]) -> bool:
    """Whether Alembic compares a table with the models: not the index, nor the tables in which FTS5 stores it."""
    del parents
    return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLE))

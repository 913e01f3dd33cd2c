"""Search titles and descriptions of posts: an index of both, which a job fills, and the words that they contain.

New posts are indexed later, because the words of a description would make a create 10 percent slower. A trigger puts
them into `post_search_new`; deleting a row there indexes its post. A change of an indexed post changes the index in the
same statement. The upgrade puts all posts into `post_search_new`.

A later batch change of `posts` on SQLite recreates the table, and must create the triggers again.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MAX_LENGTH = 10_000
"""Characters of a description that are indexed. PostgreSQL's `tsvector` has a limit of a megabyte."""
COLUMNS = ("title", "description", "moderation", "published", "status_id")
"""The columns that the index depends on."""


def _sqlite_document(post: str) -> str:
    """The text that is indexed of a row of posts: marks, which no text contains, then the title and the description.

    FTS5 without positions finds a mark as fast as a word. So a search needs no other table to leave out the posts of
    other portals, rejected ones, and those of other statuses.
    """
    text = f"substr(coalesce({post}.description, ''), 1, {MAX_LENGTH})"
    # What precedes the first "<", then what follows each tag.
    parts = f"json_each('[' || replace(json_quote({text}), '<', '\",\"') || ']') AS part"
    is_tag = "part.key > 0 AND substr(part.value, 1, 1) GLOB '[A-Za-z/!]' AND instr(part.value, '>') > 0"
    without_tags = f"""
      CASE WHEN instr({text}, '<') = 0 THEN {text} ELSE (
        SELECT group_concat(
          CASE WHEN {is_tag} THEN substr(part.value, instr(part.value, '>') + 1) ELSE part.value END, ' '
        ) FROM {parts}
      ) END
    """  # noqa: S608 - constants only
    marks = f"""
      char(57344) || 'p' || {post}.portal_id
      || CASE WHEN {post}.status_id IS NULL THEN '' ELSE ' ' || char(57344) || 's' || {post}.status_id END
      || CASE WHEN {post}.moderation = 'approved' THEN '' ELSE ' ' || char(57344) || {post}.moderation END
      || CASE WHEN {post}.published THEN '' ELSE ' ' || char(57344) || 'unpublished' END
    """
    return f"{marks} || ' ' || replace({post}.title || ' ' || {without_tags}, char(57344), ' ')"


def _hidden(post: str) -> str:
    """From whom a row of posts is hidden, as a number, because it is compared for each post that a search finds.

    0: nobody; 1: unpublished; 2: pending; 3: rejected.
    """
    return (
        f"CASE WHEN {post}.moderation = 'rejected' THEN 3 WHEN {post}.moderation = 'pending' THEN 2"
        f" WHEN {post}.published THEN 0 ELSE 1 END"
    )


_HAS_CHANGED = " OR ".join(f"old.{column} IS NOT new.{column}" for column in COLUMNS)
_OLD_IS_INDEXED = "NOT EXISTS (SELECT 1 FROM post_search_new WHERE portal_id = old.portal_id AND post_id = old.id)"

# S608: the statements consist of constants only.
SQLITE = [
    """
    CREATE VIRTUAL TABLE post_search_texts USING fts5(
      text, content = '', columnsize = 0, detail = none, tokenize = 'porter unicode61 remove_diacritics 2'
    )
    """,
    "INSERT INTO post_search_texts (post_search_texts, rank) VALUES ('pgsz', 1000)",
    """
    CREATE TABLE post_search_new (
      portal_id INTEGER NOT NULL, post_id INTEGER NOT NULL, PRIMARY KEY (portal_id, post_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE post_search_vocabulary (
      portal_id INTEGER NOT NULL, folded TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (portal_id, folded, word)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER post_search_new_insert AFTER INSERT ON posts BEGIN
      INSERT INTO post_search_new (portal_id, post_id) VALUES (new.portal_id, new.id);
    END
    """,
    f"""
    CREATE TRIGGER post_search_texts_insert AFTER DELETE ON post_search_new BEGIN
      INSERT INTO post_search_texts (rowid, text)
      SELECT id, {_sqlite_document("posts")} FROM posts WHERE id = old.post_id;
    END
    """,  # noqa: S608
    f"""
    CREATE TRIGGER post_search_texts_update AFTER UPDATE OF {", ".join(COLUMNS)} ON posts
    WHEN ({_HAS_CHANGED}) AND {_OLD_IS_INDEXED} BEGIN
      INSERT INTO post_search_texts (post_search_texts, rowid, text)
      VALUES ('delete', old.id, {_sqlite_document("old")});
      INSERT INTO post_search_texts (rowid, text) VALUES (new.id, {_sqlite_document("new")});
    END
    """,  # noqa: S608
    # The second statement fires the trigger above, which finds no such post any more.
    f"""
    CREATE TRIGGER post_search_texts_delete AFTER DELETE ON posts BEGIN
      INSERT INTO post_search_texts (post_search_texts, rowid, text)
      SELECT 'delete', old.id, {_sqlite_document("old")} WHERE {_OLD_IS_INDEXED};
      DELETE FROM post_search_new WHERE portal_id = old.portal_id AND post_id = old.id;
    END
    """,  # noqa: S608
    "INSERT INTO post_search_new (portal_id, post_id) SELECT portal_id, id FROM posts",
]

POSTGRESQL = [
    """
    CREATE TABLE post_search_texts (
      post_id BIGINT NOT NULL, portal_id BIGINT NOT NULL, status_id BIGINT, hidden SMALLINT NOT NULL,
      words TSVECTOR NOT NULL, CONSTRAINT pk_post_search_texts PRIMARY KEY (post_id)
    )
    """,
    # Without statistics the planner assumes that few posts match, and always reads the index of the words. It would
    # otherwise read the whole table for a common word, which takes ten times as long.
    "ALTER TABLE post_search_texts ALTER COLUMN words SET STATISTICS 0",
    """
    CREATE INDEX ix_post_search_texts_words ON post_search_texts USING gin (words) WITH (gin_pending_list_limit = 256)
    """,
    """
    CREATE TABLE post_search_new (
      portal_id BIGINT NOT NULL, post_id BIGINT NOT NULL,
      CONSTRAINT pk_post_search_new PRIMARY KEY (portal_id, post_id)
    )
    """,
    """
    CREATE TABLE post_search_vocabulary (
      portal_id BIGINT NOT NULL, folded TEXT COLLATE "C" NOT NULL, word TEXT COLLATE "C" NOT NULL,
      CONSTRAINT pk_post_search_vocabulary PRIMARY KEY (portal_id, folded, word)
    )
    """,
    f"""
    CREATE FUNCTION post_search_document(title TEXT, description TEXT) RETURNS TSVECTOR LANGUAGE plpgsql STABLE AS $$
    BEGIN
      description := left(coalesce(description, ''), {MAX_LENGTH});
      IF position('<' IN description) > 0 THEN
        description := regexp_replace(description, '<[A-Za-z/!][^<>]*>', ' ', 'g');
      END IF;
      RETURN strip(post_search_words(title || ' ' || description));
    END
    $$
    """,
    # A change locks the row of a post that is not indexed yet. So if a job indexes it just now, one of them waits, and
    # the job reads the change, or the change finds the index's row.
    f"""
    CREATE FUNCTION post_search_texts_keep() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO post_search_new (portal_id, post_id) VALUES (NEW.portal_id, NEW.id);
      ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM post_search_new WHERE portal_id = OLD.portal_id AND post_id = OLD.id;
        DELETE FROM post_search_texts WHERE post_id = OLD.id;
      ELSE
        PERFORM 1 FROM post_search_new WHERE portal_id = OLD.portal_id AND post_id = OLD.id FOR UPDATE;
        UPDATE post_search_texts SET status_id = NEW.status_id, hidden = {_hidden("NEW")} WHERE post_id = NEW.id;
        IF (OLD.title, OLD.description) IS DISTINCT FROM (NEW.title, NEW.description) THEN
          UPDATE post_search_texts SET words = post_search_document(NEW.title, NEW.description)
          WHERE post_id = NEW.id;
        END IF;
      END IF;
      RETURN NULL;
    END
    $$
    """,  # noqa: S608
    f"""
    CREATE FUNCTION post_search_texts_add() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO post_search_texts (post_id, portal_id, status_id, hidden, words)
      SELECT id, portal_id, status_id, {_hidden("posts")}, post_search_document(title, description)
      FROM posts WHERE id = OLD.post_id;
      RETURN NULL;
    END
    $$
    """,  # noqa: S608
    """
    CREATE TRIGGER post_search_texts_add AFTER DELETE ON post_search_new
    FOR EACH ROW EXECUTE FUNCTION post_search_texts_add()
    """,
    # A trigger waits for those who write posts just now, so that what follows sees their posts.
    """
    CREATE TRIGGER post_search_texts_write AFTER INSERT OR DELETE ON posts
    FOR EACH ROW EXECUTE FUNCTION post_search_texts_keep()
    """,
    f"""
    CREATE TRIGGER post_search_texts_update AFTER UPDATE OF {", ".join(COLUMNS)} ON posts
    FOR EACH ROW WHEN (({", ".join(f"OLD.{column}" for column in COLUMNS)})
      IS DISTINCT FROM ({", ".join(f"NEW.{column}" for column in COLUMNS)}))
    EXECUTE FUNCTION post_search_texts_keep()
    """,
    "INSERT INTO post_search_new (portal_id, post_id) SELECT portal_id, id FROM posts",
]

SQLITE_DOWN = [
    *(f"DROP TRIGGER post_search_{name}" for name in ("new_insert", "texts_insert", "texts_update", "texts_delete")),
    *(f"DROP TABLE post_search_{name}" for name in ("texts", "new", "vocabulary")),
]

POSTGRESQL_DOWN = [
    "DROP TRIGGER post_search_texts_write ON posts",
    "DROP TRIGGER post_search_texts_update ON posts",
    *(f"DROP TABLE post_search_{name}" for name in ("texts", "new", "vocabulary")),
    *(f"DROP FUNCTION post_search_texts_{name}()" for name in ("keep", "add")),
    "DROP FUNCTION post_search_document(TEXT, TEXT)",
]


def upgrade() -> None:
    for statement in POSTGRESQL if _on_postgresql() else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    for statement in POSTGRESQL_DOWN if _on_postgresql() else SQLITE_DOWN:
        op.execute(statement)


def _on_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")

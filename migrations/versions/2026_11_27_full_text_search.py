"""Search titles by the engine's full text, and sort posts by when they changed and by comments from indexes.

A later batch change of `posts` on SQLite recreates the table, and must create the triggers again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ORDERS = {
    "ix_posts_updated": "updated_at",
    "ix_posts_comments": "comments_count",
    "ix_posts_status_changed": "status_changed_at",
}

SQLITE = [
    # Neither positions nor lengths are read, so they are not stored.
    """
    CREATE VIRTUAL TABLE post_search USING fts5(
      title, content = '', columnsize = 0, detail = none, tokenize = 'porter unicode61 remove_diacritics 2'
    )
    """,
    # Each transaction adds a segment. Merged sixteen at a time, not four, they make a create 5 to 8 percent cheaper.
    "INSERT INTO post_search (post_search, rank) VALUES ('automerge', 0)",
    # A page of the index is a row of 4050 bytes by default, which leaves no room for a second one in SQLite's page of
    # 4096. With four rows in a page, a transaction writes 19 pages instead of 22; a search takes as long as before.
    "INSERT INTO post_search (post_search, rank) VALUES ('pgsz', 1000)",
    "INSERT INTO post_search (rowid, title) SELECT id, title FROM posts ORDER BY id",
    """
    CREATE TRIGGER post_search_insert AFTER INSERT ON posts BEGIN
      INSERT INTO post_search (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER post_search_update AFTER UPDATE OF title ON posts WHEN old.title <> new.title BEGIN
      INSERT INTO post_search (post_search, rowid, title) VALUES ('delete', old.id, old.title);
      INSERT INTO post_search (rowid, title) VALUES (new.id, new.title);
    END
    """,
    """
    CREATE TRIGGER post_search_delete AFTER DELETE ON posts BEGIN
      INSERT INTO post_search (post_search, rowid, title) VALUES ('delete', old.id, old.title);
    END
    """,
]

POSTGRESQL = [
    """
    CREATE TABLE post_search (
      post_id BIGINT NOT NULL, portal_id BIGINT NOT NULL, title TSVECTOR NOT NULL,
      CONSTRAINT pk_post_search PRIMARY KEY (post_id)
    )
    """,
    # English words by their stem, without stop words: titles such as "Sign out" have few others.
    "CREATE TEXT SEARCH DICTIONARY earshot_stem (TEMPLATE = pg_catalog.snowball, LANGUAGE = english)",
    "CREATE TEXT SEARCH CONFIGURATION earshot_titles (COPY = pg_catalog.english)",
    "ALTER TEXT SEARCH CONFIGURATION earshot_titles ALTER MAPPING REPLACE pg_catalog.english_stem WITH earshot_stem",
    # Accents are removed where the encoding of the database has them as characters of their own. Punctuation separates
    # words: PostgreSQL's parser would take "import/export" for a path, and "<iframe>" for a tag.
    r"""
    CREATE FUNCTION post_search_words(title TEXT) RETURNS TSVECTOR LANGUAGE plpgsql STABLE AS $$
    BEGIN
      IF title !~ '^[[:ascii:]]*$' AND getdatabaseencoding() = 'UTF8' THEN
        title := normalize(regexp_replace(normalize(title, NFKD), '[\u0300-\u036f]', '', 'g'), NFC);
      END IF;
      RETURN to_tsvector('earshot_titles', regexp_replace(title, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g'));
    END
    $$
    """,
    """
    CREATE FUNCTION post_search_keep() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO post_search VALUES (NEW.id, NEW.portal_id, post_search_words(NEW.title));
      ELSIF TG_OP = 'UPDATE' THEN
        UPDATE post_search SET title = post_search_words(NEW.title) WHERE post_id = NEW.id;
      ELSE
        DELETE FROM post_search WHERE post_id = OLD.id;
      END IF;
      RETURN NULL;
    END
    $$
    """,
    # A trigger waits for those who write posts just now, so that what follows sees their posts.
    """
    CREATE TRIGGER post_search_write AFTER INSERT OR DELETE ON posts
    FOR EACH ROW EXECUTE FUNCTION post_search_keep()
    """,
    """
    CREATE TRIGGER post_search_update AFTER UPDATE OF title ON posts
    FOR EACH ROW WHEN (OLD.title <> NEW.title) EXECUTE FUNCTION post_search_keep()
    """,
    "INSERT INTO post_search SELECT id, portal_id, post_search_words(title) FROM posts",
    # A short list of entries that are not in the tree yet: each search reads all of it.
    "CREATE INDEX ix_post_search_title ON post_search USING gin (title) WITH (gin_pending_list_limit = 256)",
]

SQLITE_DOWN = [
    *(f"DROP TRIGGER post_search_{act}" for act in ("insert", "update", "delete")),
    "DROP TABLE post_search",
]
POSTGRESQL_DOWN = [
    "DROP TRIGGER post_search_write ON posts",
    "DROP TRIGGER post_search_update ON posts",
    "DROP FUNCTION post_search_keep()",
    "DROP TABLE post_search",
    "DROP FUNCTION post_search_words(TEXT)",
    "DROP TEXT SEARCH CONFIGURATION earshot_titles",
    "DROP TEXT SEARCH DICTIONARY earshot_stem",
]


def upgrade() -> None:
    for statement in POSTGRESQL if _on_postgresql() else SQLITE:
        op.execute(statement)
    for table in ("title_word_posts", "title_word_signatures", "title_words", "titles_waiting"):
        op.drop_table(table)
    for name, column in ORDERS.items():
        op.create_index(name, "posts", ["portal_id", column, "id"])


def downgrade() -> None:
    for name in ORDERS:
        op.drop_index(name, "posts")
    for statement in POSTGRESQL_DOWN if _on_postgresql() else SQLITE_DOWN:
        op.execute(statement)
    op.create_table(
        "titles_waiting",
        sa.Column("portal_id", ID, autoincrement=False, nullable=False),
        sa.Column("post_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("portal_id", "post_id", name=op.f("pk_titles_waiting")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "title_word_posts",
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("word_id", ID, autoincrement=False, nullable=False),
        sa.Column("span", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("post_ids", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_title_word_posts_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", "word_id", "span", name=op.f("pk_title_word_posts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "title_word_signatures",
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("signature", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("word_id", ID, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_title_word_signatures_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", "signature", "word_id", name=op.f("pk_title_word_signatures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "title_words",
        sa.Column("id", ID, nullable=False),
        sa.Column("word", sa.String(length=24), nullable=False),
        sa.Column("posts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_title_words_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_title_words")),
        sa.UniqueConstraint("portal_id", "word", name=op.f("uq_title_words_portal_id_word")),
    )
    # The server of that version indexes what waits.
    op.execute("INSERT INTO titles_waiting (portal_id, post_id) SELECT portal_id, id FROM posts")


def _on_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")

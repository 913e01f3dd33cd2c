"""Keep the numbers of posts in every mixture of status, section and category, and a section's posts in order."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _wait_for_writers("post_tallies")
    op.create_table(
        "tallies",
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref_id", ID, nullable=False),
        sa.Column("status_id", ID, nullable=False),
        sa.Column("section_id", ID, nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("posts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("kind in ('portal', 'board', 'status', 'category')", name=op.f("ck_tallies_kind")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_tallies_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(
            "portal_id", "kind", "ref_id", "status_id", "section_id", "shard", name=op.f("pk_tallies")
        ),
        postgresql_with={"fillfactor": "50"},
        sqlite_with_rowid=False,
    )
    op.execute(
        """
        INSERT INTO tallies (portal_id, kind, ref_id, status_id, section_id, shard, posts)
        SELECT portal_id, 'portal', 0, 0, 0, 0, count(*) FROM posts GROUP BY portal_id
        UNION ALL
        SELECT portal_id, 'board', board_id, 0, 0, 0, count(*) FROM posts GROUP BY portal_id, board_id
        UNION ALL
        SELECT portal_id, 'status', 0, coalesce(status_id, 0), coalesce(section_id, 0), 0, count(*) FROM posts
        GROUP BY portal_id, coalesce(status_id, 0), coalesce(section_id, 0)
        UNION ALL
        SELECT portal_id, 'category', category_id, coalesce(status_id, 0), coalesce(section_id, 0), 0, count(*)
        FROM post_categories JOIN posts ON posts.id = post_id
        GROUP BY portal_id, category_id, coalesce(status_id, 0), coalesce(section_id, 0)
        """
    )
    op.drop_table("post_tallies")
    _index_sections("section_id", "created_at", "id")


def downgrade() -> None:
    _wait_for_writers("tallies")
    op.create_table(
        "post_tallies",
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ref_id", ID, nullable=False),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("posts", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "kind in ('portal', 'board', 'status', 'section', 'category')", name=op.f("ck_post_tallies_kind")
        ),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_post_tallies_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", "kind", "ref_id", "shard", name=op.f("pk_post_tallies")),
        postgresql_with={"fillfactor": "50"},
        sqlite_with_rowid=False,
    )
    op.execute(
        """
        INSERT INTO post_tallies (portal_id, kind, ref_id, shard, posts)
        SELECT portal_id, kind, ref_id, 0, sum(posts) FROM tallies WHERE kind <> 'status'
        GROUP BY portal_id, kind, ref_id
        UNION ALL
        SELECT portal_id, 'status', status_id, 0, sum(posts) FROM tallies WHERE kind = 'status' AND status_id <> 0
        GROUP BY portal_id, status_id
        UNION ALL
        SELECT portal_id, 'section', section_id, 0, sum(posts) FROM tallies WHERE kind = 'status' AND section_id <> 0
        GROUP BY portal_id, section_id
        """
    )
    op.drop_table("tallies")
    _index_sections("section_id")


def _wait_for_writers(table: str) -> None:
    """Else posts that are just being written would be in no number."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")


def _index_sections(*columns: str) -> None:
    """Posts of a section, in the order of lists where the index has it."""
    there = "section_id is not null"
    op.drop_index("ix_posts_section", "posts")
    op.create_index(
        "ix_posts_section", "posts", list(columns), sqlite_where=sa.text(there), postgresql_where=sa.text(there)
    )

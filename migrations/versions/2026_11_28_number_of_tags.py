"""The number of tags in the row of each post, so that a list reads the tags of those posts only that have any."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # On PostgreSQL this waits for those who tag posts just now, because each of them also writes to posts or locks one.
    op.add_column("posts", sa.Column("tags_count", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute(
        "UPDATE posts SET tags_count = (SELECT count(*) FROM post_tags WHERE post_id = posts.id) "
        "WHERE id IN (SELECT post_id FROM post_tags)"
    )


def downgrade() -> None:
    # On SQLite not as a batch, which would recreate the table without the triggers of the search.
    op.drop_column("posts", "tags_count")

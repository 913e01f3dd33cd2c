"""Find the status changes of a user or a status by an index, which the deletion of either needs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = ("user_id", "actor_id", "status_id")


def upgrade() -> None:
    for column in COLUMNS:
        condition = sa.text(f"{column} is not null")
        op.create_index(
            f"ix_status_changes_{column}",
            "status_changes",
            [column],
            sqlite_where=condition,
            postgresql_where=condition,
        )


def downgrade() -> None:
    for column in COLUMNS:
        op.drop_index(f"ix_status_changes_{column}", "status_changes")

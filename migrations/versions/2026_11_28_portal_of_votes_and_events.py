"""Do not check the portal of votes and events on PostgreSQL: each check locks the portal's row, for every vote."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if _on_postgresql():
        for table in ("votes", "facts"):
            op.drop_constraint(f"fk_{table}_portal_id", table, type_="foreignkey")


def downgrade() -> None:
    if _on_postgresql():
        # A portal may have been deleted meanwhile.
        op.execute("DELETE FROM facts WHERE portal_id NOT IN (SELECT id FROM portals)")
        for table in ("votes", "facts"):
            op.create_foreign_key(f"fk_{table}_portal_id", table, "portals", ["portal_id"], ["id"], ondelete="CASCADE")


def _on_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")

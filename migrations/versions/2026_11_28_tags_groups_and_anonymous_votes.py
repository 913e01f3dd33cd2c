"""Tags, groups, anonymous votes, unpublished posts, widgets, feedback, the product vision, and what sign-on stores."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.String(26).with_variant(TIMESTAMP(timezone=True), "postgresql")

NEW_TABLES = ("post_tags", "feedback", "widgets", "group_members", "user_groups", "tags", "product_visions")
USER_TEXTS = ("uid", "company", "plan", *(f"segment_{number}" for number in range(1, 11)))
USER_NUMBERS = ("mrr", "arr", "ltv")
VOTER_CHECK = "(user_id is null) <> (anonymous_id is null)"


def upgrade() -> None:
    _create_planning_tables()
    _create_team_tables()
    op.add_column("portals", sa.Column("is_private", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    for name in ("invite_message", "sso_secret"):
        op.add_column("portals", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("posts", sa.Column("published", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    unpublished = sa.text("published is false")
    op.create_index(
        "ix_posts_unpublished",
        "posts",
        ["portal_id", "id"],
        sqlite_where=unpublished,
        postgresql_where=unpublished,
    )
    op.add_column("users", sa.Column("avatar_url", sa.Text(), nullable=True))
    for name in USER_TEXTS:
        op.add_column("users", sa.Column(name, sa.String(length=255), nullable=True))
    for name in USER_NUMBERS:
        op.add_column("users", sa.Column(name, sa.Double(), nullable=True))
    has_uid = sa.text("uid is not null")
    op.create_index(
        "uq_users_uid", "users", ["portal_id", "uid"], unique=True, sqlite_where=has_uid, postgresql_where=has_uid
    )
    if _on_postgresql():
        op.alter_column("votes", "user_id", nullable=True)
        op.add_column("votes", sa.Column("anonymous_id", sa.String(length=191), nullable=True))
        op.create_check_constraint(op.f("ck_votes_voter"), "votes", VOTER_CHECK)
        op.drop_index("ix_votes_newest", "votes")
    else:
        _recreate_votes(anonymous=True)
    # Lists of the votes of users leave the anonymous ones out.
    op.create_index("ix_votes_newest", "votes", ["portal_id", "created_at", "id", "user_id"])
    is_anonymous = sa.text("anonymous_id is not null")
    op.create_index(
        "uq_votes_anonymous",
        "votes",
        ["post_id", "anonymous_id"],
        unique=True,
        sqlite_where=is_anonymous,
        postgresql_where=is_anonymous,
    )


def downgrade() -> None:
    # The older version knows no vote without a user.
    op.execute(
        "UPDATE posts SET votes_count = votes_count - (SELECT count(*) FROM votes WHERE post_id = posts.id"
        " AND user_id IS NULL) WHERE id IN (SELECT post_id FROM votes WHERE user_id IS NULL)"
    )
    op.execute("DELETE FROM votes WHERE user_id IS NULL")
    op.drop_index("uq_votes_anonymous", "votes")
    op.drop_index("ix_votes_newest", "votes")
    if _on_postgresql():
        op.drop_constraint(op.f("ck_votes_voter"), "votes", type_="check")
        op.drop_column("votes", "anonymous_id")
        op.alter_column("votes", "user_id", nullable=False)
    else:
        _recreate_votes(anonymous=False)
    op.create_index("ix_votes_newest", "votes", ["portal_id", "created_at", "id"])
    op.drop_index("uq_users_uid", "users")
    for name in ("avatar_url", *USER_TEXTS, *USER_NUMBERS):
        op.drop_column("users", name)
    op.drop_index("ix_posts_unpublished", "posts")
    op.drop_column("posts", "published")
    for name in ("is_private", "invite_message", "sso_secret"):
        op.drop_column("portals", name)
    for table in NEW_TABLES:
        op.drop_table(table)


def _on_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")


def _recreate_votes(*, anonymous: bool) -> None:
    """SQLite can't change whether a column may be null. No other table refers to votes."""
    columns = [
        sa.Column("id", ID, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=anonymous),
    ]
    checks = []
    if anonymous:
        columns.append(sa.Column("anonymous_id", sa.String(length=191), nullable=True))
        checks.append(sa.CheckConstraint(VOTER_CHECK, name=op.f("ck_votes_voter")))
    op.create_table(
        "new_votes",
        *columns,
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        *checks,
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_votes_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_votes_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_votes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sa.UniqueConstraint("post_id", "user_id", name=op.f("uq_votes_post_id_user_id")),
        sqlite_autoincrement=True,
    )
    names = "id, portal_id, post_id, user_id, created_at, updated_at"
    op.execute(f"INSERT INTO new_votes ({names}) SELECT {names} FROM votes ORDER BY id")  # noqa: S608 - constants
    # The ids of deleted votes are not used again.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'new_votes'")
    op.execute("UPDATE sqlite_sequence SET name = 'new_votes' WHERE name = 'votes'")
    op.drop_table("votes")
    op.rename_table("new_votes", "votes")
    op.create_index("ix_votes_user_id", "votes", ["user_id"])


def _create_planning_tables() -> None:
    op.create_table(
        "product_visions",
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("vision", sa.Text(), server_default="", nullable=False),
        sa.Column("target_group", sa.Text(), server_default="", nullable=False),
        sa.Column("needs", sa.Text(), server_default="", nullable=False),
        sa.Column("product", sa.Text(), server_default="", nullable=False),
        sa.Column("business_goals", sa.Text(), server_default="", nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_product_visions_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal_id", name=op.f("pk_product_visions")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", ID, nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="new", nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("status in ('new', 'reviewed', 'archived')", name=op.f("ck_feedback_status")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_feedback_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_feedback_post_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_feedback_user_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_newest", "feedback", ["portal_id", "created_at", "id"])
    op.create_index("ix_feedback_post_id", "feedback", ["post_id"])
    op.create_index("ix_feedback_user_id", "feedback", ["user_id"])


def _create_team_tables() -> None:
    op.create_table(
        "tags",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", sa.String(length=255), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("color like '#___' or color like '#______'", name=op.f("ck_tags_color")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_tags_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("portal_id", "name_key", name=op.f("uq_tags_portal_id_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "user_groups",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", sa.String(length=255), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_user_groups_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_groups")),
        sa.UniqueConstraint("portal_id", "name_key", name=op.f("uq_user_groups_portal_id_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["user_groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_group_members_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_group_members_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
    )
    op.create_index("ix_group_members_oldest", "group_members", ["group_id", "created_at", "user_id"])
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])

    op.create_table(
        "widgets",
        sa.Column("id", ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("tab_id", ID, nullable=True),
        sa.Column("frame_ancestors", sa.Text(), server_default="*", nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("type in ('widget', 'sidebar', 'embed')", name=op.f("ck_widgets_type")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_widgets_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tab_id"], ["tabs.id"], name=op.f("fk_widgets_tab_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_widgets")),
        sa.UniqueConstraint("uuid", name=op.f("uq_widgets_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_widgets_portal_id", "widgets", ["portal_id", "name"])
    op.create_index("ix_widgets_tab_id", "widgets", ["tab_id"])

    op.create_table(
        "post_tags",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("tag_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_tags_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_post_tags_tag_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "tag_id", name=op.f("pk_post_tags")),
    )
    op.create_index("ix_post_tags_tag_id", "post_tags", ["tag_id", "post_id"])

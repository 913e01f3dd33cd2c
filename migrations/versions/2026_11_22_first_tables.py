"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.String(26).with_variant(TIMESTAMP(timezone=True), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "portals",
        sa.Column("id", ID, nullable=False),
        sa.Column("guid", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("locale", sa.String(length=16), server_default="en", nullable=False),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("default_dialect", sa.String(length=16), nullable=True),
        sa.Column("moderation_policy", sa.String(length=16), server_default="anonymous", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("default_dialect in ('productlift', 'astuto')", name=op.f("ck_portals_default_dialect")),
        sa.CheckConstraint(
            "moderation_policy in ('never', 'anonymous', 'always')", name=op.f("ck_portals_moderation_policy")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portals")),
        sa.UniqueConstraint("guid", name=op.f("uq_portals_guid")),
        sa.UniqueConstraint("host", name=op.f("uq_portals_host")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "titles_waiting",
        sa.Column("portal_id", ID, autoincrement=False, nullable=False),
        sa.Column("post_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("portal_id", "post_id", name=op.f("pk_titles_waiting")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "boards",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("length(description) <= 1024", name=op.f("ck_boards_description")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_boards_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_boards")),
        sa.UniqueConstraint("portal_id", "name", name=op.f("uq_boards_portal_id_name")),
        sa.UniqueConstraint("portal_id", "slug", name=op.f("uq_boards_portal_id_slug")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("boards", schema=None) as batch_op:
        batch_op.create_index(
            "uq_boards_default",
            ["portal_id"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "categories",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("name_key", sa.String(length=255), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("color like '#___' or color like '#______'", name=op.f("ck_categories_color")),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_categories_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("portal_id", "name_key", name=op.f("uq_categories_portal_id_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "facts",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("base_url", sa.String(length=255), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expanded_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_facts_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_facts_waiting",
            ["id"],
            unique=False,
            sqlite_where=sa.text("expanded_at is null"),
            postgresql_where=sa.text("expanded_at is null"),
        )

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
    op.create_table(
        "tabs",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.String(length=191), nullable=False),
        sa.Column("type", sa.String(length=16), server_default="feedback", nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("type in ('feedback', 'roadmap', 'changelog', 'knowledgebase')", name=op.f("ck_tabs_type")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_tabs_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tabs")),
        sa.UniqueConstraint("portal_id", "url", name=op.f("uq_tabs_portal_id_url")),
        sqlite_autoincrement=True,
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
    op.create_table(
        "users",
        sa.Column("id", ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("email_key", sa.String(length=255), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), server_default="user", nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("notifications_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("recap", sa.String(length=16), server_default="never", nullable=False),
        sa.Column("posts_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("votes_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("comments_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("blocked_at", MOMENT, nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("recap in ('never', 'daily', 'weekly', 'monthly')", name=op.f("ck_users_recap")),
        sa.CheckConstraint("role in ('user', 'moderator', 'admin', 'owner')", name=op.f("ck_users_role")),
        sa.CheckConstraint("deleted_at is null or email is null", name=op.f("ck_users_tombstone")),
        sa.CheckConstraint(
            "posts_count >= 0 and votes_count >= 0 and comments_count >= 0", name=op.f("ck_users_counters")
        ),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_users_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("portal_id", "email_key", name=op.f("uq_users_portal_id_email_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_users_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index("ix_users_newest", ["portal_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "uq_users_owner",
            ["portal_id"],
            unique=True,
            sqlite_where=sa.text("role = 'owner'"),
            postgresql_where=sa.text("role = 'owner'"),
        )

    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("dialect", sa.String(length=16), nullable=False),
        sa.Column("scheme", sa.String(length=16), server_default="earshot", nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("prefix", sa.String(length=32), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.CheckConstraint("dialect in ('productlift', 'astuto')", name=op.f("ck_api_keys_dialect")),
        sa.CheckConstraint("scheme in ('earshot', 'astuto')", name=op.f("ck_api_keys_scheme")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_api_keys_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_user_id"), ["user_id"], unique=False)

    op.create_table(
        "sections",
        sa.Column("id", ID, nullable=False),
        sa.Column("tab_id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["sections.id"], name=op.f("fk_sections_parent_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_sections_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tab_id"], ["tabs.id"], name=op.f("fk_sections_tab_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sections")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("sections", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sections_parent_id"), ["parent_id"], unique=False)
        batch_op.create_index("ix_sections_tab_id", ["tab_id"], unique=False)

    op.create_table(
        "statuses",
        sa.Column("id", ID, nullable=False),
        sa.Column("tab_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("color", sa.String(length=7), nullable=False),
        sa.Column("text_color", sa.String(length=7), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("show_in_roadmap", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_default", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_voteable", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("color like '#___' or color like '#______'", name=op.f("ck_statuses_color")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_statuses_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tab_id"], ["tabs.id"], name=op.f("fk_statuses_tab_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statuses")),
        sa.UniqueConstraint("portal_id", "name", name=op.f("uq_statuses_portal_id_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.create_index("ix_statuses_tab_id", ["tab_id"], unique=False)
        batch_op.create_index(
            "uq_statuses_default",
            ["portal_id"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "posts",
        sa.Column("id", ID, nullable=False),
        sa.Column("code", sa.String(length=6), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("board_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("status_id", ID, nullable=True),
        sa.Column("section_id", ID, nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("description_short", sa.String(length=160), server_default="", nullable=False),
        sa.Column("changelog", sa.Text(), server_default="", nullable=False),
        sa.Column("image", sa.String(length=64), nullable=True),
        sa.Column("moderation", sa.String(length=16), server_default="approved", nullable=False),
        sa.Column("votes_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("comments_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("views_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default=sa.text("4611686018427387904"), nullable=False),
        sa.Column("conversion", sa.Double(), nullable=True),
        sa.Column("impact", sa.Integer(), nullable=True),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("ease", sa.Integer(), nullable=True),
        sa.Column("reach", sa.Integer(), nullable=True),
        sa.Column("status_changed_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("moderation in ('approved', 'pending', 'rejected')", name=op.f("ck_posts_moderation")),
        sa.CheckConstraint("length(code) = 6", name=op.f("ck_posts_code")),
        sa.CheckConstraint(
            "votes_count >= 0 and comments_count >= 0 and views_count >= 0", name=op.f("ck_posts_counters")
        ),
        sa.ForeignKeyConstraint(["board_id"], ["boards.id"], name=op.f("fk_posts_board_id")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_posts_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["section_id"], ["sections.id"], name=op.f("fk_posts_section_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["status_id"], ["statuses.id"], name=op.f("fk_posts_status_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_posts_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("portal_id", "code", name=op.f("uq_posts_portal_id_code")),
        sa.UniqueConstraint("portal_id", "slug", name=op.f("uq_posts_portal_id_slug")),
        postgresql_with={"fillfactor": "85"},
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.create_index("ix_posts_board", ["board_id", "created_at", "id"], unique=False)
        batch_op.create_index(
            "ix_posts_moderated",
            ["portal_id", "moderation", "created_at"],
            unique=False,
            sqlite_where=sa.text("moderation <> 'approved'"),
            postgresql_where=sa.text("moderation <> 'approved'"),
        )
        batch_op.create_index("ix_posts_newest", ["portal_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_posts_position", ["portal_id", "position", "id"], unique=False)
        batch_op.create_index(
            "ix_posts_section",
            ["section_id"],
            unique=False,
            sqlite_where=sa.text("section_id is not null"),
            postgresql_where=sa.text("section_id is not null"),
        )
        batch_op.create_index("ix_posts_status", ["status_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_posts_user", ["user_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_posts_votes", ["portal_id", "votes_count", "id"], unique=False)

    op.create_table(
        "attachments",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("original_name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.CheckConstraint("kind in ('image', 'attachment')", name=op.f("ck_attachments_kind")),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_attachments_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_attachments_post_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("name", name=op.f("uq_attachments_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.create_index("ix_attachments_post_id", ["post_id"], unique=False)

    op.create_table(
        "comments",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("parent_id", ID, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("official", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("internal", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("pinned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["comments.id"], name=op.f("fk_comments_parent_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_comments_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_comments_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_comments_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("comments", schema=None) as batch_op:
        batch_op.create_index("ix_comments_newest", ["portal_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_comments_parent_id", ["parent_id"], unique=False)
        batch_op.create_index("ix_comments_post", ["post_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_comments_user_id", ["user_id"], unique=False)

    op.create_table(
        "follows",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_follows_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_follows_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_follows_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "user_id", name=op.f("pk_follows")),
    )
    with op.batch_alter_table("follows", schema=None) as batch_op:
        batch_op.create_index("ix_follows_user_id", ["user_id"], unique=False)

    op.create_table(
        "post_categories",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("category_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_post_categories_category_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_post_categories_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "category_id", name=op.f("pk_post_categories")),
    )
    with op.batch_alter_table("post_categories", schema=None) as batch_op:
        batch_op.create_index("ix_post_categories_category_id", ["category_id", "post_id"], unique=False)

    op.create_table(
        "status_changes",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("status_id", ID, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_status_changes_actor_id")),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_status_changes_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_status_changes_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["status_id"], ["statuses.id"], name=op.f("fk_status_changes_status_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_status_changes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("status_changes", schema=None) as batch_op:
        batch_op.create_index("ix_status_changes_post_id", ["post_id", "id"], unique=False)

    op.create_table(
        "votes",
        sa.Column("id", ID, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_votes_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_votes_post_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_votes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sa.UniqueConstraint("post_id", "user_id", name=op.f("uq_votes_post_id_user_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.create_index("ix_votes_newest", ["portal_id", "created_at", "id"], unique=False)
        batch_op.create_index("ix_votes_user_id", ["user_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("votes", schema=None) as batch_op:
        batch_op.drop_index("ix_votes_user_id")
        batch_op.drop_index("ix_votes_newest")

    op.drop_table("votes")
    with op.batch_alter_table("status_changes", schema=None) as batch_op:
        batch_op.drop_index("ix_status_changes_post_id")

    op.drop_table("status_changes")
    with op.batch_alter_table("post_categories", schema=None) as batch_op:
        batch_op.drop_index("ix_post_categories_category_id")

    op.drop_table("post_categories")
    with op.batch_alter_table("follows", schema=None) as batch_op:
        batch_op.drop_index("ix_follows_user_id")

    op.drop_table("follows")
    with op.batch_alter_table("comments", schema=None) as batch_op:
        batch_op.drop_index("ix_comments_user_id")
        batch_op.drop_index("ix_comments_post")
        batch_op.drop_index("ix_comments_parent_id")
        batch_op.drop_index("ix_comments_newest")

    op.drop_table("comments")
    with op.batch_alter_table("attachments", schema=None) as batch_op:
        batch_op.drop_index("ix_attachments_post_id")

    op.drop_table("attachments")
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.drop_index("ix_posts_votes")
        batch_op.drop_index("ix_posts_user")
        batch_op.drop_index("ix_posts_status")
        batch_op.drop_index(
            "ix_posts_section",
            sqlite_where=sa.text("section_id is not null"),
            postgresql_where=sa.text("section_id is not null"),
        )
        batch_op.drop_index("ix_posts_position")
        batch_op.drop_index("ix_posts_newest")
        batch_op.drop_index(
            "ix_posts_moderated",
            sqlite_where=sa.text("moderation <> 'approved'"),
            postgresql_where=sa.text("moderation <> 'approved'"),
        )
        batch_op.drop_index("ix_posts_board")

    op.drop_table("posts")
    with op.batch_alter_table("statuses", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_statuses_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )
        batch_op.drop_index("ix_statuses_tab_id")

    op.drop_table("statuses")
    with op.batch_alter_table("sections", schema=None) as batch_op:
        batch_op.drop_index("ix_sections_tab_id")
        batch_op.drop_index(batch_op.f("ix_sections_parent_id"))

    op.drop_table("sections")
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_user_id"))

    op.drop_table("api_keys")
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_users_owner", sqlite_where=sa.text("role = 'owner'"), postgresql_where=sa.text("role = 'owner'")
        )
        batch_op.drop_index("ix_users_newest")

    op.drop_table("users")
    op.drop_table("title_words")
    op.drop_table("title_word_signatures")
    op.drop_table("title_word_posts")
    op.drop_table("tabs")
    op.drop_table("post_tallies")
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_facts_waiting",
            sqlite_where=sa.text("expanded_at is null"),
            postgresql_where=sa.text("expanded_at is null"),
        )

    op.drop_table("facts")
    op.drop_table("categories")
    with op.batch_alter_table("boards", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_boards_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("boards")
    op.drop_table("titles_waiting")
    op.drop_table("portals")

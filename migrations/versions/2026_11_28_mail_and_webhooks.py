"""Webhooks, deliveries, digests, choices of notifications, one-time tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.String(26).with_variant(TIMESTAMP(timezone=True), "postgresql")
HAS_RECAP = sa.text("recap <> 'never'")
PENDING = sa.text("state = 'pending'")
PENDING_EMAIL = sa.text("state = 'pending' and channel = 'email'")
PENDING_CALL = sa.text("state = 'pending' and channel = 'webhook'")
SECRET = sa.text("channel = 'email' and is_encrypted and payload is not null")

POST_DELETED = sa.text("kind = 'post.deleted'")
COMMENT_DELETED = sa.text("kind = 'comment.deleted'")
WAITING = sa.text("expanded_at is null")
ACCOUNT = sa.text(
    "expanded_at is null and kind in ('user.invited', 'user.password_reset_requested', 'user.confirmation_requested', "
    "'user.email_changed', 'user.password_changed')"
)


def upgrade() -> None:
    _create_webhooks()
    _create_deliveries()
    _create_digest_items()
    _create_notification_choices()
    _create_one_time_tokens()
    op.add_column("portals", sa.Column("webhook_secret", sa.Text(), nullable=True))
    op.add_column("portals", sa.Column("accent_color", sa.String(length=7), nullable=True))
    for name in ("email_confirmed_at", "reset_requested_at", "confirmation_requested_at"):
        op.add_column("users", sa.Column(name, MOMENT, nullable=True))
    op.create_index("ix_users_recap", "users", ["portal_id"], sqlite_where=HAS_RECAP, postgresql_where=HAS_RECAP)
    op.create_index(
        "ix_facts_post_deleted", "facts", ["post_id", "id"], sqlite_where=POST_DELETED, postgresql_where=POST_DELETED
    )
    op.create_index(
        "ix_facts_comment_deleted",
        "facts",
        ["subject_id", "id"],
        sqlite_where=COMMENT_DELETED,
        postgresql_where=COMMENT_DELETED,
    )
    # Events of the time without deliveries reach nobody.
    op.execute("UPDATE facts SET expanded_at = created_at WHERE expanded_at IS NULL")
    op.drop_index("ix_facts_waiting", "facts")
    _create_index_of_waiting("ix_facts_waiting", ["portal_id", "id"], WAITING)
    _create_index_of_waiting("ix_facts_account", ["id"], ACCOUNT)


def _create_index_of_waiting(name: str, columns: list[str], condition: sa.TextClause) -> None:
    op.create_index(name, "facts", columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    op.drop_index("ix_facts_account", "facts")
    op.drop_index("ix_facts_waiting", "facts")
    _create_index_of_waiting("ix_facts_waiting", ["id"], WAITING)
    op.drop_index("ix_facts_comment_deleted", "facts")
    op.drop_index("ix_facts_post_deleted", "facts")
    op.drop_index("ix_users_recap", "users")
    for name in ("confirmation_requested_at", "reset_requested_at", "email_confirmed_at"):
        op.drop_column("users", name)
    for name in ("accent_color", "webhook_secret"):
        op.drop_column("portals", name)
    for table in ("one_time_tokens", "notification_choices", "digest_items", "deliveries", "webhooks"):
        op.drop_table(table)


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", ID, nullable=False),
        sa.Column("dialect", sa.String(length=16), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("method", sa.String(length=8), server_default="POST", nullable=False),
        sa.Column("headers", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("signature_header", sa.String(length=100), server_default="Signature", nullable=False),
        sa.Column("signature_encoding", sa.String(length=8), server_default="hex", nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("failures_in_row", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.CheckConstraint("dialect in ('productlift', 'astuto')", name=op.f("ck_webhooks_dialect")),
        sa.CheckConstraint("method in ('POST', 'PUT', 'PATCH', 'DELETE')", name=op.f("ck_webhooks_method")),
        sa.CheckConstraint("signature_encoding in ('hex', 'base64')", name=op.f("ck_webhooks_signature_encoding")),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f("fk_webhooks_portal_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("portal_id", "description", name=op.f("uq_webhooks_portal_id_description")),
        sqlite_autoincrement=True,
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("event_id", ID, nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("webhook_id", ID, nullable=True),
        sa.Column("user_id", ID, nullable=True),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("dedup_key", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="pending", nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("claim", sa.String(length=36), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("earlier_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("is_encrypted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("request", sa.Text(), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("attempted_at", MOMENT, nullable=True),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.CheckConstraint("channel in ('email', 'webhook')", name=op.f("ck_deliveries_channel")),
        sa.CheckConstraint(
            "state in ('pending', 'delivered', 'failed', 'cancelled')", name=op.f("ck_deliveries_state")
        ),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_deliveries_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_deliveries_user_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("dedup_key", name=op.f("uq_deliveries_dedup_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_deliveries_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_deliveries_due_email",
        "deliveries",
        ["due_at", "id"],
        sqlite_where=PENDING_EMAIL,
        postgresql_where=PENDING_EMAIL,
    )
    op.create_index(
        "ix_deliveries_due_call",
        "deliveries",
        ["webhook_id", "due_at", "id"],
        sqlite_where=PENDING_CALL,
        postgresql_where=PENDING_CALL,
    )
    op.create_index("ix_deliveries_secret", "deliveries", ["id"], sqlite_where=SECRET, postgresql_where=SECRET)
    op.create_index("ix_deliveries_finished", "deliveries", ["finished_at"])
    op.create_index("ix_deliveries_newest", "deliveries", ["portal_id", "id"])
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["webhook_id", "post_id", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )
    op.create_index("ix_deliveries_user", "deliveries", ["user_id"])
    op.create_index("ix_deliveries_webhook", "deliveries", ["webhook_id", "id"])


def _create_digest_items() -> None:
    op.create_table(
        "digest_items",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("post_id", ID, nullable=True),
        sa.Column("subject_id", ID, nullable=True),
        sa.Column("cadence", sa.String(length=10), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_digest_items_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_digest_items_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_items")),
        sa.UniqueConstraint("user_id", "event_id", "kind", name=op.f("uq_digest_items_user_id_event_id_kind")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_digest_items_due", "digest_items", ["due_at", "user_id"])


def _create_notification_choices() -> None:
    op.create_table(
        "notification_choices",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("cadence", sa.String(length=10), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.CheckConstraint(
            "cadence in ('at_once', 'daily', 'weekly', 'never')", name=op.f("ck_notification_choices_cadence")
        ),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_notification_choices_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_choices_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", name=op.f("pk_notification_choices")),
    )
    op.create_index("ix_notification_choices_kind", "notification_choices", ["portal_id", "kind"])


def _create_one_time_tokens() -> None:
    op.create_table(
        "one_time_tokens",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.Column("portal_id", ID, nullable=False),
        sa.CheckConstraint(
            "purpose in ('invitation', 'password_reset', 'email_confirmation')", name=op.f("ck_one_time_tokens_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_one_time_tokens_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_one_time_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_one_time_tokens_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"])
    op.create_index("ix_one_time_tokens_user", "one_time_tokens", ["user_id", "purpose"])

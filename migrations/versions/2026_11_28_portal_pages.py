"""Sessions and ways to sign in, settings of the portal's pages, posts of browsers without a user."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.String(26).with_variant(TIMESTAMP(timezone=True), "postgresql")

NEW_TABLES = ("anonymous_posts", "identities", "identity_providers", "passkeys", "sign_in_requests", "sessions")
PORTAL_FLAGS = ("allows_anonymous_posts", "allows_anonymous_votes", "shows_voters")


def upgrade() -> None:
    _create_sessions()
    _create_sign_in_requests()
    _create_passkeys()
    _create_providers()
    _create_anonymous_posts()
    for name in ("welcome_text", "sign_up_domains"):
        op.add_column("portals", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("portals", sa.Column("sign_up", sa.String(length=16), server_default="open", nullable=False))
    # Everybody with an account sees a private portal, which nobody could sign up for until now.
    op.execute("UPDATE portals SET sign_up = 'closed' WHERE is_private")
    for name in PORTAL_FLAGS:
        op.add_column("portals", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False))
    has_anonymous_id = sa.text("anonymous_id is not null")
    op.create_index(
        "ix_votes_anonymous",
        "votes",
        ["portal_id", "anonymous_id"],
        postgresql_where=has_anonymous_id,
        sqlite_where=has_anonymous_id,
    )
    op.add_column("users", sa.Column("signed_up_at", MOMENT, nullable=True))
    op.add_column("users", sa.Column("awaits_approval", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("users", sa.Column("locale", sa.String(length=16), nullable=True))
    op.add_column("users", sa.Column("picture", sa.String(length=64), nullable=True))
    has_picture = sa.text("picture is not null")
    op.create_index(
        "uq_users_picture", "users", ["picture"], unique=True, postgresql_where=has_picture, sqlite_where=has_picture
    )


def downgrade() -> None:
    op.drop_index("uq_users_picture", "users")
    for name in ("picture", "locale", "awaits_approval", "signed_up_at"):
        op.drop_column("users", name)
    op.drop_index("ix_votes_anonymous", "votes")
    for name in (*PORTAL_FLAGS, "sign_up", "sign_up_domains", "welcome_text"):
        op.drop_column("portals", name)
    for table in NEW_TABLES:
        op.drop_table(table)


def _owned_by_user(
    table: str,
) -> tuple[sa.Column[int], sa.Column[int], sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    return (
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["portal_id"], ["portals.id"], name=op.f(f"fk_{table}_portal_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", ID, nullable=False),
        *_owned_by_user("sessions"),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "method in ('password', 'email', 'provider', 'passkey', 'sign_on', 'link')", name=op.f("ck_sessions_method")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_user", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _create_sign_in_requests() -> None:
    op.create_table(
        "sign_in_requests",
        sa.Column("id", ID, nullable=False),
        *_owned_by_user("sign_in_requests"),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("link_digest", sa.String(length=64), nullable=True),
        sa.Column("code_digest", sa.String(length=64), nullable=True),
        sa.Column("browser_digest", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_requests")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_sign_in_requests_link_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sign_in_requests_user", "sign_in_requests", ["user_id"])
    op.create_index("ix_sign_in_requests_expires_at", "sign_in_requests", ["expires_at"])
    has_browser = sa.text("browser_digest is not null")
    op.create_index(
        "ix_sign_in_requests_browser",
        "sign_in_requests",
        ["browser_digest"],
        postgresql_where=has_browser,
        sqlite_where=has_browser,
    )


def _create_passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", ID, nullable=False),
        *_owned_by_user("passkeys"),
        sa.Column("credential_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", ID, server_default=sa.text("0"), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("portal_id", "credential_id", name=op.f("uq_passkeys_portal_id_credential_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passkeys_user", "passkeys", ["user_id"])


def _create_providers() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("scopes", sa.String(length=255), server_default="openid email profile", nullable=False),
        sa.Column("groups_claim", sa.String(length=100), nullable=True),
        sa.Column("roles", sa.Text(), server_default="{}", nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_identity_providers_portal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_providers")),
        sa.UniqueConstraint("portal_id", "name", name=op.f("uq_identity_providers_portal_id_name")),
        sa.UniqueConstraint(
            "portal_id", "issuer", "client_id", name=op.f("uq_identity_providers_portal_id_issuer_client_id")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "identities",
        sa.Column("id", ID, nullable=False),
        *_owned_by_user("identities"),
        sa.Column("provider_id", ID, nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["identity_providers.id"], name=op.f("fk_identities_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("provider_id", "subject", name=op.f("uq_identities_provider_id_subject")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_identities_user", "identities", ["user_id"])


def _create_anonymous_posts() -> None:
    op.create_table(
        "anonymous_posts",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("device_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("portal_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["portal_id"], ["portals.id"], name=op.f("fk_anonymous_posts_portal_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name=op.f("fk_anonymous_posts_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", name=op.f("pk_anonymous_posts")),
    )
    op.create_index("ix_anonymous_posts_device", "anonymous_posts", ["portal_id", "device_digest"])

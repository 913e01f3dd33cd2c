"""What the tables share: names of constraints, types of ids and timestamps, the portal that owns a row."""

from datetime import datetime
from typing import Annotated, Any, Final

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

UNBOUNDED: Final = "unbounded"
"""In the `info` of a text column without a length limit. Only these are checked, because each check slows a page."""


class Base(DeclarativeBase):
    """Names constraints by one convention, so that migrations and UniqueViolation can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcTimestamp(TypeDecorator[datetime]):
    """A point in time with microseconds, UTC.

    PostgreSQL stores `timestamptz`; SQLite stores the text `YYYY-MM-DD HH:MM:SS.ffffff`, which sorts by time.
    Rows are read as the driver returns them (see `app.domain.sql.timestamps`), which saves a conversion on hot paths.
    """

    impl = String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(26))  # type: ignore[arg-type]


# SQLite generates ids only for a column declared INTEGER; on PostgreSQL ids have 64 bits.
BigId = BigInteger().with_variant(Integer, "sqlite")

Id = Annotated[int, mapped_column(BigId, primary_key=True)]
Name = Annotated[str, mapped_column(String(255))]


class TimestampMixin:
    """Rows with the times of their creation and last change."""

    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class PortalScopedMixin:
    """Rows that belong to one portal. Statements about them must bind `portal`; `Statement` enforces it."""

    @declared_attr
    def portal_id(cls) -> Mapped[int]:
        return mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"))


def portal_key_on_sqlite() -> ForeignKeyConstraint:
    """The foreign key of `portal_id` for tables of which every vote adds a row.

    PostgreSQL locks the referenced row for each check, with a write to it: all votes would lock the portal's row. There
    a portal's votes are deleted with its posts, and its events by the statement that deletes the portal.
    """
    return ForeignKeyConstraint(["portal_id"], ["portals.id"], ondelete="CASCADE").ddl_if(dialect="sqlite")


def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Whether Alembic compares it with the database: not the keys above, which it would add on PostgreSQL."""
    del item, reflected, other
    return not (kind == "foreign_key_constraint" and name in ("fk_votes_portal_id", "fk_facts_portal_id"))


def check_in(column: str, *values: str) -> str:
    """The condition of a CHECK that a text column has one of the values."""
    return f"{column} in ({', '.join(repr(value) for value in values)})"


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that meet the condition, on both engines."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))

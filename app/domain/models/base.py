"""What every table shares: names of constraints, id and moment columns, the portal that owns the row."""

from datetime import datetime
from typing import Annotated, Final

from sqlalchemy import BigInteger, ForeignKey, Integer, MetaData, String, TypeDecorator
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import TypeEngine

UNBOUNDED: Final = "unbounded"
"""In the `info` of a column whose texts no rule bounds. To look at the length of others as well makes pages slower."""


class Base(DeclarativeBase):
    """Constraints are named by one rule, so that a migration and a clash can speak of them."""

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

    PostgreSQL keeps `timestamptz`; SQLite keeps the text `YYYY-MM-DD HH:MM:SS.ffffff`, which sorts as time does.
    Rows come back as the driver returns them (see `app.domain.sql.timestamps`): hot paths pay for no conversion.
    """

    impl = String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(26))  # type: ignore[arg-type]


# SQLite numbers rows only in a column declared INTEGER; everywhere else ids are 64 bits wide.
BigId = BigInteger().with_variant(Integer, "sqlite")

Id = Annotated[int, mapped_column(BigId, primary_key=True)]
Name = Annotated[str, mapped_column(String(255))]


class TimestampMixin:
    """Rows that remember when they came to be and when they last changed."""

    created_at: Mapped[datetime] = mapped_column(UtcTimestamp)
    updated_at: Mapped[datetime] = mapped_column(UtcTimestamp)


class PortalScopedMixin:
    """Rows that belong to one portal. Statements about them must bind `portal`; `Work` sees to it."""

    @declared_attr
    def portal_id(cls) -> Mapped[int]:
        return mapped_column(BigId, ForeignKey("portals.id", ondelete="CASCADE"))


def check_in(column: str, *words: str) -> str:
    """The CHECK that a text column holds one of the words."""
    return f"{column} in ({', '.join(repr(word) for word in words)})"

"""Runs the migrations on a connection that the caller hands over, or, by hand, on EARSHOT_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from app.domain.models import Base
from app.domain.models.base import UtcTimestamp, include_object
from app.domain.models.search import include_name


def _type(kind: str, value: object, context_: object) -> str | bool:
    """The text of a type in a migration: the type in the database, because the model may change later."""
    del context_
    if kind == "type" and isinstance(value, UtcTimestamp):
        return "MOMENT"
    return False


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_type,
        include_name=include_name,
        include_object=include_object,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    _migrate(connection)
else:
    engine = create_engine(os.environ.get("EARSHOT_DATABASE_URL", "sqlite:///data/earshot.db"))
    with engine.begin() as new_connection:
        _migrate(new_connection)

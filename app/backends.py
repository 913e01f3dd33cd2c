"""The tools that every process opens, whether it serves or runs one command: the database, and where uploads lie."""

from app.adapters.database import Clock, Database, database_for, utc_now
from app.adapters.storage import storage
from app.adapters.storage.base import BadStorage, Files
from app.settings import BadSettings, Settings


def database(settings: Settings, clock: Clock = utc_now) -> Database:
    """The database that the settings name, not yet open. Raises BadSettings."""
    try:
        return database_for(
            settings.database, password=settings.database_password, clock=clock, most=settings.database_connections
        )
    except ValueError as wrong:
        raise BadSettings(str(wrong)) from None


def files(settings: Settings) -> Files:
    """Where uploads lie. Raises BadSettings."""
    try:
        return storage(settings.storage_url, settings.data_dir)
    except BadStorage as wrong:
        raise BadSettings(str(wrong)) from None

"""The tools that every process opens, whether it serves or runs one command: the database, and where uploads lie."""

from app.adapters.database import Clock, Database, create_database, utc_now
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.settings import InvalidSettings, Settings


def open_database(settings: Settings, clock: Clock = utc_now) -> Database:
    """The database that the settings name, not yet open. Raises InvalidSettings."""
    try:
        return create_database(
            settings.database, password=settings.database_password, clock=clock, most=settings.database_connections
        )
    except ValueError as wrong:
        raise InvalidSettings(str(wrong)) from None


def open_storage(settings: Settings) -> FileStorage:
    """Where uploads lie. Raises InvalidSettings."""
    try:
        return storage_from_url(settings.storage_url, settings.data_dir)
    except InvalidStorageUrl as wrong:
        raise InvalidSettings(str(wrong)) from None

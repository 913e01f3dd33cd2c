"""The database and the file storage that the settings name, for the server and for commands."""

from app.adapters.database import Clock, Database, create_database, utc_now
from app.adapters.problem import InvalidValue
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.settings import Settings


def open_database(settings: Settings, clock: Clock = utc_now) -> Database:
    """The configured database, not yet connected. Raises InvalidSettings."""
    try:
        return create_database(
            settings.database, password=settings.database_password, clock=clock, most=settings.database_connections
        )
    except InvalidValue as error:
        raise settings.invalid("database_url", error) from None


def open_storage(settings: Settings) -> FileStorage:
    """The configured storage of uploads. Raises InvalidSettings."""
    try:
        return storage_from_url(settings.storage_url, settings.data_dir)
    except InvalidStorageUrl as error:
        raise settings.invalid("storage_url", error) from None

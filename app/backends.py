"""The database, the file storage and the mail server that the settings name, for the server and for commands."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.adapters.database import Clock, Database, create_database, utc_now
from app.adapters.problem import InvalidValue
from app.adapters.smtp_server import SmtpServer
from app.adapters.storage import storage_from_url
from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.smtp import SmtpClient


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


def open_smtp_client(settings: Settings, *, log_line: Callable[[str], None] | None = None) -> "SmtpClient | None":
    """The client of the configured mail server, not yet connected; None if there is none."""
    if settings.smtp_url is None:
        return None
    # Its library takes longer to import than most commands run.
    from app.adapters.smtp import SmtpClient

    return SmtpClient(SmtpServer.parse(settings.smtp_url), log_line=log_line)

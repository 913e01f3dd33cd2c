"""The base URL of a portal for links that a command prints."""

from app.backends import open_database
from app.domain.portals import portals
from app.domain.unit_of_work import UnitOfWork
from app.outbox.portal_urls import PortalUrls
from app.public_url import PublicUrl
from app.settings import Settings


def find_base_url(work: UnitOfWork, settings: Settings) -> str:
    """The base URL, without a slash at the end."""
    urls = PortalUrls(open_database(settings), PublicUrl(settings.base_url), address=(settings.host, settings.port))
    return urls.choose(portals.get_current(work)["host"], is_only=portals.count(work) == 1)

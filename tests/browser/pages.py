"""Every page of a portal, for the tests of this folder and for the pictures of `./manage screenshots`."""

from dataclasses import dataclass
from typing import Final

from tests.browser.portal import ServedPortal

_POST: Final = "SELECT '/p/' || slug || '-' || code FROM posts WHERE moderation = 'approved' AND published "


@dataclass(frozen=True)
class PortalPage:
    """A page in one of its states."""

    name: str
    path: str
    """Its address, or the query for it if it begins with SELECT."""
    is_signed_in: bool = False

    def find(self, portal: ServedPortal) -> str:
        """The address of the page on this portal."""
        path = portal.rows(f"{self.path} LIMIT 1")[0][0] if self.path.startswith("SELECT") else self.path
        return f"{portal.address}{path}"


PAGES: Final = (
    PortalPage("home", "/"),
    PortalPage("home-user", "/?mine=voted", is_signed_in=True),
    PortalPage("search", "/?q=export&sort=top"),
    PortalPage("filtered", "SELECT '/?status=' || id FROM statuses WHERE name = 'Planned'"),
    PortalPage("second-page", "/?sort=newest&page=2"),
    PortalPage("nothing-found", "/?q=zzzzqqqq"),
    PortalPage("board", "SELECT '/boards/' || slug FROM boards ORDER BY id DESC"),
    PortalPage("post", f"{_POST} ORDER BY comments_count DESC, id"),
    PortalPage("post-user", f"{_POST} ORDER BY comments_count DESC, id", is_signed_in=True),
    PortalPage("roadmap", "/roadmap"),
    PortalPage("changelog", "/changelog"),
    PortalPage("tab", "/t/feedback"),
    PortalPage("sign-in", "/login"),
    PortalPage("sign-up", "/register"),
    PortalPage("nothing-here", "/nothing"),
    PortalPage("post-closed", f"{_POST} AND status_id = (SELECT id FROM statuses WHERE name = 'Completed')"),
)

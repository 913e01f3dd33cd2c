"""Every page of a portal, for the tests of this folder and for the pictures of `./manage screenshots`."""

from dataclasses import dataclass, field
from typing import Final

from playwright.sync_api import Page

from tests.browser.portal import ServedPortal

_POST: Final = "FROM posts WHERE moderation = 'approved' AND published"
_COMMENT: Final = (
    "FROM comments JOIN posts ON posts.id = post_id WHERE moderation = 'approved' AND published AND NOT internal"
)
_PATH: Final = f"SELECT '/p/' || slug || '-' || code {_POST}"
_DISCUSSED: Final = "ORDER BY comments_count DESC, id"

VIEWERS: Final = {
    "owner": "SELECT id FROM users WHERE role = 'owner'",
    "writer": (
        "SELECT user_id FROM comments JOIN users ON users.id = user_id WHERE role = 'user' "
        "AND user_id IN (SELECT user_id FROM posts) AND user_id IN (SELECT user_id FROM votes) "
        "GROUP BY user_id ORDER BY count(*) DESC, user_id"
    ),
}
"""The users whose pages are shown, beside visitors. The writer has posts, votes and comments."""


@dataclass(frozen=True)
class PortalPage:
    """A page in one of its states."""

    name: str
    path: str
    """Its address, or the query for it if it begins with SELECT."""
    viewer: str = "visitor"
    """One of `VIEWERS`."""
    status: int = 200
    """That of its last response."""
    fields: dict[str, str] = field(default_factory=dict)
    """What is typed into which element, before `button` is pressed."""
    button: str = ""
    result: str = ""
    """An element that is there afterwards."""
    is_framed: bool = False
    """For a frame of another site: it has no header and no footer."""

    def find(self, portal: ServedPortal) -> str:
        """The address of the page on this portal."""
        path = portal.rows(f"{self.path} LIMIT 1")[0][0] if self.path.startswith("SELECT") else self.path
        return f"{portal.address}{path}"

    @property
    def is_first(self) -> bool:
        """Whether nothing was typed or pressed on it."""
        return not self.fields and not self.button

    def open(self, portal: ServedPortal, page: Page) -> None:
        """Open it, and do what leads to its state."""
        response = page.goto(self.find(portal), wait_until="load")
        assert response is not None
        assert response.status == (self.status if self.is_first else 200)
        for selector, text in self.fields.items():
            page.locator(selector).press_sequentially(text)
        if self.button:
            page.locator(self.button).first.click()
        if self.result:
            page.locator(self.result).first.wait_for()


def find_viewer(portal: ServedPortal, viewer: str) -> int:
    """The id of this user."""
    return int(portal.rows(f"{VIEWERS[viewer]} LIMIT 1")[0][0])


PAGES: Final = (
    PortalPage("home", "/"),
    PortalPage("home-user", "/?mine=voted", viewer="writer"),
    PortalPage("search", "/?q=export&sort=top"),
    PortalPage("filtered", "SELECT '/?status=' || id FROM statuses WHERE name = 'Planned'"),
    PortalPage("second-page", "/?sort=newest&page=2"),
    PortalPage("nothing-found", "/?q=zzzzqqqq"),
    PortalPage("board", "SELECT '/boards/' || slug FROM boards ORDER BY id DESC"),
    PortalPage("post", f"{_PATH} {_DISCUSSED}"),
    PortalPage("post-user", f"{_PATH} {_DISCUSSED}", viewer="writer"),
    PortalPage("post-closed", f"{_PATH} AND status_id = (SELECT id FROM statuses WHERE name = 'Completed')"),
    PortalPage("post-reply", f"{_PATH} {_DISCUSSED}", "writer", button=".comment-actions a", result=".reply-form"),
    PortalPage(
        "reply",
        f"SELECT '/p/' || code || '/comments/' || comments.id || '/reply' {_COMMENT}",
        viewer="writer",
    ),
    PortalPage("post-edit", f"SELECT '/p/' || code || '/edit' {_POST}", viewer="owner"),
    PortalPage("post-delete", f"SELECT '/p/' || code || '/delete' {_POST}", viewer="owner"),
    PortalPage("submit", "/submit"),
    PortalPage("submit-user", "/submit", viewer="writer"),
    PortalPage("submit-similar", "/submit", "writer", fields={"#field-title": "Dark mode for"}, result=".similar"),
    PortalPage(
        "submit-errors",
        "/submit",
        viewer="writer",
        status=422,
        fields={"#field-title": " "},
        button=".actions button",
        result=".error",
    ),
    PortalPage("roadmap", "/roadmap"),
    PortalPage("changelog", "/changelog"),
    PortalPage("tab", "/t/feedback"),
    PortalPage("tab-embedded", "SELECT '/t/changelog?widget_id=' || uuid FROM widgets", is_framed=True),
    PortalPage("roadmap-embedded", "/embedded_roadmap", is_framed=True),
    PortalPage("sign-in", "/login"),
    PortalPage(
        "sign-in-errors",
        "/login",
        status=422,
        fields={"#field-email": "nobody@example.com", "#field-password": "not the password"},
        button=".form .button",
        result=".form-error",
    ),
    PortalPage(
        "sign-in-code",
        "/login",
        fields={"#field-email": "nobody@example.com"},
        button=".form .button",
        result="#field-code",
    ),
    PortalPage("sign-up", "/register"),
    PortalPage("password-reset", "/password-reset"),
    PortalPage("profile", "/profile", viewer="writer"),
    PortalPage("profile-activity", "/profile/activity", viewer="writer"),
    PortalPage("profile-comments", "/profile/activity?show=commented", viewer="writer"),
    PortalPage("profile-notifications", "/profile/notifications", viewer="writer"),
    PortalPage("profile-sessions", "/profile/sessions", viewer="writer"),
    PortalPage("profile-keys", "/profile/keys", viewer="owner"),
    PortalPage(
        "profile-new-key",
        "/profile/keys",
        viewer="owner",
        fields={"#field-name": "Report of the week"},
        button=".form .button",
        result=".secret",
    ),
    PortalPage("profile-data", "/profile/data", viewer="writer"),
    PortalPage("profile-delete", "/profile/delete", viewer="writer"),
    PortalPage("nothing-here", "/nothing", status=404),
)
OTHER_PAGES: Final = (
    PortalPage("comment-edit", f"SELECT '/p/' || code || '/comments/' || comments.id || '/edit' {_COMMENT}", "owner"),
    PortalPage(
        "comment-delete", f"SELECT '/p/' || code || '/comments/' || comments.id || '/delete' {_COMMENT}", "owner"
    ),
    PortalPage("sign-out", "/logout", viewer="writer"),
    PortalPage("sign-in-link-unknown", "/sign-in/link?token=unknown", status=404),
)
"""Pages that look like those of `PAGES`, so that there are no pictures of them."""

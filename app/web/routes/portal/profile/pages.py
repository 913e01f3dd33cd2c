"""What the pages of the account share: the signed-in user, the forms, the tabs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import PortalContext
from app.adapters.translations import N_
from app.domain.permissions import Permission, is_allowed
from app.domain.users.sessions import SessionUser
from app.web.drafts import Drafts
from app.web.field_messages import translate
from app.web.forms import read_form
from app.web.notices import add_notice
from app.web.portal_pages import PortalPages
from app.web.viewer import FORM_FIELD, Draft, SignInRequired, Viewer, Viewers

METHODS: Final = ["GET", "HEAD"]
HOME: Final = "/profile"
VERIFICATION_PATH: Final = f"{HOME}/verification"
_KEPT: Final = ("name", "locale", "dialect", "expires_on", "new_email")
"""The fields of forms of the tabs that are kept while their user signs in; never a password."""
STALE: Final = N_("This page was open for too long. Nothing is lost: send it once more.")
_HEADERS: Final = {"Cache-Control": "private, no-store"}

TABS: Final[tuple[tuple[str, str, str], ...]] = (
    ("account", HOME, N_("Profile")),
    ("notifications", f"{HOME}/notifications", N_("Notifications")),
    ("activity", f"{HOME}/activity", N_("My activity")),
    ("sessions", f"{HOME}/sessions", N_("Sign-in")),
    ("keys", f"{HOME}/keys", N_("API keys")),
    ("data", f"{HOME}/data", N_("My data")),
)
"""Name, path and label of each tab."""
PATHS: Final = {name: path for name, path, _ in TABS}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a signed-in user."""

    request: Request
    viewer: Viewer
    user: SessionUser

    @property
    def user_id(self) -> int:
        """The id of the user."""
        return self.user.user_id

    @property
    def context(self) -> PortalContext:
        """For rules that the user calls."""
        return self.viewer.context

    def translate(self, message: str, **values: object) -> str:
        """The message in the user's language."""
        return translate(self.viewer.locale, message, **values)


class ProfilePages:
    """Finds the user of a request, and responds with the tabs."""

    def __init__(self, pages: PortalPages, viewers: Viewers, drafts: Drafts) -> None:
        self.sends_mail = pages.sends_mail
        self._pages = pages
        self._viewers = viewers
        self._drafts = drafts
        self.redirect_to_sign_in = pages.redirect_to_sign_in

    async def open(self, request: Request, tab: str) -> Visit:
        """Raises SignInRequired, which leads back to the tab, unless a user is signed in."""
        if request.method not in METHODS:
            # The address of a form can't be read.
            viewer = await self._viewers.find(request)
            if viewer.user is None:
                raise SignInRequired(PATHS[tab])
        else:
            viewer = await self._viewers.require_user(request)
        assert viewer.user is not None
        return Visit(request, viewer, viewer.user)

    async def open_form(self, request: Request, tab: str) -> tuple[Visit, Mapping[str, str]]:
        """As `open`, with the fields of the form, which are only to be used if `is_own_form`.

        What was typed is kept while the user signs in: see `find_draft`.
        """
        form = await read_form(request)
        try:
            return await self.open(request, tab), form
        except SignInRequired as required:
            raise SignInRequired(required.next_path, draft=_make_draft(tab, form)) from None

    async def find_draft(self, visit: Visit, tab: str) -> Mapping[str, str] | None:
        """What the user had typed into the form of the tab before signing in; None for nothing."""
        return await self._drafts.find(visit.request, visit.viewer, form=_draft_name(tab))

    async def forget_draft(self, visit: Visit, tab: str, response: Response) -> Response:
        """The response to an accepted form, whose draft is deleted."""
        await self._drafts.delete(visit.request, response, visit.viewer, form=_draft_name(tab))
        return response

    async def ask_for_verification(self, visit: Visit, tab: str, form: Mapping[str, str]) -> Response:
        """To the page that asks who it is, and then back to the tab with what was typed."""
        response = self._pages.redirect(f"{VERIFICATION_PATH}?{urlencode({'next': PATHS[tab]})}")
        draft = _make_draft(tab, form)
        if draft is not None:
            await self._drafts.keep(visit.request, response, visit.viewer, form=draft.form, texts=draft.texts)
        return response

    def is_own_form(self, visit: Visit, form: Mapping[str, str]) -> bool:
        """Whether a page of this session sent the form."""
        return self._viewers.is_own_form(visit.viewer, form.get(FORM_FIELD, ""))

    def show(
        self,
        visit: Visit,
        tab: str,
        *,
        template: str | None = None,
        status: int = 200,
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """The page of a tab; `errors` are the messages by field, or by `form` for the whole form."""
        shown = [each for each in TABS if each[0] != "keys" or may_have_keys(visit)]
        return self._pages.respond(
            visit.request,
            visit.viewer,
            f"portal/profile/{template or tab}.html",
            current="profile",
            status=422 if errors and status == 200 else status,
            headers={**_HEADERS, **(headers or {})},
            tabs=shown,
            tab=tab,
            tab_label=next(label for name, _, label in TABS if name == tab),
            errors=errors or {},
            **context,
        )

    def redirect(self, path: str, notice: str) -> Response:
        """To the page, which says what was done."""
        return self._pages.redirect(add_notice(path, notice))

    def redirect_stale(self, tab: str) -> Response:
        """To the tab, because a button was on a page of another session: nothing was typed that could be lost."""
        return self.redirect(PATHS[tab], "stale")


def _draft_name(tab: str) -> str:
    return f"profile:{tab}"


def _make_draft(tab: str, form: Mapping[str, str]) -> Draft | None:
    texts = {name: form[name] for name in _KEPT if name in form}
    return Draft(_draft_name(tab), texts) if any(texts.values()) else None


def may_have_keys(visit: Visit) -> bool:
    """Whether the user may have API keys of one dialect at least."""
    return is_allowed(visit.user.actor, Permission.MANAGE_KEYS, of_user=visit.user_id)

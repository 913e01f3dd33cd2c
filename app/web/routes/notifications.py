"""The pages that the links in notifications open: the choices of the user, and a button that ends these emails.

The signed token of the link is the authority, so these pages need no cookie, and mail programs can end the emails with
a POST of their own (RFC 8058).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database, PortalContext
from app.adapters.translations import N_, load_translation
from app.adapters.unsubscribe_tokens import NotificationLink, UnsubscribeTokens
from app.domain.errors import NotFound, ValidationFailed
from app.domain.notifications import choices, unsubscribing
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.notifications.unsubscribing import FOLLOWER_KINDS, LinkedPost, Resumption
from app.domain.permissions import Actor
from app.domain.unit_of_work import UnitOfWork
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.viewer import Viewer, Viewers

_METHODS: Final = ["GET", "HEAD"]
_LABELS: Final = {
    "post_update": N_("Updates on posts that you follow"),
    "status_change": N_("Changes of the status of posts that you follow"),
    "comment": N_("Comments on your posts"),
    "reply": N_("Replies to your comments"),
    "mention": N_("Comments that mention you"),
    "new_post": N_("New posts"),
    "pending_post": N_("Posts that wait for approval"),
    RECAP: N_("Summary for the team"),
}
_CADENCES: Final = (
    ("at_once", N_("At once")),
    ("daily", N_("Once a day, together")),
    ("weekly", N_("Once a week, together")),
    ("never", N_("Never")),
)
_RECAPS: Final = (
    ("never", N_("Never")),
    ("daily", N_("Every day")),
    ("weekly", N_("Every week")),
    ("monthly", N_("Every month")),
)
_DIGEST_LABEL: Final = N_("Everything that is sent to you once a day or once a week")
_POST_LABEL: Final = N_("The post “%(title)s”")
_UNNAMED_POST_LABEL: Final = N_("Updates and changes of the status of a post")


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request with a valid token."""

    request: Request
    viewer: Viewer
    """Whose session does not matter here."""
    token: str
    subscription: NotificationLink

    @property
    def user_id(self) -> int:
        return self.subscription.user_id


def router(
    pages: PortalPages,
    viewers: Viewers,
    database: Database,
    tokens: UnsubscribeTokens,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /notifications, /unsubscribe and /unsubscribe/undo."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]
    notification_pages = _NotificationPages(pages, viewers, database, tokens)

    @routes.api_route("/notifications", methods=_METHODS)
    async def notifications(request: Request) -> Response:
        return await notification_pages.respond(request, request.query_params, notification_pages.show_choices)

    @routes.post("/notifications", dependencies=forms)
    async def save_notifications(request: Request) -> Response:
        form = await read_form(request)

        def save(work: UnitOfWork, visit: _Visit) -> Response:
            try:
                _save_choices(work, visit, form)
            except ValidationFailed:
                raise HTTPException(400) from None
            return notification_pages.show_choices(work, visit, is_saved=True)

        return await notification_pages.respond(request, form, save)

    @routes.api_route("/unsubscribe", methods=_METHODS)
    @routes.api_route("/unsubscribe/undo", methods=_METHODS)
    async def unsubscribe(request: Request) -> Response:
        return await notification_pages.respond(request, request.query_params, notification_pages.show_question)

    @routes.post("/unsubscribe")
    async def end_notifications(request: Request) -> Response:
        """The page sends the token in its form. A mail program sends it in the address, with a body of its own."""
        form = await read_form(request)
        params = form if "token" in form else request.query_params
        return await notification_pages.respond(request, params, notification_pages.unsubscribe)

    @routes.post("/unsubscribe/undo", dependencies=forms)
    async def start_notifications(request: Request) -> Response:
        form = await read_form(request)
        return await notification_pages.respond(
            request, form, lambda work, visit: notification_pages.resume(work, visit, form)
        )

    return routes


class _NotificationPages:
    """Reads the tokens, and responds with the pages."""

    def __init__(self, pages: PortalPages, viewers: Viewers, database: Database, tokens: UnsubscribeTokens) -> None:
        self._pages = pages
        self._viewers = viewers
        self._database = database
        self._tokens = tokens

    async def respond(
        self, request: Request, params: Mapping[str, str], operation: Callable[[UnitOfWork, _Visit], Response]
    ) -> Response:
        """Run the operation for the `token` of these parameters, as its user, in the portal of the host."""
        viewer = await self._viewers.find(request)
        token = params.get("token", "")
        subscription = self._tokens.read(token)
        # As a plain user, who may change no choices but their own.
        actor = Actor(user_id=subscription.user_id if subscription else None, role="user")

        def run(work: UnitOfWork) -> Response:
            if subscription is not None:
                # The user may be deleted, or one of another portal, and the kind one of another version.
                with suppress(NotFound, ValidationFailed):
                    return operation(work, _Visit(request, viewer, token, subscription))
            return self._pages.private_form(request, viewer, "portal/unknown_link.html", status=404)

        context = PortalContext(viewer.portal["id"], actor)
        is_read = request.method in _METHODS
        return await (self._database.read(run, context) if is_read else self._database.write(run, context))

    def show_choices(self, work: UnitOfWork, visit: _Visit, *, is_saved: bool = False) -> Response:
        """The form with the choices. Raises NotFound."""
        return self._render(
            visit,
            "notifications.html",
            chosen=choices.get_choices(work, visit.user_id),
            post=unsubscribing.find_linked_post(work, visit.user_id, visit.subscription.post_id),
            labels=_LABELS,
            cadences=_CADENCES,
            recaps=_RECAPS,
            is_saved=is_saved,
        )

    def show_question(self, work: UnitOfWork, visit: _Visit) -> Response:
        """The page with a button, or one that says that the emails are ended. Raises NotFound, ValidationFailed."""
        kind, post_id = visit.subscription.kind, visit.subscription.post_id
        resumption = unsubscribing.find_resumption(work, visit.user_id, kind=kind, post_id=post_id)
        return self._show_unsubscribing(work, visit, resumption)

    def unsubscribe(self, work: UnitOfWork, visit: _Visit) -> Response:
        """End the emails, and say so. Raises NotFound, ValidationFailed."""
        kind, post_id = visit.subscription.kind, visit.subscription.post_id
        resumption = unsubscribing.unsubscribe(work, visit.user_id, kind=kind, post_id=post_id)
        return self._show_unsubscribing(work, visit, resumption)

    def resume(self, work: UnitOfWork, visit: _Visit, form: Mapping[str, str]) -> Response:
        """Start the emails again, and say so. Raises NotFound."""
        kind, post_id = visit.subscription.kind, visit.subscription.post_id
        cadences = {name: form[name] for name in NOTIFICATION_KINDS if name in form}
        try:
            unsubscribing.resume(
                work, visit.user_id, kind=kind, post_id=post_id, cadences=cadences, recap=form.get(RECAP)
            )
        except ValidationFailed:
            raise HTTPException(400) from None
        resumption = unsubscribing.find_resumption(work, visit.user_id, kind=kind, post_id=post_id)
        return self._show_unsubscribing(work, visit, resumption, is_resumed=True)

    def _show_unsubscribing(
        self, work: UnitOfWork, visit: _Visit, resumption: Resumption | None, *, is_resumed: bool = False
    ) -> Response:
        post = unsubscribing.find_linked_post(work, visit.user_id, visit.subscription.post_id)
        catalogue = load_translation(visit.viewer.locale).catalogue
        label, title = _describe(visit.subscription.kind, post)
        return self._render(
            visit,
            "unsubscribe.html",
            subject=catalogue.gettext(label) % {"title": title},
            resumption=None if resumption is None else _to_fields(resumption),
            is_resumed=is_resumed,
        )

    def _render(self, visit: _Visit, template: str, **values: Any) -> Response:
        return self._pages.private_form(visit.request, visit.viewer, f"portal/{template}", token=visit.token, **values)


def _describe(kind: str, post: LinkedPost | None) -> tuple[str, str]:
    """What the emails are about, untranslated, and the title in it."""
    if kind in FOLLOWER_KINDS and post is not None:
        return (_UNNAMED_POST_LABEL, "") if post.title is None else (_POST_LABEL, post.title)
    return _DIGEST_LABEL if kind == DIGEST else _LABELS[kind], ""


def _to_fields(resumption: Resumption) -> dict[str, str]:
    """The fields of the form that starts the emails again; none if there is no such form."""
    fields = dict(resumption.cadences)
    if resumption.recap is not None:
        fields[RECAP] = resumption.recap
    if resumption.follow:
        fields["follow"] = "true"
    return fields


def _save_choices(work: UnitOfWork, visit: _Visit, form: Mapping[str, str]) -> None:
    """Store what differs. A field that is missing changes nothing. Raises NotFound, ValidationFailed."""
    user_id = visit.user_id
    chosen = choices.get_choices(work, user_id)
    for kind, cadence in chosen.cadences.items():
        if form.get(kind, cadence) != cadence:
            choices.set_choice(work, user_id, kind, form[kind])
    if chosen.recap is not None and form.get("recap", chosen.recap) != chosen.recap:
        choices.set_recap(work, user_id, form["recap"])
    if "enabled" in form:
        choices.set_enabled(work, user_id, form["enabled"] == "true")
    if form.get("stop_following") == "true" and visit.subscription.post_id is not None:
        choices.stop_following(work, user_id, visit.subscription.post_id)

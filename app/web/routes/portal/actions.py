"""What visitors and users do with a post: vote and follow. Each action is a plain form, which htmx sends as well."""

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Database
from app.domain.errors import Conflict, Forbidden, NotFound
from app.domain.posts import anonymous_votes, follows, votes
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.web.forms import read_form, require_own_site
from app.web.portal_pages import PortalPages
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.post import PostPages, parse_code, post_path
from app.web.safe_paths import safe_path
from app.web.viewer import FORM_FIELD, SignInRequired, StaleForm, Viewer, Viewers

_DONE_ALREADY: Final = frozenset({"vote.taken", "vote.missing"})
"""A double click, or a page that is older than a vote in another window: the vote is as the form asked for."""


async def change_vote(database: Database, viewer: Viewer, code: str, *, is_cast: bool) -> None:
    """Cast or retract the vote of the user, or of a visitor's browser, unless the vote is so already.

    Raises HTTPException 404, Forbidden, Conflict("post.not_voteable").
    """
    device = viewer.device_id

    def change(work: UnitOfWork) -> None:
        if viewer.user is not None:
            new_vote = NewVote(code, viewer.user.user_id, voteable_only=True, follow=True)
            votes.cast(work, new_vote) if is_cast else votes.retract(work, new_vote)
        elif device is not None:
            act = anonymous_votes.cast if is_cast else anonymous_votes.retract
            act(work, post=code, anonymous_id=device)

    try:
        await database.write(change, viewer.context)
    except NotFound:
        raise HTTPException(404) from None
    except Conflict as error:
        if error.code not in _DONE_ALREADY:
            raise


def router(
    pages: PortalPages, viewers: Viewers, posts: PostPages, database: Database, form_limiter: PageRateLimit
) -> APIRouter:
    """POST of /p/{code}/vote and /p/{code}/follow."""
    routes = APIRouter(dependencies=[Depends(form_limiter), Depends(require_own_site)])

    async def open_form(request: Request, code: str) -> tuple[Viewer, Mapping[str, str]]:
        """The viewer and the fields.

        Raises SignInRequired for the old form of a visitor, and StaleForm for that of a user: nothing was typed that
        could be lost.
        """
        viewer = await viewers.require_reader(request)
        form = await read_form(request)
        if viewers.is_own_form(viewer, form.get(FORM_FIELD, "")):
            return viewer, form
        if viewer.user is None:
            raise SignInRequired(f"/p/{code}")
        raise StaleForm(f"/p/{code}")

    @routes.post("/p/{code}/vote")
    async def vote(request: Request, code: str) -> Response:
        code = parse_code(code)
        viewer, form = await open_form(request, code)
        is_cast = form.get("vote") != "no"
        try:
            await change_vote(database, viewer, code, is_cast=is_cast)
        except Forbidden:
            raise SignInRequired(f"/p/{code}") from None
        except Conflict:
            raise HTTPException(409) from None
        page = await posts.find_by_code(viewer, code)
        if "hx-request" not in request.headers:
            return pages.redirect(safe_path(form.get("next")) if form.get("next") else post_path(page.post))
        return pages.respond(request, viewer, "portal/vote.html", page=page, post=page.post, is_large="large" in form)

    @routes.post("/p/{code}/follow")
    async def follow(request: Request, code: str) -> Response:
        code = parse_code(code)
        viewer, form = await open_form(request, code)
        user = viewer.user
        if user is None:
            raise SignInRequired(f"/p/{code}")
        page = await posts.find_by_code(viewer, code)
        act = follows.stop if form.get("follow") == "no" else follows.start
        await database.write(lambda work: act(work, post_id=page.post.id, user_id=user.user_id), viewer.context)
        return pages.redirect(post_path(page.post))

    return routes

"""Puts the pages together: their FastAPI application, its routes and its error pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import PortalContext
from app.adapters.image_types import MEDIA_TYPES
from app.adapters.passkeys import Passkeys
from app.api.openapi import OpenApiDocument
from app.api.services import Services
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import profile as profiles
from app.domain.users import sessions
from app.web.account_limit import ACCOUNT_LIMIT, AccountLimit
from app.web.bot_check import BotCheck
from app.web.browser_sessions import BrowserSessions
from app.web.cookies import SESSION, Cookies
from app.web.drafts import MAX_IN_TOTAL, MAX_PER_ADDRESS, Drafts
from app.web.error_pages import ErrorPages
from app.web.known_browsers import KnownBrowsers
from app.web.portal_pages import PortalPages
from app.web.portals import find_portal_id
from app.web.public_address import PublicAddress
from app.web.rate_limit import FORM_LIMIT, FORM_SCOPE, ActionRateLimit, PageRateLimit
from app.web.readiness import Readiness
from app.web.rendered_texts import RenderedTexts
from app.web.routes import (
    accounts,
    assets,
    documents,
    health,
    notifications,
    public_json,
    sign_on,
    uploads,
    widgets,
)
from app.web.routes.assets import Assets
from app.web.routes.portal import (
    actions,
    appearance,
    board,
    comments,
    feeds,
    overviews,
    own_posts,
    passkeys,
    post,
    profile,
    providers,
    sign_in,
    sign_in_link,
    sign_up,
    sitemap,
    submit,
    tabs,
)
from app.web.routes.portal.post import PostPages
from app.web.routes.portal.sign_in import SignInPages
from app.web.routes.sign_on import SignOnRequested, TokenRedirect
from app.web.routes.uploads import FileRow
from app.web.routes.widgets import EmbeddedPages
from app.web.templating import TemplateRenderer
from app.web.viewer import Viewers

_PICTURE_TYPES: Final = {extension: media_type for media_type, extension in MEDIA_TYPES.values()}
"""The media type of a picture by the extension of its file."""


@dataclass(frozen=True, slots=True)
class PageRateLimits:
    """The rate limits of the pages, such as `300/5minutes`; None is no limit."""

    pages: str | None
    """Of one address, for pages, files and documents. Without it, the forms of sign-in have no limit either."""
    actions: str | None
    """Of one browser, for votes, comments, posts and the forms of the profile."""
    actions_of_address: str | None


def build(
    services: Services,
    api_documents: Sequence[OpenApiDocument],
    readiness: Readiness,
    texts: RenderedTexts,
    *,
    rate_limits: PageRateLimits,
    redis_url: str | None,
) -> FastAPI:
    """The application for what neither dialect serves. Its scopes carry the dispatcher's `RequestContext`."""
    renderer = TemplateRenderer(Assets(), services.public)
    limiter = PageRateLimit(rate_limits.pages, redis_url=redis_url)
    form_limit = None if rate_limits.pages is None else FORM_LIMIT
    form_limiter = PageRateLimit(form_limit, redis_url=redis_url, scope=FORM_SCOPE)
    account_limit = AccountLimit(None if rate_limits.pages is None else ACCOUNT_LIMIT, redis_url=redis_url)
    database = services.database
    public_address = PublicAddress(services.public, database)
    cookies = Cookies(services.public, services.device_tokens)
    action_limiter = ActionRateLimit(rate_limits.actions, rate_limits.actions_of_address, cookies, redis_url=redis_url)
    viewers = Viewers(database, public_address, services.csrf_tokens, cookies)
    portal_pages = PortalPages(renderer, cookies, sends_mail=services.sends_mail)
    embedded_pages = EmbeddedPages(renderer, database)
    passkeys_of_browsers = Passkeys(services.cipher, services.clock)
    known_browsers = KnownBrowsers(services.sealed_values, cookies)
    browser_sessions = BrowserSessions(database, viewers, portal_pages, cookies, known_browsers)
    sign_in_pages = SignInPages(portal_pages, viewers, browser_sessions, database, passkeys_of_browsers, public_address)
    bot_check = BotCheck(services.cipher, services.clock)
    stored = services.uploads
    drafts = Drafts(
        stored.files, services.sealed_values, cookies, limiters=_make_draft_limiters(rate_limits, redis_url)
    )
    posts = PostPages(portal_pages, database, public_address, services.views, texts, services.signer, drafts)

    async def find_file(request: Request, name: str) -> FileRow | None:
        portal_id = await find_portal_id(database, request)
        if portal_id is None:
            return None
        context = PortalContext(portal_id, OPERATOR)
        file = await database.read(lambda work: _find_file(work, name), context)
        params = request.query_params
        if file is None or file.public:
            return file
        is_signed = services.signer.is_valid(name, params.get("expires", ""), params.get("signature", ""))
        if is_signed:
            return file
        token = cookies.read_token(request, SESSION)
        is_reader = bool(token) and await database.read(lambda work: _is_for_reader(work, name, token), context)
        return file if is_reader else None

    app = FastAPI(title="Earshot", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.include_router(health.router(readiness))
    app.include_router(public_json.router(services, public_address))
    token_redirect = TokenRedirect(database)
    # Before the pages of boards, with whose addresses the ones of their feeds begin.
    app.include_router(feeds.router(database, public_address, texts), dependencies=[Depends(limiter)])
    app.include_router(sitemap.router(database, public_address), dependencies=[Depends(limiter)])
    for content in (
        widgets.router(renderer, embedded_pages),
        tabs.router(portal_pages, viewers, database, texts, embedded_pages),
        overviews.router(portal_pages, viewers, database, texts),
        board.router(portal_pages, viewers, database, texts),
        submit.router(
            portal_pages, viewers, database, stored, services.sealed_values, bot_check, drafts, action_limiter
        ),
        own_posts.router(
            portal_pages, viewers, posts, database, stored, services.sealed_values, drafts, action_limiter
        ),
        comments.router(portal_pages, viewers, posts, database, drafts, action_limiter),
        post.router(portal_pages, viewers, posts),
        actions.router(portal_pages, viewers, posts, database, action_limiter),
    ):
        app.include_router(content, dependencies=[Depends(limiter.count_reading), Depends(token_redirect)])
    for router in (
        accounts.router(portal_pages, viewers, browser_sessions, database, services.passwords, form_limiter),
        *_sign_in_routers(
            services,
            portal_pages,
            viewers,
            sign_in_pages,
            browser_sessions,
            bot_check,
            form_limiter,
            account_limit,
            known_browsers,
        ),
        passkeys.router(
            portal_pages,
            viewers,
            sign_in_pages,
            browser_sessions,
            passkeys_of_browsers,
            database,
            public_address,
            form_limiter,
        ),
        providers.router(
            portal_pages,
            viewers,
            sign_in_pages,
            browser_sessions,
            database,
            services.openid_providers,
            services.cipher,
            services.clock,
            cookies,
            public_address,
            form_limiter,
        ),
        notifications.router(portal_pages, viewers, database, services.unsubscribe_tokens, form_limiter),
        sign_on.router(
            portal_pages,
            viewers,
            sign_in_pages,
            browser_sessions,
            database,
            services.cipher,
            services.clock,
            form_limiter,
        ),
        documents.router(renderer, api_documents, public_address),
        uploads.router(services.uploads.files, find_file),
        assets.router(renderer.assets),
        appearance.router(portal_pages, viewers, cookies),
    ):
        app.include_router(router, dependencies=[Depends(limiter)])
    for tab in profile.routers(
        portal_pages,
        viewers,
        drafts,
        services,
        public_address,
        texts,
        cookies,
        browser_sessions,
        passkeys_of_browsers,
        account_limit,
        action_limiter,
    ):
        app.include_router(tab, dependencies=[Depends(limiter.count_reading)])
    ErrorPages(portal_pages, viewers, limiter, drafts).register(app)

    @app.exception_handler(SignOnRequested)
    async def sign_on_requested(request: Request, requested: SignOnRequested) -> Response:
        return sign_on.redirect_to_sign_on(renderer, requested)

    return app


def _make_draft_limiters(rate_limits: PageRateLimits, redis_url: str | None) -> list[PageRateLimit]:
    """The limit of an address, and that of all together."""
    is_limited = rate_limits.actions is not None
    of_address, of_all = (MAX_PER_ADDRESS, MAX_IN_TOTAL) if is_limited else (None, None)
    return [
        PageRateLimit(of_address, redis_url=redis_url, scope="drafts of an address"),
        PageRateLimit(of_all, redis_url=redis_url, scope="drafts", find_client=lambda request: "all"),
    ]


def _sign_in_routers(
    services: Services,
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    bot_check: BotCheck,
    form_limiter: PageRateLimit,
    account_limit: AccountLimit,
    known_browsers: KnownBrowsers,
) -> list[APIRouter]:
    database, passwords = services.database, services.passwords
    return [
        sign_in.router(
            pages,
            viewers,
            sign_in_pages,
            browser_sessions,
            known_browsers,
            database,
            passwords,
            account_limit,
            form_limiter,
        ),
        sign_in_link.router(pages, viewers, sign_in_pages, browser_sessions, database, form_limiter),
        sign_up.router(pages, viewers, sign_in_pages, browser_sessions, bot_check, database, passwords, form_limiter),
    ]


def _find_file(work: UnitOfWork, name: str) -> FileRow | None:
    """The file of a post, or the picture of a user, which visitors see unless the portal is private."""
    row = attachments.find(work, name)
    if row is not None:
        return FileRow(row[0], row[1], bool(row[2]))
    is_public = profiles.find_picture(work, name)
    media_type = _PICTURE_TYPES.get(name.rpartition(".")[2])
    return None if is_public is None or media_type is None else FileRow(media_type, None, is_public)


def _is_for_reader(work: UnitOfWork, name: str, session_token: str) -> bool:
    """Whether it is the picture of a user, which everybody who is signed in sees, and this is a valid session."""
    return profiles.find_picture(work, name) is not None and sessions.find(work, session_token) is not None

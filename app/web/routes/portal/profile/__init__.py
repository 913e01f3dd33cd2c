"""The pages of the signed-in user's own account, below /profile."""

from fastapi import APIRouter

from app.adapters.passkeys import Passkeys
from app.api.services import Services
from app.web.account_limit import AccountLimit
from app.web.browser_sessions import BrowserSessions
from app.web.cookies import Cookies
from app.web.drafts import Drafts
from app.web.portal_pages import PortalPages
from app.web.present_password import PresentPassword
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.rendered_texts import RenderedTexts
from app.web.routes.portal.profile import (
    account,
    activity,
    data,
    email,
    keys,
    notifications,
    password,
    sessions,
    verification,
)
from app.web.routes.portal.profile.pages import ProfilePages
from app.web.viewer import Viewers


def routers(
    pages: PortalPages,
    viewers: Viewers,
    drafts: Drafts,
    services: Services,
    public_address: PublicAddress,
    texts: RenderedTexts,
    cookies: Cookies,
    browser_sessions: BrowserSessions,
    passkeys: Passkeys,
    account_limit: AccountLimit,
    form_limiter: PageRateLimit,
) -> list[APIRouter]:
    """The routes of all tabs."""
    profile_pages = ProfilePages(pages, viewers, drafts)
    database = services.database
    present_password = PresentPassword(services.passwords, account_limit)
    account_page = account.AccountPage(profile_pages, database)
    return [
        account.router(profile_pages, account_page, database, services.uploads, form_limiter),
        password.router(
            profile_pages,
            account_page,
            database,
            services.passwords,
            present_password,
            services.authenticator,
            form_limiter,
        ),
        email.router(profile_pages, account_page, database, present_password, form_limiter),
        notifications.router(profile_pages, database, form_limiter),
        activity.router(profile_pages, database, texts),
        verification.router(
            profile_pages, database, browser_sessions, present_password, passkeys, public_address, form_limiter
        ),
        sessions.router(profile_pages, database, public_address, services.clock, form_limiter),
        keys.router(profile_pages, database, services.authenticator, public_address, services.clock, form_limiter),
        data.router(
            profile_pages,
            database,
            services.uploads,
            services.signer,
            public_address,
            services.authenticator,
            present_password,
            cookies,
            form_limiter,
        ),
    ]

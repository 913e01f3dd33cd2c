"""Signing in by an OpenID Connect provider: the way there, and the way back."""

import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.adapters.database import Clock, Database
from app.adapters.encryption import SecretCipher, UnreadableSecret
from app.adapters.openid_connect import OpenIdClient, OpenIdError, OpenIdProviders, OpenIdUnavailable
from app.adapters.translations import N_
from app.domain.errors import Conflict, NotFound, ValidationFailed
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import identities, identity_providers
from app.domain.users.identities import Claims
from app.domain.users.identity_providers import Provider
from app.http.request import RequestContext
from app.web.browser_sessions import BrowserSessions, SignIn
from app.web.cookies import PROVIDER_SIGN_IN, Cookies
from app.web.portal_pages import PortalPages
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.sign_in import REFUSALS, SECRET_ADDRESS, SignInPages, login_path
from app.web.safe_paths import safe_path
from app.web.viewer import Viewer, Viewers

MAX_SECONDS: Final = 900
"""How long a sign-in may take at the provider."""
MAX_ID: Final = 2**63 - 1
MAX_COOKIE: Final = 3800
"""Characters; browsers drop longer cookies."""
_FAILED: Final = N_("Signing in there did not work. Try again, or sign in another way.")
_UNAVAILABLE: Final = N_("%(name)s does not respond. Try again later, or sign in another way.")
_CANCELLED: Final = N_("You did not finish signing in there. Try again, or sign in another way.")
_EXPIRED: Final = N_(
    "This sign-in took too long, was begun in another browser, or your browser keeps no cookies. Try again."
)
_MESSAGES: Final = {
    **REFUSALS,
    "sign_up.closed": N_("You have no account here, and sign-up is closed."),
    "identity.email_taken": N_("An account has your email address already. Sign in to it in the usual way."),
}
_OTHER_DOMAIN: Final = N_("Your email address is not of a domain that can sign up here.")

log = logging.getLogger("earshot.providers")


class _Pending(NamedTuple):
    """A sign-in that waits for the provider, in a cookie that is encrypted."""

    provider_id: int
    began_at: float
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    next_path: str


def router(
    pages: PortalPages,
    viewers: Viewers,
    sign_in_pages: SignInPages,
    browser_sessions: BrowserSessions,
    database: Database,
    providers: OpenIdProviders,
    cipher: SecretCipher,
    clock: Clock,
    cookies_of_pages: Cookies,
    public_address: PublicAddress,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET of /login/{provider} and its /callback, and of /o_auths/{provider} with Astuto's callback."""
    routes = APIRouter(dependencies=[Depends(form_limiter)])
    # The ids of those whose missing claim was logged.
    without_groups: set[int] = set()

    @routes.get("/login/{provider_id:int}")
    @routes.get("/o_auths/{provider_id:int}")
    async def begin(request: Request, provider_id: int) -> Response:
        viewer = await viewers.find(request)
        next_path = safe_path(request.query_params.get("next"))
        if viewer.user is not None:
            return pages.redirect(next_path)
        provider = await find_provider(viewer, provider_id)
        # The path of the request, with the one that its provider knows as that of the callback.
        redirect_uri = f"{await public_address.find(request)}{request.scope['path']}/callback"
        try:
            authorization = await providers.begin(make_client(provider, redirect_uri))
        except (OpenIdError, UnreadableSecret) as error:
            return fail(request, viewer, provider, error, next_path, status=503)
        pending = _Pending(
            provider_id,
            clock().timestamp(),
            authorization.state,
            authorization.nonce,
            authorization.verifier,
            redirect_uri,
            next_path,
        )
        content = cipher.encrypt(json.dumps(pending))
        if len(content) > MAX_COOKIE:
            content = cipher.encrypt(json.dumps(pending._replace(next_path="/")))
        response = RedirectResponse(authorization.url, 302, SECRET_ADDRESS)
        cookies_of_pages.set(request, response, PROVIDER_SIGN_IN, content, max_age=MAX_SECONDS)
        return response

    @routes.get("/login/{provider_id:int}/callback")
    @routes.get("/o_auths/{provider_id:int}/callback")
    async def finish(request: Request, provider_id: int) -> Response:
        viewer, params = await viewers.find(request), request.query_params
        pending = read_pending(request, provider_id)
        if pending is None:
            return refuse(request, viewer, _EXPIRED, "no sign-in waits in this browser", "/")
        response = await sign_in(request, viewer, pending, params)
        cookies_of_pages.delete(request, response, PROVIDER_SIGN_IN)
        return response

    async def sign_in(request: Request, viewer: Viewer, pending: _Pending, params: Mapping[str, str]) -> Response:
        next_path, code = pending.next_path, params.get("code")
        if code is None:
            return refuse(request, viewer, _CANCELLED, "the provider sent no code", next_path)
        provider = await find_provider(viewer, pending.provider_id)
        try:
            client = make_client(provider, pending.redirect_uri)
            found = await providers.finish(
                client,
                code=code,
                nonce=pending.nonce,
                verifier=pending.verifier,
                issuer=params.get("iss"),
                names=["email"] if provider.groups_claim is None else ["email", provider.groups_claim],
            )
        except (OpenIdError, UnreadableSecret) as error:
            return fail(request, viewer, provider, error, next_path)
        claims = _read_claims(found, provider)
        if claims.groups is None and provider.groups_claim is not None and provider.id not in without_groups:
            without_groups.add(provider.id)
            log.warning(
                "the provider %s sends no claim %s, so the roles of its users stay as they are",
                provider.id,
                provider.groups_claim,
            )

        def act(work: UnitOfWork) -> SignIn:
            user = identities.sign_in_by_provider(work, provider.id, claims)
            return browser_sessions.open(work, request, viewer, user_id=user.user_id, method="provider")

        try:
            signed_in = await database.write(act, viewer.operator_context)
        except Conflict as error:
            return refuse(request, viewer, _MESSAGES[error.code], error.code, next_path)
        except ValidationFailed as failed:
            is_email = any(error.field == "email" for error in failed.errors)
            cause = ", ".join(f"{error.field} {error.code}" for error in failed.errors)
            return refuse(request, viewer, _OTHER_DOMAIN if is_email else _FAILED, cause, next_path)
        return await sign_in_pages.finish(request, viewer, signed_in, next_path)

    async def find_provider(viewer: Viewer, provider_id: int) -> Provider:
        if provider_id > MAX_ID:
            raise HTTPException(404)
        try:
            provider = await database.read(
                lambda work: identity_providers.get(work, provider_id), viewer.operator_context
            )
        except NotFound:
            raise HTTPException(404) from None
        if not provider.is_enabled:
            raise HTTPException(404)
        return provider

    def make_client(provider: Provider, redirect_uri: str) -> OpenIdClient:
        """Raises UnreadableSecret."""
        secret = None if provider.client_secret is None else cipher.decrypt(provider.client_secret)
        return OpenIdClient(provider.issuer, provider.client_id, secret, provider.scopes, redirect_uri)

    def read_pending(request: Request, provider_id: int) -> _Pending | None:
        """The sign-in that this browser began, if the provider's response belongs to it."""
        try:
            pending = _Pending(*json.loads(cipher.decrypt(request.cookies.get(PROVIDER_SIGN_IN, ""))))
        except (UnreadableSecret, ValueError, TypeError):
            return None
        is_current = 0 <= clock().timestamp() - pending.began_at <= MAX_SECONDS
        state = request.query_params.get("state", "")
        is_same = hmac.compare_digest(state.encode("utf-8", "replace"), pending.state.encode())
        return pending if is_current and is_same and pending.provider_id == provider_id else None

    def fail(
        request: Request,
        viewer: Viewer,
        provider: Provider,
        cause: OpenIdError | UnreadableSecret,
        next_path: str,
        *,
        status: int = 403,
    ) -> Response:
        if isinstance(cause, OpenIdUnavailable):
            values = {"name": provider.name}
            return refuse(request, viewer, _UNAVAILABLE, cause, next_path, status=503, values=values)
        return refuse(request, viewer, _FAILED, cause, next_path, status=status)

    def refuse(
        request: Request,
        viewer: Viewer,
        message: str,
        cause: object,
        next_path: str,
        *,
        status: int = 403,
        values: Mapping[str, str] | None = None,
    ) -> Response:
        context: RequestContext = request.scope["earshot.request"]
        reason = "the client secret was encrypted with another secret" if isinstance(cause, UnreadableSecret) else cause
        log.warning("sign-in by a provider failed: %s (request %s)", reason, context.request_id)
        return sign_in_pages.refuse(
            request, viewer, message, status=status, retry_path=login_path(next_path), values=values
        )

    return routes


def _read_claims(found: Mapping[str, Any], provider: Provider) -> Claims:
    email, name = found.get("email"), found.get("name") or found.get("preferred_username")
    groups = found.get(provider.groups_claim) if provider.groups_claim else None
    return Claims(
        subject=found["sub"],
        email=email if isinstance(email, str) else None,
        # Some providers send it as text.
        is_email_verified=found.get("email_verified") in (True, "true"),
        name=name if isinstance(name, str) else None,
        groups=_read_groups(groups),
    )


def _read_groups(value: object) -> Sequence[str] | None:
    """The groups; None for a claim that is missing, or is none of names. Some providers send a single name as text."""
    if isinstance(value, str):
        return [value]
    return [group for group in value if isinstance(group, str)] if isinstance(value, list) else None

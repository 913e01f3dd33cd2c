"""The tab with the user's API keys."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app.adapters.database import Clock, Database
from app.adapters.translations import N_
from app.api.authentication import ApiKeyAuthenticator
from app.domain.errors import Conflict, Forbidden, NotFound, ValidationFailed, ValueOutOfRange
from app.domain.users import api_keys
from app.domain.users.key_formats import FORMATS
from app.web.forms import require_own_site
from app.web.public_address import PublicAddress
from app.web.rate_limit import PageRateLimit
from app.web.routes.portal.profile.pages import METHODS, PATHS, STALE, ProfilePages, Visit, may_have_keys

TAB: Final = "keys"
DIALECTS: Final = {"productlift": "ProductLift", "astuto": "Astuto"}
"""Their names, which no language translates."""
_STATES: Final = {
    "active": N_("Active"),
    "revoked": N_("Revoked"),
    "expired": N_("Expired"),
    "user blocked": N_("Blocked"),
}
_MESSAGES: Final = {
    ("name", "blank"): N_("Enter a name, such as that of the program that gets the key."),
    ("name", "too_long"): N_("The name can have at most %(maximum)s characters."),
    ("expiry", "past"): N_("Choose a day that is not over yet."),
}
_NO_DAY: Final = N_("Enter a day, or leave it empty.")
_NO_DIALECT: Final = N_("Choose the API that the key is for.")
_TOO_LOW: Final = N_("Your role may not have a key of this API.")


def router(
    pages: ProfilePages,
    database: Database,
    authenticator: ApiKeyAuthenticator,
    public_address: PublicAddress,
    clock: Clock,
    form_limiter: PageRateLimit,
) -> APIRouter:
    """GET, HEAD and POST of /profile/keys; POST of /profile/keys/{id}/revoke."""
    routes = APIRouter()
    forms = [Depends(form_limiter), Depends(require_own_site)]

    async def show(
        visit: Visit,
        *,
        errors: Mapping[str, str] | None = None,
        typed: Mapping[str, str] | None = None,
        token: str | None = None,
    ) -> Response:
        """The tab; `token` is a new key, which is shown this once."""
        keys = await database.read(lambda work: api_keys.list_of_user(work, visit.user_id), visit.context)
        offered = _list_dialects(visit)
        kept = None if errors or token else await pages.find_draft(visit, TAB)
        typed = typed or kept or {}
        return pages.show(
            visit,
            TAB,
            errors=errors,
            has_kept_draft=kept is not None,
            # Those that can't be used any more are at the end.
            keys=sorted(keys, key=lambda key: (key.state != "active", -key.id)),
            dialects=DIALECTS,
            offered=offered,
            states=_STATES,
            name=typed.get("name", ""),
            dialect=typed.get("dialect") if typed.get("dialect") in offered else next(iter(offered)),
            expires_on=typed.get("expires_on", ""),
            token=token,
            api_url=f"{await public_address.find(visit.request)}/api/v1",
            now=clock(),
            tomorrow=(clock() + timedelta(days=1)).date().isoformat(),
        )

    @routes.api_route(PATHS[TAB], methods=METHODS)
    async def list_keys(request: Request) -> Response:
        visit = await pages.open(request, TAB)
        _require_right(visit)
        return await show(visit)

    @routes.post(PATHS[TAB], dependencies=forms)
    async def create_key(request: Request) -> Response:
        visit, form = await pages.open_form(request, TAB)
        _require_right(visit)
        errors: dict[str, str] = {}
        dialect, expires_at = form.get("dialect", ""), None
        try:
            expires_at = _parse_expiry(form.get("expires_on", ""))
        except ValueError:
            errors["expiry"] = visit.translate(_NO_DAY)
        if dialect not in FORMATS:
            errors["dialect"] = visit.translate(_NO_DIALECT)
        if not pages.is_own_form(visit, form):
            errors["form"] = visit.translate(STALE)
        if errors:
            return await show(visit, errors=errors, typed=form)
        values: dict[str, Any] = {"dialect": dialect, "name": form.get("name", "").strip(), "expires_at": expires_at}
        try:
            issued = await database.write(
                lambda work: api_keys.issue(work, user_id=visit.user_id, secret=authenticator.secret, **values),
                visit.context,
            )
        except ValidationFailed as failed:
            errors = {
                each.field: visit.translate(_MESSAGES[each.field, each.code], **each.limits) for each in failed.errors
            }
            return await show(visit, errors=errors, typed=form)
        except Conflict as error:
            if error.code == "sign_in.too_old":
                return await pages.ask_for_verification(visit, TAB, form)
            # The role may have changed meanwhile, too.
            return await show(visit, errors={"dialect": visit.translate(_TOO_LOW)}, typed=form)
        return await pages.forget_draft(visit, TAB, await show(visit, token=issued.token))

    @routes.post(f"{PATHS[TAB]}/{{key_id:int}}/revoke", dependencies=forms)
    async def revoke_key(request: Request, key_id: int) -> Response:
        visit, form = await pages.open_form(request, TAB)
        _require_right(visit)
        if not pages.is_own_form(visit, form):
            return pages.redirect_stale(TAB)
        try:
            await database.write(lambda work: api_keys.revoke(work, key_id), visit.context)
        except NotFound:
            # A double click: it is revoked already.
            pass
        except (Forbidden, ValueOutOfRange):
            raise HTTPException(404) from None
        authenticator.invalidate()
        return pages.redirect(PATHS[TAB], "key-revoked")

    return routes


def _require_right(visit: Visit) -> None:
    if not may_have_keys(visit):
        raise HTTPException(404)


def _list_dialects(visit: Visit) -> dict[str, str]:
    """The dialects of which the user may have a key, with their names."""
    return {name: label for name, label in DIALECTS.items() if FORMATS[name].is_allowed_for(visit.user.role)}


def _parse_expiry(day: str) -> datetime | None:
    """The end of this day. Raises ValueError."""
    if not day.strip():
        return None
    try:
        next_day = date.fromisoformat(day.strip()) + timedelta(days=1)
    except OverflowError:
        raise ValueError("the last day of the calendar") from None
    return datetime.combine(next_day, time(), UTC)

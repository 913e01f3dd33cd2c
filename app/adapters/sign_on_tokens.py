"""Verifies the tokens of single sign-on: JSON Web Tokens that the customer's server signs with the portal's secret.

docs/contracts/productlift.md, section 9.15.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.domain.users import emails
from app.domain.users.sign_on import SignOn

ALGORITHM: Final = "HS256"
MAX_TOKEN: Final = 16_384
"""Characters of a token."""
MAX_AGE: Final = timedelta(minutes=10)
"""How long after its `iat` a token without `exp` is valid."""
MAX_REMEMBERED: Final = timedelta(days=365)
"""How long it is known that a token was used, if it is valid for longer."""
CLOCK_SKEW: Final = timedelta(minutes=1)
"""How far the clock of the customer's server may be ahead."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_URL: Final = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Who signs on, and what is stored so that the token signs in once."""

    who: SignOn
    proof: str
    """What is signed. A signature can be written in several ways."""
    expires_at: datetime
    """From then on the token is not valid."""


class InvalidSignOnToken(Exception):
    """The token is not valid. The message is the reason, for the operator's log; it contains nothing of the token."""


class ExpiredSignOnToken(InvalidSignOnToken):
    """The token was valid before."""


def _to_text(value: Any) -> Any:
    """Ids and segments may be sent as numbers. A blank text is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else value


def _to_number(value: Any) -> Any:
    """Amounts may be sent as text. A blank text is none."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value.strip() or None if isinstance(value, str) else value


def _check_text(value: str | None) -> str | None:
    if value is not None and _CONTROL.search(value):
        raise ValueError("must not have control characters")
    return value


def _check_email(value: str) -> str:
    if not emails.is_valid_email(value):
        raise ValueError("must be an e-mail address")
    return emails.normalize_email(value)


def _check_url(value: str | None) -> str | None:
    if value is not None and not _URL.fullmatch(value):
        raise ValueError("must start with http:// or https://")
    return value


_Text = Annotated[str | None, Field(max_length=255), BeforeValidator(_to_text), AfterValidator(_check_text)]
_Number = Annotated[float | None, Field(allow_inf_nan=False), BeforeValidator(_to_number)]


class _Claims(BaseModel):
    """The claims that Earshot stores; a token may have others."""

    model_config = ConfigDict(hide_input_in_errors=True)

    email: Annotated[str, Field(max_length=255), BeforeValidator(_to_text), AfterValidator(_check_email)]
    uid: _Text = None
    name: Annotated[str | None, Field(max_length=100), BeforeValidator(_to_text), AfterValidator(_check_text)] = None
    avatar_url: Annotated[str | None, Field(max_length=2000), BeforeValidator(_to_text), AfterValidator(_check_url)] = (
        None
    )
    company: _Text = None
    mrr: _Number = None
    arr: _Number = None
    ltv: _Number = None
    segment_1: _Text = None
    segment_2: _Text = None
    segment_3: _Text = None
    segment_4: _Text = None
    segment_5: _Text = None
    segment_6: _Text = None
    segment_7: _Text = None
    segment_8: _Text = None
    segment_9: _Text = None
    segment_10: _Text = None


def verify(token: str, secret: str, *, now: datetime) -> VerifiedToken:
    """Verify that a token is signed with the secret and valid now. Raises InvalidSignOnToken."""
    if len(token) > MAX_TOKEN:
        raise InvalidSignOnToken("the token is too long")
    try:
        claims = jwt.decode(token, OctKey.import_key(secret), algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, RecursionError) as error:
        raise InvalidSignOnToken(f"it is not a token that is signed with the secret by {ALGORITHM}") from error
    _check_times(claims, now)
    try:
        sent = _Claims.model_validate(claims).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidSignOnToken(f"the claim {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    email, uid, name = (sent.pop(claim, None) for claim in ("email", "uid", "name"))
    who = SignOn(email=email, uid=uid, name=name, attributes=sent)
    return VerifiedToken(who, token.rpartition(".")[0], _find_expiry(claims, now))


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Check `exp` or else the age by `iat`, and `nbf`."""
    seconds = int(now.timestamp())
    ahead = JWTClaimsRegistry(now=seconds, leeway=int(CLOCK_SKEW.total_seconds()))
    try:
        if claims.get("iat") is not None:
            ahead.validate_iat(claims["iat"])
        if claims.get("nbf") is not None:
            ahead.validate_nbf(claims["nbf"])
        if claims.get("exp") is not None:
            JWTClaimsRegistry(now=seconds).validate_exp(claims["exp"])
        elif claims.get("iat") is None:
            raise InvalidSignOnToken("the token has neither exp nor iat")
        elif seconds - claims["iat"] > MAX_AGE.total_seconds():
            raise ExpiredSignOnToken(f"the token has no exp, and was issued more than {MAX_AGE} ago")
    except ExpiredTokenError as error:
        raise ExpiredSignOnToken("the token has expired") from error
    except JoseError as error:
        raise InvalidSignOnToken(f"the token is not valid now: {error.description}") from error


def _find_expiry(claims: Mapping[str, Any], now: datetime) -> datetime:
    expires_at = claims.get("exp")
    seconds = claims["iat"] + MAX_AGE.total_seconds() if expires_at is None else expires_at
    # The number may be too large for a time.
    return now + timedelta(seconds=min(seconds - now.timestamp(), MAX_REMEMBERED.total_seconds()))

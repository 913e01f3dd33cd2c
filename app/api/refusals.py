"""Why a client is refused: a reason for the log, and for its own mistakes a hint in the response.

A hint is given only where it tells an attacker nothing about keys: who sends an unknown, revoked or blocked key, or one
of another host, must not learn which of these it is.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from app.api.authentication import ApiKeyAuthenticator
from app.api.router import DialectRouter, MethodNotAllowed, RouteMatch
from app.domain.errors import Forbidden
from app.domain.permissions import Permission
from app.domain.users.key_verification import Principal
from app.http.body import UnreadableJson
from app.http.request import Header, RequestContext
from app.public_url import PublicUrl

RATE_LIMIT_BY_KEY: Final = "rate_limit_key"
RATE_LIMIT_BY_IP: Final = "rate_limit_ip"
MALFORMED_AUTHORIZATION: Final = "malformed_authorization"
JSON_TYPE_HINT: Final = (
    'The body looks like JSON, but was not read as JSON; send it with the header "Content-Type: application/json".'
)


class ApiOfDialect(Protocol):
    """What a refusal needs to know of a dialect."""

    name: str
    title: str
    router: DialectRouter


class RefusalExplainer:
    """Sets `refusal` and `hint` of requests to one dialect, after it has decided to refuse them."""

    def __init__(self, dialect: ApiOfDialect, authenticator: ApiKeyAuthenticator, public: PublicUrl) -> None:
        self._dialect = dialect
        self._authenticator = authenticator
        self._public = public
        self.others: Mapping[str, ApiOfDialect] = {}
        """The other dialects of the server, by name."""

    def explain_route(self, request: RequestContext, method: str, match: MethodNotAllowed | None) -> None:
        """Explain a 404 for a path that the dialect doesn't have, or not for this method."""
        dialect = self._dialect
        for other in self.others.values():
            found = other.router.find_route(method, request.path)
            # If both dialects have the path, only the method decides.
            if isinstance(found, RouteMatch) or (found is not None and match is None):
                request.refusal = "other_dialect_route"
                request.hint = (
                    f"This path belongs to {other.title}'s API; send the request to {self._prefix(other)} "
                    "with a key of that API."
                )
                return
        request.refusal = "no_such_route"
        request.hint = (
            f"{dialect.title}'s API has no such path; {self._prefix(dialect)}/docs lists its paths."
            if match is None
            else f"{dialect.title}'s API has this path only for {', '.join(match.allowed)}."
        )

    async def explain_key(self, request: RequestContext, principal: Principal | None) -> None:
        """Explain a 401 for a missing key, or for one that is not valid here.

        `principal` is that of a key that is valid elsewhere. Without one, the key is looked up once more.
        """
        if request.token is None:
            request.refusal = MALFORMED_AUTHORIZATION if request.header(b"authorization").strip() else "no_key"
        elif principal is None:
            request.refusal = await self._authenticator.refusal_reason(request.token, request.host)
            if request.refusal == "expired_key":
                request.hint = "This API key has expired; ask the operator of this server for a new one."
        elif not principal.is_valid_on(request.host):
            request.refusal = "other_host"
        elif principal.dialect != self._dialect.name:
            other = self.others[principal.dialect]
            request.refusal = "other_dialect"
            request.hint = f"This key belongs to {other.title}'s API; send the request to {self._prefix(other)}."
        else:
            # The key is valid, but follows a scheme that the dialect doesn't read.
            request.refusal = MALFORMED_AUTHORIZATION

    def _prefix(self, dialect: ApiOfDialect) -> str:
        return self._public.link(f"/{dialect.name}/api/v1")


def explain_error(request: RequestContext, error: Exception) -> None:
    """Explain the response to an error of reading the request, or of the domain."""
    if isinstance(error, UnreadableJson):
        request.hint = f"The body cannot be read as JSON: error at line {error.line}, column {error.column}."
    elif isinstance(error, Forbidden):
        is_unknown = error.permission == Permission.IMPERSONATE and error.reason == "unknown"
        request.refusal = "not_found" if is_unknown else "role_too_low"


def hint_header(request: RequestContext) -> Header:
    """The header with the hint."""
    return b"x-earshot-hint", request.hint.encode("ascii")

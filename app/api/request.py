"""The parameter of every endpoint, and what the public JSON has in common with it."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from app.adapters.database import Operation, PortalContext, T
from app.api.services import Services
from app.domain.users.key_verification import Principal
from app.http.request import Receive, Scope


class PortalRequest(Request):
    """A request to a portal: its parameters, and how to open a unit of work for it.

    `params` is the merged input as the dialect reads it, not yet validated. `path_params` are the route's.
    """

    is_private: bool = False
    """Whether the portal is private. Only requests with a key reach a private portal."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        services: Services,
        context: PortalContext,
        params: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, receive)
        self.services = services
        self.context = context
        self.params = params

    async def read(
        self, operation: Operation[T], *, in_thread: bool = False, snapshot: bool = False, max_text: int | None = None
    ) -> T:
        """Run an operation that changes nothing; see `Database.read`."""
        database = self.services.database
        return await database.read(operation, self.context, in_thread=in_thread, snapshot=snapshot, max_text=max_text)

    async def write(self, operation: Operation[T], *, in_thread: bool = False, single_statement: bool = False) -> T:
        """Run an operation in one transaction; see `Database.write`. The operation also makes the response."""
        return await self.services.database.write(
            operation, self.context, in_thread=in_thread, single_statement=single_statement
        )


class ApiRequest(PortalRequest):
    """An authenticated request: also who sends it."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        *,
        services: Services,
        principal: Principal,
        context: PortalContext,
        params: Mapping[str, Any],
    ) -> None:
        super().__init__(scope, receive, services=services, context=context, params=params)
        self.principal = principal
        self.is_private = principal.is_private

"""What an endpoint is handed (`Call`) and what it gives back (`Answer`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from app.adapters.database import Database, Operation, PortalContext, T
from app.api.services import Services
from app.domain.users.api_keys import Principal


@dataclass(slots=True)
class ApiRequest:
    """One admitted request: who asks, for what, and how to open a Work in his name."""

    services: Services
    principal: Principal
    context: PortalContext
    path_params: Mapping[str, str]
    """The parts of the address that the route names."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The merged input, as the dialect reads it, not yet judged."""

    @property
    def database(self) -> Database:
        return self.services.database

    async def read(
        self, operation: Operation[T], *, in_thread: bool = False, snapshot: bool = False, max_text: int | None = None
    ) -> T:
        """Run an act that changes nothing; see `Database.read`."""
        database = self.services.database
        return await database.read(operation, self.context, in_thread=in_thread, snapshot=snapshot, max_text=max_text)

    async def write(self, operation: Operation[T], *, in_thread: bool = False, single_statement: bool = False) -> T:
        """Run an act in one transaction; see `Database.write`. The answer's shape belongs inside it."""
        return await self.services.database.write(
            operation, self.context, in_thread=in_thread, single_statement=single_statement
        )


def _current(request: Request) -> ApiRequest:
    return request.scope["earshot.call"]  # type: ignore[no-any-return]


CurrentRequest = Annotated[ApiRequest, Depends(_current)]
"""The one parameter of every endpoint."""

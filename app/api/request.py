"""What an endpoint is handed (`Call`) and what it gives back (`Answer`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from app.adapters.database import Act, Database, Standing, T
from app.api.services import Services
from app.domain.users.api_keys import Admission


@dataclass(slots=True)
class AskedCall:
    """One admitted request: who asks, for what, and how to open a Work in his name."""

    services: Services
    admission: Admission
    standing: Standing
    path: Mapping[str, str]
    """The parts of the address that the route names."""
    asked: Mapping[str, Any] = field(default_factory=dict)
    """The merged input, as the dialect reads it, not yet judged."""

    @property
    def database(self) -> Database:
        return self.services.database

    async def reading(
        self, act: Act[T], *, slow: bool = False, snapshot: bool = False, max_text: int | None = None
    ) -> T:
        """Run an act that changes nothing; see `Database.reading`."""
        database = self.services.database
        return await database.reading(act, self.standing, slow=slow, snapshot=snapshot, max_text=max_text)

    async def writing(self, act: Act[T], *, slow: bool = False, at_once: bool = False) -> T:
        """Run an act in one transaction; see `Database.writing`. The answer's shape belongs inside it."""
        return await self.services.database.writing(act, self.standing, slow=slow, at_once=at_once)


def _current(request: Request) -> AskedCall:
    return request.scope["earshot.call"]  # type: ignore[no-any-return]


Call = Annotated[AskedCall, Depends(_current)]
"""The one parameter of every endpoint."""

"""More applications on the database of a test, with other settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.adapters.database import Clock
from app.application import Application, create_app
from app.settings import Settings


@asynccontextmanager
async def running_application(settings: Settings, clock: Clock, **changed: Any) -> AsyncIterator[Application]:
    """Run an application with `settings`, some of them changed by keyword: `rate_limits=True`."""
    values = settings.model_dump(exclude_unset=True) | changed
    server = create_app(Settings(_env_file=None, **values), clock=clock)  # type: ignore[call-arg]
    await server.start()
    try:
        yield server
    finally:
        await server.stop()

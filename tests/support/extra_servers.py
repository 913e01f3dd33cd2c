"""More applications on the database of a test, with other settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.adapters.database import Clock
from app.application import Application, create_app
from app.settings import Settings

SECRET = "a secret of the tests, long enough 0123456789"


def make_settings(database_url: str, data_dir: Path) -> Settings:
    """Settings without rate limits, whatever the environment says."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url=database_url,
        data_dir=data_dir,
        secret_key=SECRET,
        rate_limits=False,
    )


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

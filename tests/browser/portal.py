"""The sample portal on a real socket, and the changes that a test makes to it beside its visitors."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import text

from app.adapters.database import PortalContext
from app.adapters.database.migrations import migrate
from app.adapters.passwords import hash_password
from app.backends import open_database
from app.background import index_new_posts
from app.domain.permissions import OPERATOR
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import UnitOfWork
from app.domain.users import sessions, users
from app.server.startup import make_first_portal
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.extra_servers import make_settings
from tests.support.live_server import serve_in_thread

T = TypeVar("T")
PASSWORD: Final = "a good password"
PASSWORD_HASH: Final = hash_password(PASSWORD)
USER_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_numbers = count(1)


@dataclass(frozen=True)
class ServedPortal:
    """A sample portal that is served at `address`."""

    address: str
    settings: Settings
    clock: TestClock

    def act(self, operation: Callable[[UnitOfWork], T]) -> T:
        """Run a rule as the operator, committed. The only portal has the number 1."""
        return run(self._act(operation))

    def rows(self, query: str, **values: Any) -> list[Sequence[Any]]:
        """The rows of a plain SQL query."""
        statement = Statement(text(query), across_portals=True)
        return self.act(lambda work: [tuple(row) for row in work.fetch_all(statement, **values)])

    def value(self, query: str, **values: Any) -> Any:
        """The only value of a plain SQL query."""
        [[only]] = self.rows(query, **values)
        return only

    def run(self, query: str, **values: Any) -> None:
        """Change rows with plain SQL."""
        statement = Statement(text(query), across_portals=True)
        self.act(lambda work: work.execute(statement, **values))

    def add_user(self, *, role: str = "user") -> int:
        """A user with the password PASSWORD, who has not voted and follows nothing."""
        email = f"reader-{next(_numbers)}@example.com"
        return self.act(
            lambda work: users.create(work, email=email, name="Riya Reader", role=role, password_hash=PASSWORD_HASH)
        )

    def email_of(self, user: int) -> str:
        """The address of a user."""
        return str(self.value("SELECT email FROM users WHERE id = :user", user=user))

    def sign_in(self, user: int, user_agent: str = USER_AGENT) -> dict[str, Any]:
        """The cookie of a new session of this user, as Playwright takes it."""
        token = self.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=user_agent))
        return {"name": "earshot_session", "value": token, "url": self.address}

    async def _act(self, operation: Callable[[UnitOfWork], T]) -> T:
        database = open_database(self.settings)
        await database.open()
        try:
            return await database.write(operation, PortalContext(1, OPERATOR))
        finally:
            await database.close()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in another thread, since the loop of Playwright runs in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def fill(folder: Path, *, demo: bool = True) -> Path:
    """Make the sample portal in this folder, or one without posts."""
    settings = make_settings(f"sqlite:///{folder / 'earshot.db'}", folder / "data")
    run(migrate(settings.database))
    run(make_first_portal(settings, demo=demo))
    run(_index(settings))
    return folder


async def _index(settings: Settings) -> None:
    """Do what a server does a moment after its start."""
    database = open_database(settings)
    await database.open()
    await index_new_posts(database)
    await database.close()


@contextmanager
def serve_copy(filled: Path, folder: Path, **changed: Any) -> Iterator[ServedPortal]:
    """Serve a copy of a filled folder until the block ends, with some settings changed."""
    shutil.copytree(filled, folder, dirs_exist_ok=True)
    values = make_settings(f"sqlite:///{folder / 'earshot.db'}", folder / "data").model_dump(exclude_unset=True)
    settings, clock = Settings(_env_file=None, **values | changed), TestClock()  # type: ignore[call-arg]
    with serve_in_thread(settings, clock=clock) as address:
        yield ServedPortal(address, settings, clock)

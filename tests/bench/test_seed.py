"""`bench/seed.py` fills a database as its user calls it."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.checkout import ROOT
from tests.support.servers import Postgres
from tests.support.sql import rows, script

TINY = ["--posts", "50", "--votes", "100", "--comments", "40", "--users", "200"]
_numbers = count()


@pytest.fixture
def owned_database(postgres: Postgres) -> Iterator[str]:
    """The URL of an empty database whose owner has no further right on the server."""
    name = f"owned_{next(_numbers)}"
    url = postgres.create(name)
    role = f"{name}_role"
    script(url, f"CREATE ROLE {role} LOGIN PASSWORD 'ordinary'")
    script(url, f'ALTER DATABASE "{urlsplit(url).path[1:]}" OWNER TO {role}')
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{role}:ordinary@{host}"))
    script(url, f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}")
    postgres.drop(name)


@pytest.mark.parametrize("options", [[], ["--ceiling"]])
def test_postgresql_is_filled_by_an_ordinary_role(owned_database: str, options: list[str]) -> None:
    assert rows(owned_database, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user") == [
        (False, False)
    ]

    done = subprocess.run(
        [sys.executable, "bench/seed.py", "--database", owned_database, *TINY, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert rows(owned_database, "SELECT count(*) FROM posts") == [(50,)]

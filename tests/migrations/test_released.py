"""The databases of every released version come to this version with all that is in them."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from app.adapters.database.migrations import with_connection
from app.adapters.database.revisions import HEAD
from app.domain.models import Base
from app.domain.models.base import include_object
from app.domain.models.search import include_name
from tests.migrations.released import make
from tests.support.checkout import ROOT
from tests.support.commands import Earshot, Serving
from tests.support.sql import rows, run_coroutine, script

FOLDER = Path(make.__file__).parent
VERSIONS = sorted(path.name for path in FOLDER.iterdir() if re.fullmatch(r"\d+\.\d+\.\d+", path.name))
MOST_BYTES = 200_000

_OLD_SEARCH = dict.fromkeys(
    ("title_words", "title_word_signatures", "title_word_posts", "titles_waiting"),
    "the search for duplicates reads the engine's full-text index, which is filled from the posts",
)
_OLD_EVENTS = {"facts.expanded_at": "no mail is sent for what happened before there was mail"}
LEFT_BEHIND: dict[str, dict[str, str]] = {
    "0.1.0": _OLD_SEARCH
    | _OLD_EVENTS
    | {"post_tallies": "its numbers are kept in finer pieces in `tallies`, where they are counted anew"},
    "0.2.0": _OLD_SEARCH | _OLD_EVENTS,
    "0.3.0": _OLD_EVENTS,
    "0.3.1": _OLD_EVENTS,
    "0.4.0": _OLD_EVENTS,
    "0.4.1": _OLD_EVENTS,
    "0.5.0": _OLD_EVENTS,
    "0.5.1": _OLD_EVENTS,
}
"""What a later version changes or drops on purpose: by version, `table` or `table.column`, with the reason."""

Rows = dict[tuple[Any, ...], dict[str, Any]]


class Table(NamedTuple):
    """The rows of a table as plain values, by the columns that were its primary key in the beginning."""

    key: tuple[str, ...]
    rows: Rows


class Kept:
    """A database as a version left it, loaded and nothing else."""

    def __init__(self, earshot: Earshot, engine: str, version: str) -> None:
        self.access = json.loads((FOLDER / version / "access.json").read_text(encoding="utf-8"))
        default = f"sqlite:///{earshot.folder}/earshot.db"
        self.url = earshot.settings.setdefault("EARSHOT_DATABASE_URL", default)
        earshot.settings.update(EARSHOT_SECRET_KEY=self.access["secret"], EARSHOT_RATE_LIMITS="off")
        script(self.url, (FOLDER / version / f"{engine}.sql").read_text(encoding="utf-8"))
        self.tables = everything(self.url, {})


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kept(earshot: Earshot, engine: str, version: str) -> Kept:
    return Kept(earshot, engine, version)


def everything(url: str, keys: dict[str, tuple[str, ...]]) -> dict[str, Table]:
    """All rows of all tables but Alembic's; `keys` are those that tables had in the beginning."""

    def read(connection: Connection) -> dict[str, Table]:
        inspector = inspect(connection)
        found = {}
        names = set(inspector.get_table_names()) - {"alembic_version"}
        for name in sorted(name for name in names if include_name(name, "table", {})):
            key = keys.get(name) or tuple(inspector.get_pk_constraint(name)["constrained_columns"])
            # Not through the model: what it says today need not be what that version meant.
            told = [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]
            found[name] = Table(key, {tuple(row.get(column) for column in key): row for row in told})
            assert len(found[name].rows) == len(told), f"{name}: two rows have the key of one"
        return found

    return dict(run_coroutine(with_connection(url, read)))


def differences(before: dict[str, Table], after: dict[str, Table]) -> set[str]:
    """`table` where rows are gone or have come, `table.column` where a value is another or the column is gone."""
    found = set()
    for name, table in before.items():
        now = after[name].rows if name in after else {}
        if now.keys() != table.rows.keys():
            found.add(name)
            continue
        for key, row in table.rows.items():
            found.update(f"{name}.{column}" for column in row if (column, row[column]) not in now[key].items())
    return found


def migrated(earshot: Earshot, kept: Kept) -> dict[str, Table]:
    assert earshot.run("migrate").code == 0
    return everything(kept.url, {name: table.key for name, table in kept.tables.items()})


def test_released_databases_have_a_row_in_every_table(kept: Kept) -> None:
    assert [name for name, table in kept.tables.items() if not table.rows] == []
    assert {row["moderation"] for row in kept.tables["posts"].rows.values()} == {"approved", "pending", "rejected"}
    assert len(kept.tables["portals"].rows) == 2
    for table, column in (("api_keys", "revoked_at"), ("users", "deleted_at"), ("users", "blocked_at")):
        assert [row for row in kept.tables[table].rows.values() if row[column] is not None], f"{table}.{column}"


def test_migrating_a_released_database_keeps_every_row_and_value(earshot: Earshot, kept: Kept, version: str) -> None:
    after = migrated(earshot, kept)

    assert rows(kept.url, "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert differences(kept.tables, after) == set(LEFT_BEHIND.get(version, {}))
    for portal in kept.tables["portals"].rows:
        done = earshot.run("counters", "--portal", str(portal[0]), "--json")
        assert json.loads(done.out) == {"differences": [], "repaired": False}

    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": include_name, "include_object": include_object}
        )
        return list(compare_metadata(context, Base.metadata))

    assert run_coroutine(with_connection(kept.url, compare)) == []


def test_both_dialects_read_and_write_a_migrated_database(earshot: Earshot, kept: Kept) -> None:
    """It migrates by itself; keys that clients hold are good, the revoked one is not, and portals stay apart."""
    tokens, hosts = kept.access["tokens"], kept.access["hosts"]
    posts = [row for row in kept.tables["posts"].rows.values() if row["portal_id"] == 1]
    with earshot.serving() as serving:
        astuto, productlift = (client(serving, tokens[name], hosts["first"]) for name in ("astuto", "productlift"))
        with astuto, productlift:
            told = {post["id"]: post for post in astuto.get("/posts").json()}
            assert {id_: post["title"] for id_, post in told.items()} == {row["id"]: row["title"] for row in posts}
            listed = productlift.get("/posts", params={"limit": 100}).json()["data"]
            assert {post["id"]: post["title"] for post in listed} == {row["code"]: row["title"] for row in posts}
            counts = {post["id"]: (post["votes_count"], post["comments_count"]) for post in listed}
            assert counts == {row["code"]: (row["votes_count"], row["comments_count"]) for row in posts}
            comments = [row for row in kept.tables["comments"].rows.values() if not row["internal"]]
            assert {one["body"] for one in astuto.get("/comments").json()} == {row["body"] for row in comments}

            wrote = astuto.post("/posts", json={"title": "Written today", "board_id": 1})
            assert wrote.status_code == 201
            assert wrote.json()["id"] == max(row["id"] for row in kept.tables["posts"].rows.values()) + 1
            assert productlift.post("/posts", json={"title": "Written today, too"}).status_code == 200
        with client(serving, tokens["revoked"], hosts["first"]) as revoked:
            assert revoked.get("/posts").status_code == 401
        with client(serving, tokens["second"], hosts["second"]) as second:
            assert [post["title"] for post in second.get("/posts").json()] == ["Of the second portal"]
        assert serving.end() == 0
    done = earshot.run("counters", "--portal", "1", "--json")
    assert json.loads(done.out) == {"differences": [], "repaired": False}


def client(serving: Serving, token: str, host: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {token}", "host": host}
    return httpx.Client(base_url=f"{serving.address}/api/v1", headers=headers, timeout=20)


def test_every_release_has_stored_its_databases() -> None:
    """A release is not whole before `tests/migrations/released/make.py` was run for it."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = set(re.findall(r"^## \[?v?(\d+\.\d+\.\d+)", changes, flags=re.MULTILINE))
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert released | {own} <= set(VERSIONS)
    for version in VERSIONS:
        folder = FOLDER / version
        assert {path.name for path in folder.iterdir()} == {"sqlite.sql", "postgresql.sql", "access.json"}
        assert max(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES

"""Makes the databases of the version that this checkout is, to be kept for the tests of later ones.

Run once for a release, in the checkout that is released:

    .venv/bin/python -m tests.migrations.released.make 0.1.0

It lets the program live a small life on a new database of each engine, through both interfaces and the rules, until
each table has rows, and writes down the schema and every row as SQL. `access.json` beside them has what a client needs.
"""

import asyncio
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from PIL import Image

from app.adapters.database.migrations import migrate
from app.adapters.encryption import SecretCipher
from app.domain import installation
from app.domain.models import Base
from app.domain.models.search import SEARCH_TABLE
from app.domain.notifications import choices
from app.domain.portals import portals
from app.domain.posts import follows, moderation
from app.domain.users import api_keys, key_formats
from app.domain.webhooks import endpoints
from app.domain.webhooks.endpoints import EndpointSettings
from app.outbox.assembly import build_channels, build_urls
from app.outbox.expansion import Expansion
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import make_settings, running_application
from tests.support.factory import Factory
from tests.support.servers import find_postgres, start_postgres
from tests.support.sign_in_rows import add_sign_in_rows

FOLDER: Final = Path(__file__).parent
SEARCH_TEXTS: Final = "post_search_texts"
SECRET: Final = "the secret of a server that has been released"
BEGAN: Final = datetime(2026, 11, 22, 9, 0, 7, 123456, tzinfo=UTC)
HOSTS: Final = {"first": "first.example.com", "second": "second.example.com"}


class Life:
    """What happens on the database at `url`; `keys` are those that a client may present afterwards."""

    def __init__(self, make: Factory, clock: TestClock, astuto: Client, productlift: Client) -> None:
        self._make = make
        self._clock = clock
        self._astuto = astuto
        self._productlift = productlift

    async def send_request(self, client: Client, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """One request that must succeed, a minute after the one before."""
        self._clock.advance(minutes=1)
        response = await (client.request(method, path, **more) if more else client.send_json(method, path, body))
        if response.status_code not in (200, 201):
            raise RuntimeError(f"{method} {path}: {response.status_code} {response.text}")
        told = response.json() if response.content else {}
        return told["data"] if isinstance(told, dict) and "data" in told else told

    async def live(self) -> None:
        people = await self._people()
        await self._catalogue()
        posts = await self._posts(people)
        await self._talk(posts, people)
        await self._judge(posts)
        await self._plan(posts, people)
        await self._tell(posts, people)
        await self._part(people)
        await add_sign_in_rows(self._make, people["Bob"]["id"])
        await self._second()
        await self.send_request(self._astuto, "POST", "/posts", {"title": "Export to a spreadsheet", "board_id": 1})

    async def _people(self) -> dict[str, Any]:
        people = {}
        for name, role in (
            ("Ada", "member"),
            ("Bob", "member"),
            ("Cid", "member"),
            ("Dot", "member"),
            ("Eve", "admin"),
        ):
            sent = {"name": f"{name} Example", "email": f"{name.lower()}@example.com", "role": role}
            await self.send_request(self._productlift, "POST", "/users", sent)
            people[name] = await self._make.row(
                "SELECT id, uuid FROM users WHERE email_key = :email", email=sent["email"]
            )
        return people

    async def _catalogue(self) -> None:
        for name, color in (("Speed", "#336699"), ("Überblick 📊", "#aabbcc")):
            await self.send_request(self._productlift, "POST", "/categories", {"name": name, "color": color})
        await self._make.section("Soon")
        first = await self._make.value("SELECT min(id) FROM sections")
        await self._make.section("Very soon", parent=first)

    async def _posts(self, people: dict[str, Any]) -> list[Any]:
        send_request, posts = self.send_request, []
        titles = ("Dark mode", "Faster search", 'It\'s "quoted"; -- and ends', "Ein Überblick für alle 📊", "Bulk edit")
        for number, title in enumerate(titles):
            if number % 2:
                sent = {"title": title, "description": f"Line one of {number}\nline two", "category_id": 1}
                await send_request(self._productlift, "POST", "/posts", sent)
            else:
                sent = {"title": title, "board_id": 1 + number % 2, "impersonated_user_id": people["Ada"]["id"]}
                await send_request(self._astuto, "POST", "/posts", sent)
            posts.append(await self._make.row("SELECT id, code FROM posts WHERE title = :title", title=title))
        files = [("image", ("one.png", picture())), ("attachment", ("log.txt", b"what happened\n"))]
        await send_request(self._productlift, "POST", "/posts", data={"title": "With files"}, files=files)
        await send_request(
            self._productlift, "PATCH", f"/posts/{posts[0]['code']}", {"section_id": 2, "category_id": 2}
        )
        for number, post in enumerate(posts):
            for person in list(people.values())[: number % 4]:
                await send_request(self._productlift, "POST", f"/posts/{post['code']}/votes/{person['uuid']}")
        await send_request(self._productlift, "DELETE", f"/posts/{posts[3]['code']}/votes/{people['Cid']['uuid']}")
        await self._make.act(lambda work: follows.add(work, post_id=posts[1]["id"], user_id=people["Bob"]["id"]))
        return posts

    async def _talk(self, posts: list[Any], people: dict[str, Any]) -> None:
        first, second = posts[0]["id"], posts[1]["id"]
        said = await self.send_request(
            self._astuto, "POST", "/comments", {"post_id": first, "body": "Please, at night."}
        )
        response = {"post_id": first, "body": "Yes.\n\n*Soon*.", "parent_id": said["id"]}
        response["impersonated_user_id"] = people["Bob"]["id"]
        await self.send_request(self._astuto, "POST", "/comments", response)
        news = await self.send_request(self._astuto, "POST", "/comments", {"post_id": second, "body": "We have begun."})
        await self.send_request(self._astuto, "PUT", f"/comments/{news['id']}/mark_as_post_update")
        await self._make.comment(first, body="Between us", internal=True)
        for post, status in ((first, "Planned"), (first, "In Progress"), (second, "Completed")):
            sent = {"post_status_id": self._make.statuses[status]}
            await self.send_request(self._astuto, "PUT", f"/posts/{post}/update_status", sent)

    async def _judge(self, posts: list[Any]) -> None:
        """One post is rejected, another waits."""
        for post, state in ((posts[2]["id"], "rejected"), (posts[4]["id"], "pending")):
            await self._make.act(lambda work, post=post, state=state: moderation.set(work, post, state))

    async def _plan(self, posts: list[Any], people: dict[str, Any]) -> None:
        """Tags, a group, anonymous votes, feedback, a product vision, a widget, an unpublished post."""
        send_request, code, uuid = self.send_request, posts[1]["code"], people["Ada"]["uuid"]
        for name in ("Urgent", "Später 📊"):
            await send_request(self._productlift, "POST", "/tags", {"name": name})
        await send_request(self._productlift, "PATCH", f"/posts/{code}", {"tag_ids": [1, 2]})
        await send_request(self._productlift, "POST", "/groups", {"name": "Early access"})
        await send_request(self._productlift, "POST", f"/groups/1/users/{uuid}")
        for visitor in ("visitor", "Ünknown"):
            await send_request(self._productlift, "POST", f"/posts/{posts[0]['code']}/anonymous_votes/{visitor}")
        sent = {"title": "Too slow", "description": "On Mondays.", "user_id": uuid, "post_id": code}
        await send_request(self._productlift, "POST", "/feedback", sent)
        await send_request(self._productlift, "POST", "/product-vision", {"vision": "No queue"})
        await send_request(self._productlift, "PUT", f"/posts/{posts[3]['code']}/toggle-publish")
        await self._make.widget("Help", tab="feedback")

    async def _tell(self, posts: list[Any], people: dict[str, Any]) -> None:
        """Events become emails and webhook calls, which nothing delivers; one waits for a digest."""
        server, bob = self._make.server, people["Bob"]["id"]
        cipher = SecretCipher(SECRET.encode())
        endpoint = EndpointSettings(url="https://hooks.example.com/earshot", description="CRM")
        await self._make.act(
            lambda work: endpoints.add(work, dialect="productlift", settings=endpoint, encrypt=cipher.encrypt)
        )
        await self._make.act(lambda work: choices.set_choice(work, bob, "post_update", "daily"))
        sent = {"post_id": posts[1]["id"], "body": "It is ready.", "is_post_update": True}
        await self.send_request(self._astuto, "POST", "/comments", sent)
        urls = build_urls(server.settings, server.database)
        channels = build_channels(server.settings, server.database, cipher, urls)
        await Expansion(server.database, channels.expanders, urls, call_expanders=channels.call_expanders).run()

    async def _part(self, people: dict[str, Any]) -> None:
        """One goes, one is blocked, a key ends."""
        await self.send_request(self._productlift, "DELETE", f"/users/{people['Dot']['uuid']}")
        await self.send_request(self._astuto, "PUT", f"/users/{people['Cid']['id']}/block")
        await adopt(self._make, people["Eve"]["id"], "astuto", TOKENS["revoked"])
        ended = await self._make.value("SELECT max(id) FROM api_keys")
        await self._make.act(lambda work: api_keys.revoke(work, ended))

    async def _second(self) -> None:
        make = self._make
        await make.act(lambda work: portals.update_setting(work, setting="host", value=HOSTS["first"]))
        portal, owner = await make.new_portal("Second", host=HOSTS["second"], email="owner@second.example.com")
        await adopt(make, owner, "astuto", TOKENS["second"], portal=portal)
        board = await make.value("SELECT min(id) FROM boards WHERE portal_id = :of", of=portal)
        await make.post(title="Of the second portal", author=owner, board=board, votes_by=[owner], portal=portal)


TOKENS: Final = {
    "astuto": "tkn_admin_" + "a" * 32,
    "productlift": "1|" + "p" * 40,
    "revoked": "tkn_admin_" + "r" * 32,
    "second": "tkn_admin_" + "s" * 32,
}


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (8, 6), "#336699").save(written, "PNG")
    return written.getvalue()


async def adopt(make: Factory, user: int, dialect: str, token: str, *, portal: int | None = None) -> None:
    """Give a user a key of which the text is known: the same at every making."""
    digest = key_formats.digest(token, SECRET.encode())
    await make.act(
        lambda work: api_keys.import_key(
            work, user_id=user, dialect=dialect, digest_=digest, prefix=key_formats.display_prefix(token)
        ),
        portal=portal,
    )


async def make_at(url: str, folder: Path) -> None:
    """Make the database at `url`; uploads go below `folder`."""
    await migrate(url)
    clock = TestClock()
    clock.set(BEGAN)
    async with running_application(make_settings(url, folder), clock, secret_key=SECRET) as server:
        make = Factory(server, SECRET.encode())
        await make.act(lambda work: installation.require_secret(work, SECRET.encode()))
        await make.first_portal()
        for dialect in ("astuto", "productlift"):
            await adopt(make, make.owner, dialect, TOKENS[dialect])
        async with (
            Client(server, token=TOKENS["astuto"], host=f"http://{HOSTS['first']}") as astuto,
            Client(server, token=TOKENS["productlift"], host=f"http://{HOSTS['first']}") as productlift,
        ):
            await Life(make, clock, astuto, productlift).live()
        for table in Base.metadata.tables:
            if not await make.value(f"SELECT count(*) FROM {table}"):
                raise RuntimeError(f"nothing happened that makes a row in {table}")


def of_sqlite(folder: Path) -> str:
    path = folder / "earshot.db"
    asyncio.run(make_at(f"sqlite:///{path}", folder / "data"))
    with closing(sqlite3.connect(path)) as connection:
        search = _search_of_sqlite(connection)
        *tables, commit = connection.iterdump()
    return "\n".join([*tables, *search, commit]) + "\n"


def _search_of_sqlite(connection: sqlite3.Connection) -> list[str]:
    """Drop the full-text index and its triggers, whose rows `iterdump` can't read; return the SQL that makes them."""
    names = f"name LIKE '{SEARCH_TABLE}%'"
    fill = []
    for table in (SEARCH_TABLE, SEARCH_TEXTS):
        ((created,),) = connection.execute(f"SELECT sql FROM sqlite_master WHERE name = '{table}'").fetchall()
        options = connection.execute(f"SELECT k, v FROM {table}_config WHERE k <> 'version'").fetchall()
        fill += [f"{created};", *(f"INSERT INTO {table} ({table}, rank) VALUES ('{k}', {v});" for k, v in options)]
    triggers = connection.execute(f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND {names}").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for table in (SEARCH_TABLE, SEARCH_TEXTS):
        connection.execute(f"DROP TABLE {table}")
    fill.append(f"INSERT INTO {SEARCH_TABLE} (rowid, title) SELECT id, title FROM posts ORDER BY id;")
    # The index of the texts is filled later, as after a migration.
    fill.append("INSERT OR IGNORE INTO post_search_new (portal_id, post_id) SELECT portal_id, id FROM posts;")
    return [*fill, *(f"{sql};" for _, sql in triggers)]


def of_postgresql(folder: Path) -> str:
    found, program = find_postgres(), shutil.which("pg_dump")
    if found is None or program is None:
        raise RuntimeError("PostgreSQL and its pg_dump are needed")
    server = start_postgres(found)
    try:
        url = server.create("released")
        asyncio.run(make_at(url, folder / "data"))
        dump = [program, "--inserts", "--no-owner", "--no-privileges", url]
        told = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    finally:
        server.close()
    # Comments, and what is set for the session: a later server may not know it.
    kept = re.sub(r"^(--.*|SET .*;|SELECT pg_catalog\.set_config.*;|\\.*)\n", "", told, flags=re.MULTILINE)
    return re.sub(r"\n{2,}", "\n", kept).lstrip()


def main(version: str) -> None:
    makers: dict[str, Callable[[Path], str]] = {"sqlite": of_sqlite, "postgresql": of_postgresql}
    told = {}
    for engine, maker in makers.items():
        with TemporaryDirectory() as folder:
            told[engine] = maker(Path(folder))
    # What has been released stays as it is: an existing folder is refused.
    (FOLDER / version).mkdir()
    for engine, text in told.items():
        (FOLDER / version / f"{engine}.sql").write_text(text, encoding="utf-8")
    access = {"secret": SECRET, "hosts": HOSTS, "tokens": TOKENS}
    (FOLDER / version / "access.json").write_text(json.dumps(access, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

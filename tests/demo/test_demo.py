"""The sample portal: plausible, consistent, and the same every time."""

import asyncio
import io
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import text

from app.adapters.database import NO_PORTAL, PortalContext, utc_now
from app.adapters.database.migrations import migrate
from app.adapters.database.sqlite import SqliteDatabase
from app.application import Application
from app.demo import ACTIVE_POSTS, DAYS, FRESH_POSTS, fill
from app.demo.images import SCREENSHOTS
from app.demo.texts import TITLE, load_posts
from app.domain.counters import audit
from app.domain.permissions import OPERATOR
from app.domain.portals import bootstrap
from app.domain.portals.bootstrap import FirstPortal
from app.domain.posts.attachments import StoredFile
from app.domain.sql.statement import Statement
from app.domain.sql.timestamps import to_datetime
from app.domain.unit_of_work import UnitOfWork
from app.server.startup import make_first_portal
from app.settings import Settings
from tests.support import sql
from tests.support.checkout import ROOT
from tests.support.clients import Client
from tests.support.extra_servers import SECRET, make_settings, running_application
from tests.support.servers import Postgres

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MAX_SECONDS = 20
"""A start takes a few seconds; the tests may run on a slow machine, beside others."""


@dataclass
class Sample:
    """A sample portal in a database of its own, which no test changes."""

    url: str
    settings: Settings
    portal: FirstPortal
    created_at: datetime
    seconds: float

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return sql.rows(self.url, query)

    def value(self, query: str) -> Any:
        ((only,),) = self.rows(query)
        return only

    def files(self) -> set[str]:
        return {path.name for path in (self.settings.data_dir / "uploads").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def sample(engine: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The portal of a first start with `--demo`."""
    folder = tmp_path_factory.mktemp("sample")
    postgres: Postgres | None = None
    url = f"sqlite:///{folder / 'earshot.db'}"
    if engine == "postgresql":
        postgres = request.getfixturevalue("postgres")
        url = postgres.create("sample")
    asyncio.run(migrate(url))
    settings = make_settings(url, folder / "data")
    begin = utc_now()
    portal = asyncio.run(make_first_portal(settings, demo=True))
    assert portal is not None
    end = utc_now()
    yield Sample(url, settings, portal, end, (end - begin).total_seconds())
    if postgres is not None:
        postgres.drop("sample")


@pytest_asyncio.fixture
async def server(sample: Sample) -> AsyncIterator[Application]:
    """The application on the sample portal."""
    async with running_application(sample.settings, utc_now) as running:
        yield running


def test_it_is_one_product_with_boards_sections_and_categories(sample: Sample) -> None:
    assert sample.rows("SELECT title FROM portals") == [(TITLE,)]
    boards = sample.rows(
        "SELECT b.name, count(*) FROM boards b JOIN posts p ON p.board_id = b.id GROUP BY b.name ORDER BY b.name"
    )
    assert boards == [("Bug Reports", 62), ("Feature Requests", 96), ("Integrations", 42)]
    assert sample.value("SELECT count(*) FROM sections WHERE parent_id IS NOT NULL") == 3
    used_sections = sample.value("SELECT count(DISTINCT section_id) FROM posts")
    assert used_sections == sample.value("SELECT count(*) FROM sections")
    used_categories = sample.value("SELECT count(DISTINCT category_id) FROM post_categories")
    assert used_categories == sample.value("SELECT count(*) FROM categories") == 8
    # Some posts have several categories, and some none.
    assert sample.rows("SELECT post_id FROM post_categories GROUP BY post_id HAVING count(*) > 1")
    assert sample.rows("SELECT id FROM posts WHERE id NOT IN (SELECT post_id FROM post_categories)")


def test_a_few_posts_have_tags_and_two_groups_have_members(sample: Sample) -> None:
    tags = dict(sample.rows("SELECT name, count(*) FROM tags JOIN post_tags ON tag_id = tags.id GROUP BY name"))
    groups = dict(
        sample.rows("SELECT name, count(*) FROM user_groups g JOIN group_members m ON m.group_id = g.id GROUP BY name")
    )

    assert tags == {"Large customer": 3, "Needs design": 2, "Quick win": 2}
    assert groups == {"Design partners": 8, "Advisory board": 8}
    assert sample.value("SELECT count(DISTINCT user_id) FROM group_members") == 12


def test_the_sections_of_a_post_belong_to_the_tab_of_its_status(sample: Sample) -> None:
    mismatches = sample.rows(
        "SELECT p.title FROM posts p JOIN statuses s ON s.id = p.status_id JOIN sections c ON c.id = p.section_id "
        "WHERE c.tab_id <> s.tab_id"
    )
    assert mismatches == []


def test_no_title_and_no_text_occurs_twice(sample: Sample) -> None:
    titles = [title for (title,) in sample.rows("SELECT title FROM posts")]
    descriptions = [description for (description,) in sample.rows("SELECT description FROM posts")]
    bodies = [body for (body,) in sample.rows("SELECT body FROM comments")]

    assert len(titles) == 200
    # Some posts have no description, and clients of Astuto's dialect do not expect null.
    assert None not in descriptions
    assert 0 < descriptions.count("") < 10
    texts = [*titles, *(description for description in descriptions if description), *bodies]
    assert [title for title, count in Counter(texts).items() if count > 1] == []
    assert len(bodies) > 300


def test_a_few_posts_have_hundreds_of_votes_and_most_have_few(sample: Sample) -> None:
    counts = sorted((count for (count,) in sample.rows("SELECT votes_count FROM posts")), reverse=True)

    assert counts[0] > 400
    assert 5 <= sum(count >= 100 for count in counts) <= 10
    assert median(counts) < 15
    # The ten posts with the most votes have more than a quarter of all votes.
    assert sum(counts[:10]) > sum(counts) / 4
    assert sample.value("SELECT min(votes_count) FROM posts WHERE moderation = 'approved'") == 1


def test_the_first_posts_have_an_anonymous_vote(sample: Sample) -> None:
    voted = sample.rows("SELECT post_id FROM votes WHERE user_id IS NULL")
    newest = sample.rows(f"SELECT id FROM posts ORDER BY created_at DESC, id DESC LIMIT {ACTIVE_POSTS}")

    assert sorted(voted) == sorted(newest)


def test_at_least_forty_people_write_and_hundreds_only_vote(sample: Sample) -> None:
    writers = sample.value("SELECT count(*) FROM users WHERE posts_count + comments_count > 0")
    voters = sample.value("SELECT count(*) FROM users WHERE posts_count + comments_count = 0 AND votes_count > 0")

    assert writers >= 40
    assert voters >= 300
    # Nobody is registered and does nothing, except the owner.
    assert writers + voters + 1 == sample.value("SELECT count(*) FROM users")
    assert sample.value("SELECT count(DISTINCT name) FROM users") == writers + voters + 1
    assert sample.rows("SELECT name FROM users WHERE role IN ('moderator', 'admin') AND comments_count = 0") == []


def test_some_posts_are_pending_and_some_were_rejected_after_their_creation(sample: Sample) -> None:
    states = dict(sample.rows("SELECT moderation, count(*) FROM posts GROUP BY moderation"))

    assert states == {"approved": 190, "pending": 6, "rejected": 4}
    assert sample.rows("SELECT id FROM posts WHERE moderation <> 'approved' AND votes_count + comments_count > 0") == []
    rejected = sample.rows("SELECT created_at, updated_at FROM posts WHERE moderation = 'rejected'")
    assert all(created_at < updated_at for created_at, updated_at in rejected)
    assert sample.value("SELECT count(*) FROM facts WHERE kind = 'post.rejected'") == 4


def test_the_dates_cover_a_year_and_are_in_a_possible_order(sample: Sample) -> None:
    created_at = [to_datetime(at) for (at,) in sample.rows("SELECT created_at FROM posts ORDER BY id")]
    assert created_at == sorted(created_at)
    assert timedelta(days=DAYS - 20) < sample.created_at - created_at[0] <= timedelta(days=DAYS)
    assert sample.created_at - created_at[-1] < timedelta(days=2)
    # The portal grows.
    assert sample.created_at - created_at[100] < timedelta(days=DAYS / 2)

    for table in ("votes", "comments", "status_changes"):
        before_post = f"SELECT t.id FROM {table} t JOIN posts p ON p.id = t.post_id WHERE t.created_at < p.created_at"
        before_user = f"SELECT t.id FROM {table} t JOIN users u ON u.id = t.user_id WHERE t.created_at < u.created_at"
        assert sample.rows(before_post) == sample.rows(before_user) == []
        assert to_datetime(sample.value(f"SELECT max(created_at) FROM {table}")) <= sample.created_at
    assert (
        sample.rows("SELECT p.id FROM posts p JOIN users u ON u.id = p.user_id WHERE p.created_at < u.created_at") == []
    )
    early_replies = (
        "SELECT c.id FROM comments c JOIN comments r ON r.id = c.parent_id WHERE c.created_at <= r.created_at"
    )
    assert sample.rows(early_replies) == []


def test_statuses_change_step_by_step_with_official_updates(sample: Sample) -> None:
    statuses = dict(
        sample.rows("SELECT s.name, count(*) FROM posts p JOIN statuses s ON s.id = p.status_id GROUP BY s.name")
    )
    assert statuses.keys() == {"New", "Planned", "In Progress", "Completed", "Rejected"}
    assert min(statuses.values()) >= 10
    histories: dict[str, list[str]] = {}
    for title, status in sample.rows(
        "SELECT p.title, s.name FROM status_changes c JOIN posts p ON p.id = c.post_id "
        "JOIN statuses s ON s.id = c.status_id ORDER BY c.created_at, c.id"
    ):
        histories.setdefault(title, []).append(status)
    assert {post.title: [status for status, _ in post.history] for post in load_posts() if post.history} == histories
    assert sum(len(history) == 3 for history in histories.values()) >= 10
    # Votes end where the status does not accept them.
    assert not sample.rows(
        "SELECT v.id FROM votes v JOIN posts p ON p.id = v.post_id JOIN statuses s ON s.id = p.status_id "
        "WHERE NOT s.is_voteable AND v.created_at > p.status_changed_at"
    )

    updates = sample.rows(
        "SELECT c.created_at, p.created_at, u.role FROM comments c JOIN posts p ON p.id = c.post_id "
        "JOIN users u ON u.id = c.user_id WHERE c.official"
    )
    assert len(updates) >= 100
    assert all(at > posted_at and role in ("moderator", "admin") for at, posted_at, role in updates)
    changes = {at for (at,) in sample.rows("SELECT created_at FROM status_changes")}
    assert {at for at, _, _ in updates} <= changes


def test_it_has_plans_companies_feedback_and_a_product_vision(sample: Sample) -> None:
    plans = sample.rows(
        "SELECT plan, company FROM users WHERE plan IS NOT NULL GROUP BY plan, company ORDER BY company"
    )
    assert plans == [
        ("Studio", "Atelier Rosa"),
        ("Agency", "North Quay Design"),
        ("Free", "Papier & Co"),
        ("Studio", "Studio Lindgren"),
    ]
    inbox = sample.rows("SELECT f.title, f.created_at, u.created_at FROM feedback f JOIN users u ON u.id = f.user_id")
    assert len(inbox) == len({title for title, _, _ in inbox}) == 3
    assert all(created_at < given_at for _, given_at, created_at in inbox)
    assert max(to_datetime(given_at) for _, given_at, _ in inbox) < sample.created_at
    texts = ("title", "content", "vision", "target_group", "needs", "product", "business_goals")
    assert "" not in sample.rows(f"SELECT {', '.join(texts)} FROM product_visions")[0]


def test_comments_have_replies(sample: Sample) -> None:
    assert sample.value("SELECT count(*) FROM comments WHERE parent_id IS NOT NULL") >= 50
    # Nobody replies to themselves.
    assert not sample.rows(
        "SELECT c.id FROM comments c JOIN comments r ON r.id = c.parent_id WHERE c.user_id = r.user_id"
    )
    assert not sample.rows(
        "SELECT c.id FROM comments c JOIN comments r ON r.id = c.parent_id WHERE c.post_id <> r.post_id"
    )


def test_the_first_page_has_approved_posts_with_votes_and_comments(sample: Sample) -> None:
    newest = sample.rows(
        "SELECT p.moderation, s.name, p.votes_count, p.comments_count FROM posts p "
        f"JOIN statuses s ON s.id = p.status_id ORDER BY p.created_at DESC, p.id DESC LIMIT {FRESH_POSTS}"
    )
    assert {(moderation, status) for moderation, status, _, _ in newest} == {("approved", "New")}
    assert min(votes for _, _, votes, _ in newest) > 0
    assert min(comments for _, _, _, comments in newest[:ACTIVE_POSTS]) > 0


async def test_images_and_the_attachment_are_served(sample: Sample, server: Application) -> None:
    posts = [post for post in load_posts() if post.image is not None]
    assert len(posts) == len({post.image for post in posts}) == len(SCREENSHOTS) == 10
    names = {name for (name,) in sample.rows("SELECT name FROM attachments")}
    assert names == sample.files()

    async with Client(server, token=sample.portal.keys["productlift"]) as productlift:
        pages = [(await productlift.get("/posts", params={"limit": 100, "skip": skip})).json() for skip in (0, 100)]
        images = {post["title"]: post["image_main"] for page in pages for post in page["data"] if post["image_main"]}
        assert images.keys() == {post.title for post in posts}
        contents = set()
        async with Client(server, token=None, base="") as browser:
            for url in images.values():
                image = await browser.get(url)
                assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
                contents.add(image.content)
                assert Image.open(io.BytesIO(image.content)).size == (800, 450)
            ((name, original_name),) = sample.rows(
                "SELECT name, original_name FROM attachments WHERE kind = 'attachment'"
            )
            attached = await browser.get(f"/files/{name}")
        assert len(contents) == 10
        assert (attached.status_code, original_name) == (200, "timesheet-week-14.csv")
        assert attached.text.count("\n") == 4
        assert not attached.text.endswith("\n")


async def test_both_apis_list_the_posts_and_their_official_updates(sample: Sample, server: Application) -> None:
    (post_id,) = sample.rows("SELECT id FROM posts WHERE title = 'Dark mode'")[0]

    async with Client(server, token=sample.portal.keys["productlift"]) as productlift:
        posts = (await productlift.get("/posts", params={"order_by": "votes_count", "limit": 3})).json()
    async with Client(server, token=sample.portal.keys["astuto"]) as astuto:
        post = (await astuto.get(f"/posts/{post_id}")).json()
        comments = (await astuto.get("/comments", params={"post_id": post_id})).json()

    assert posts["total"] == 200
    assert posts["data"][0]["title"] == "Dark mode"
    assert (post["title"], post["post_status"]["name"]) == ("Dark mode", "In Progress")
    assert {comment["is_post_update"] for comment in comments} == {True, False}


async def test_the_counters_are_right_and_no_event_is_pending(sample: Sample, server: Application) -> None:
    context = PortalContext(sample.portal.portal_id, OPERATOR)

    assert await server.database.read(audit.find_mismatches, context) == []
    assert sample.value("SELECT count(*) FROM facts WHERE expanded_at IS NULL") == 0


def test_it_is_created_in_seconds_and_only_once(sample: Sample) -> None:
    files = sample.files()

    assert sample.seconds < MAX_SECONDS
    assert asyncio.run(make_first_portal(sample.settings, demo=True)) is None
    assert sample.files() == files


def test_a_start_without_demo_does_not_import_it() -> None:
    program = "import sys, app.server.startup; print({'app.demo', 'PIL'} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.stdout == "set()\n", done.stderr


async def test_it_is_the_same_every_time(sqlite_template: Path, tmp_path: Path) -> None:
    samples = []
    for name in ("one.db", "other.db"):
        shutil.copy(sqlite_template, tmp_path / name)
        database = SqliteDatabase(tmp_path / name, clock=lambda: NOW)
        await database.open()
        await database.write(create_sample, NO_PORTAL)
        samples.append([await database.read(lambda work, query=query: rows(work, query), NO_PORTAL) for query in SAME])
        await database.close()

    assert samples[0] == samples[1]
    assert len(samples[0][0]) == 200


SAME = (
    "SELECT id, title, description, board_id, user_id, status_id, section_id, moderation, votes_count, views_count, "
    "created_at, updated_at FROM posts ORDER BY id",
    "SELECT id, email, name, role, created_at FROM users WHERE role <> 'owner' ORDER BY id",
    "SELECT post_id, user_id, created_at FROM votes ORDER BY id",
    "SELECT post_id, user_id, parent_id, body, official, created_at FROM comments ORDER BY id",
    "SELECT post_id, status_id, user_id, created_at FROM status_changes ORDER BY id",
    "SELECT post_id, category_id FROM post_categories ORDER BY post_id, category_id",
    "SELECT id, company, plan FROM users ORDER BY id",
    "SELECT title, user_id, created_at FROM feedback ORDER BY id",
    "SELECT post_id, tag_id FROM post_tags ORDER BY post_id, tag_id",
    "SELECT group_id, user_id, created_at FROM group_members ORDER BY group_id, user_id",
)


def create_sample(work: UnitOfWork) -> None:
    assert bootstrap.create_first_portal(work, secret=SECRET.encode()) is not None
    images = {
        name: StoredFile("image", f"{number}.png", name, "image/png", 1) for number, name in enumerate(SCREENSHOTS)
    }
    names = [post.attachment[0] for post in load_posts() if post.attachment is not None]
    attachments = {name: StoredFile("attachment", name, name, "application/octet-stream", 1) for name in names}
    fill(work, files=images | attachments)


def rows(work: UnitOfWork, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in work.fetch_all(Statement(text(query), across_portals=True))]

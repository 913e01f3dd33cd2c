"""`earshot posts`, `comments`, `votes`, `follows`."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from app import backends
from app.adapters.database import Operation, PortalContext, T, utc_now
from app.adapters.storage.signed_urls import FileSigner
from app.domain.permissions import OPERATOR
from app.domain.posts import attachments, comments, create, votes
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.domain.unit_of_work import UnitOfWork
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"


def acted(cli: Cli, operation: Operation[T]) -> T:
    """Run a rule in the first portal, committed."""

    async def run() -> T:
        database = backends.open_database(Settings.load())
        await database.open()
        try:
            return await database.write(operation, PortalContext(cli.begun.portal_id, OPERATOR))
        finally:
            await database.close()

    return asyncio.run(run())


def submitted(cli: Cli, title: str = "Dark mode", **more: object) -> int:
    wish = NewPost(title=title, description="For the *eyes*", author=cli.begun.owner_id, **more)  # type: ignore[arg-type]
    return acted(cli, lambda work: create.create_post(work, wish).id)


def test_a_post_is_shown_with_all_that_no_api_shows(cli: Cli, rows: Rows) -> None:
    post = submitted(cli, status_id=1, follow=True)
    file = StoredFile(
        kind="attachment", name="a" * 32, original_name="plan.pdf", media_type="application/pdf", size=1234
    )
    acted(cli, lambda work: attachments.add(work, post_id=post, file=file))
    (code,) = rows("SELECT code FROM posts")

    shown = cli.json("posts", "show", str(post))

    assert shown == cli.json("posts", "show", code["code"])
    assert shown.pop("created_at") <= shown.pop("updated_at")
    assert shown == {
        "id": post,
        "code": code["code"],
        "slug": "dark-mode",
        "title": "Dark mode",
        "description": "For the *eyes*",
        "moderation": "approved",
        "votes": 0,
        "comments": 0,
        "views": 0,
        "position": None,
        "board": "Feature Requests",
        "status": "New",
        "section": None,
        "author_id": cli.begun.owner_id,
        "author": "Owner",
        "followers": 1,
        "categories": [],
        "files": [
            {
                "kind": "attachment",
                "name": "a" * 32,
                "original_name": "plan.pdf",
                "media_type": "application/pdf",
                "size": 1234,
                "path": "/files/" + "a" * 32,
            }
        ],
    }
    told = cli.run("posts", "show", str(post)).out
    assert "plan.pdf (attachment, 1234 bytes, /files/" in told
    assert told.endswith("\n\nFor the *eyes*\n")
    for unknown in ("77", "ABCDEF", "not a post", "99999999999999999999"):
        assert cli.refusal("posts", "show", unknown) == f"there is no post {unknown}"


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_files_of_a_post_that_is_not_approved_are_shown_with_an_address_that_works(cli: Cli, state: str) -> None:
    post, name = submitted(cli), "a" * 22
    acted(
        cli, lambda work: attachments.add(work, post_id=post, file=StoredFile("image", name, "a.png", "image/png", 5))
    )
    cli.run("posts", "set-moderation", str(post), state)

    path = cli.json("posts", "show", str(post))["files"][0]["path"]

    plain, _, query = path.partition("?")
    given = parse_qs(query)
    assert plain == f"/files/{name}"
    signer = FileSigner(Settings.load().secret, clock=utc_now)
    assert signer.is_valid(name, given["expires"][0], given["signature"][0])
    assert "a.png (image, 5 bytes, /files/" in cli.run("posts", "show", str(post)).out


def test_showing_the_files_of_such_a_post_makes_no_secret(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    post, name = submitted(cli), "a" * 22
    acted(
        cli, lambda work: attachments.add(work, post_id=post, file=StoredFile("image", name, "a.png", "image/png", 5))
    )
    cli.run("posts", "set-moderation", str(post), "pending")
    monkeypatch.delenv("EARSHOT_SECRET_KEY")

    assert cli.json("posts", "show", str(post))["files"][0]["path"] == f"/files/{name}"

    assert not (tmp_path / "data" / "secret.key").exists()


@pytest.mark.parametrize("state", ["approved", "pending"])
def test_files_are_shown_with_the_path_of_the_public_address(
    cli: Cli, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, name = submitted(cli), "a" * 22
    acted(
        cli, lambda work: attachments.add(work, post_id=post, file=StoredFile("image", name, "a.png", "image/png", 5))
    )
    cli.run("posts", "set-moderation", str(post), state)
    monkeypatch.setenv("EARSHOT_BASE_URL", "https://example.com/feedback")

    path = cli.json("posts", "show", str(post))["files"][0]["path"]

    assert path.partition("?")[0] == f"/feedback/files/{name}"


def test_a_post_gets_a_place(cli: Cli, rows: Rows) -> None:
    first, second = submitted(cli, "First"), submitted(cli, "Second")

    assert cli.json("posts", "position", str(second), "1") == {"id": second, "position": 1}

    ids = [row["id"] for row in rows("SELECT id FROM posts ORDER BY position, id")]
    assert ids == [second, first]
    assert cli.json("posts", "show", str(second))["position"] == 1
    assert cli.json("posts", "position", str(second), "none") == {"id": second, "position": None}
    assert [row["id"] for row in rows("SELECT id FROM posts ORDER BY position, id")] == [first, second]
    assert cli.refusal("posts", "position", "77", "1") == "there is no post 77"
    assert "must be a number or `none`" in cli.misuse("posts", "position", str(first), "first")


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_moderation_is_set_whatever_it_was(cli: Cli, state: str) -> None:
    post = str(submitted(cli))

    assert cli.json("posts", "set-moderation", post, state) == {"id": int(post), "moderation": state, "changed": True}
    assert cli.json("posts", "set-moderation", post, state)["changed"] is False
    assert cli.json("posts", "show", post)["moderation"] == state
    assert cli.json("posts", "set-moderation", post, "approved")["changed"] is True
    assert "must be one of approved, pending, rejected" in cli.misuse("posts", "set-moderation", post, "fine")


def test_comments_are_listed_with_the_internal_ones(cli: Cli) -> None:
    post, other = submitted(cli), submitted(cli, "Another")

    def say(work: UnitOfWork) -> None:
        for number, (where, internal) in enumerate(((post, False), (post, True), (other, False))):
            comments.create(
                work,
                post_id=where,
                author_id=cli.begun.owner_id,
                body=f"Comment {number}",
                internal=internal,
                same_post_parent=True,
                follow=False,
            )

    acted(cli, say)

    listed = cli.json("comments", "list", "--post", str(post))["comments"]
    assert [(one["id"], one["body"], one["internal"]) for one in listed] == [
        (2, "Comment 1", True),
        (1, "Comment 0", False),
    ]
    assert list(listed[0]) == [
        "id",
        "post_id",
        "parent_id",
        "author",
        "official",
        "internal",
        "pinned",
        "created_at",
        "body",
    ]
    assert [one["id"] for one in cli.json("comments", "list")["comments"]] == [3, 2, 1]
    assert [one["id"] for one in cli.json("comments", "list", "--skip", "1", "--limit", "1")["comments"]] == [2]
    assert cli.refusal("comments", "list", "--post", "77") == "there is no post 77"
    assert cli.run("votes", "list").out == "no votes\n"


def test_votes_are_listed(cli: Cli) -> None:
    post = submitted(cli)
    acted(cli, lambda work: votes.cast(work, NewVote(post=post, voter=cli.begun.owner_id)))

    (vote,) = cli.json("votes", "list", "--post", str(post))["votes"]

    assert vote.pop("created_at")
    assert vote == {"id": 1, "post_id": post, "user_id": cli.begun.owner_id, "email": OWNER, "name": "Owner"}


def test_a_follow_is_added_and_removed(cli: Cli) -> None:
    post = str(submitted(cli))
    ids = {"post_id": int(post), "user_id": cli.begun.owner_id}

    assert cli.json("follows", "add", "--post", post, "--user", OWNER) == {**ids, "changed": True}
    assert cli.json("follows", "add", "--post", post, "--user", OWNER) == {**ids, "changed": False}
    assert cli.json("posts", "show", post)["followers"] == 1
    assert cli.json("follows", "remove", "--post", post, "--user", OWNER) == {**ids, "changed": True}
    assert cli.json("follows", "remove", "--post", post, "--user", OWNER) == {**ids, "changed": False}
    assert cli.refusal("follows", "add", "--post", "77", "--user", OWNER) == "there is no post 77"
    assert cli.refusal("follows", "add", "--post", post, "--user", "77") == "there is no user 77"

"""`earshot posts`, `comments`, `votes`, `follows`."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from app import backends
from app.adapters.database import Operation, PortalContext, T, utc_now
from app.adapters.storage.signed_urls import FileSigner
from app.domain.permissions import OPERATOR
from app.domain.portals import categories, tags
from app.domain.posts import anonymous_votes, attachments, comments, create, publishing, votes
from app.domain.posts.attachments import StoredFile
from app.domain.posts.create import NewPost
from app.domain.posts.votes import NewVote
from app.settings import Settings
from tests.cli.conftest import Cli
from tests.cli.database import Rows

OWNER = "owner@example.com"


def run_operation(cli: Cli, operation: Operation[T]) -> T:
    """Run a rule in the first portal, committed."""

    async def run() -> T:
        database = backends.open_database(Settings.load())
        await database.open()
        try:
            return await database.write(operation, PortalContext(cli.first_portal.portal_id, OPERATOR))
        finally:
            await database.close()

    return asyncio.run(run())


def create_post(cli: Cli, title: str = "Dark mode", **more: object) -> int:
    new_post = NewPost(title=title, description="For the *eyes*", author=cli.first_portal.owner_id, **more)  # type: ignore[arg-type]
    return run_operation(cli, lambda work: create.create_post(work, new_post).id)


def attach(cli: Cli, post: int, file: StoredFile) -> None:
    run_operation(cli, lambda work: attachments.add(work, post_id=post, file=file))


def test_a_post_is_shown_with_fields_that_no_api_returns(cli: Cli, rows: Rows) -> None:
    post = create_post(cli, status_id=1, follow=True)
    attach(cli, post, StoredFile("attachment", "a" * 32, "plan.pdf", "application/pdf", 1234))
    (code,) = rows("SELECT code FROM posts")

    post_details = cli.json("posts", "show", str(post))

    assert post_details == cli.json("posts", "show", code["code"])
    assert post_details.pop("created_at") <= post_details.pop("updated_at")
    assert post_details == {
        "id": post,
        "code": code["code"],
        "slug": "dark-mode",
        "title": "Dark mode",
        "description": "For the *eyes*",
        "moderation": "approved",
        "published": True,
        "votes": 0,
        "comments": 0,
        "views": 0,
        "position": None,
        "board": "Feature Requests",
        "status": "New",
        "section": None,
        "author_id": cli.first_portal.owner_id,
        "author": "Owner",
        "followers": 1,
        "categories": [],
        "tags": [],
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
    output = cli.run("posts", "show", str(post)).out
    assert "plan.pdf (attachment, 1234 bytes, /files/" in output
    assert output.endswith("\n\nFor the *eyes*\n")
    for unknown in ("77", "ABCDEF", "not a post", "99999999999999999999"):
        assert cli.error("posts", "show", unknown) == f"there is no post {unknown}"


def test_a_post_is_shown_with_its_categories_and_tags(cli: Cli) -> None:
    urgent, _, later = (
        run_operation(cli, lambda work, name=name: tags.add(work, name=name)) for name in ("Urgent", "Other", "Later")
    )
    mobile = run_operation(cli, lambda work: categories.add(work, name="On mobile"))
    post = create_post(cli, category_id=mobile, tag_ids=[later, urgent])

    details = cli.json("posts", "show", str(post))
    output = cli.run("posts", "show", str(post)).out

    assert (details["categories"], details["tags"]) == (["On mobile"], ["Urgent", "Later"])
    assert re.search("^categories +On mobile$", output, re.MULTILINE)
    assert re.search("^tags +Urgent, Later$", output, re.MULTILINE)
    assert re.search("^tags +-$", cli.run("posts", "show", str(create_post(cli))).out, re.MULTILINE)


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_files_of_an_unapproved_post_are_shown_with_a_valid_url(cli: Cli, state: str) -> None:
    post, name = create_post(cli), "a" * 22
    attach(cli, post, StoredFile("image", name, "a.png", "image/png", 5))
    cli.run("posts", "set-moderation", str(post), state)

    path = cli.json("posts", "show", str(post))["files"][0]["path"]

    plain, _, query = path.partition("?")
    params = parse_qs(query)
    assert plain == f"/files/{name}"
    signer = FileSigner(Settings.load().secret, clock=utc_now)
    assert signer.is_valid(name, params["expires"][0], params["signature"][0])
    assert "a.png (image, 5 bytes, /files/" in cli.run("posts", "show", str(post)).out


def test_an_unpublished_post_is_shown_as_such(cli: Cli) -> None:
    post, other, name = create_post(cli), create_post(cli), "a" * 22
    attach(cli, post, StoredFile("image", name, "a.png", "image/png", 5))
    run_operation(cli, lambda work: publishing.toggle(work, post))

    details = cli.json("posts", "show", str(post))

    assert details["published"] is False
    assert details["files"][0]["path"].startswith(f"/files/{name}?expires=")
    assert re.search("^published +no$", cli.run("posts", "show", str(post)).out, re.MULTILINE)
    assert re.search("^published +yes$", cli.run("posts", "show", str(other)).out, re.MULTILINE)
    listed = {row["id"]: row["published"] for row in cli.json("posts", "list")["posts"]}
    assert listed == {post: False, other: True}


def test_showing_files_of_an_unapproved_post_creates_no_secret(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    post, name = create_post(cli), "a" * 22
    attach(cli, post, StoredFile("image", name, "a.png", "image/png", 5))
    cli.run("posts", "set-moderation", str(post), "pending")
    monkeypatch.delenv("EARSHOT_SECRET_KEY")

    assert cli.json("posts", "show", str(post))["files"][0]["path"] == f"/files/{name}"

    assert not (tmp_path / "data" / "secret.key").exists()


@pytest.mark.parametrize("state", ["approved", "pending"])
def test_files_are_shown_with_the_path_of_the_public_url(cli: Cli, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    post, name = create_post(cli), "a" * 22
    attach(cli, post, StoredFile("image", name, "a.png", "image/png", 5))
    cli.run("posts", "set-moderation", str(post), state)
    monkeypatch.setenv("EARSHOT_BASE_URL", "https://example.com/feedback")

    path = cli.json("posts", "show", str(post))["files"][0]["path"]

    assert path.partition("?")[0] == f"/feedback/files/{name}"


def test_the_position_of_a_post_is_set(cli: Cli, rows: Rows) -> None:
    first, second = create_post(cli, "First"), create_post(cli, "Second")

    assert cli.json("posts", "position", str(second), "1") == {"id": second, "position": 1}

    ids = [row["id"] for row in rows("SELECT id FROM posts ORDER BY position, id")]
    assert ids == [second, first]
    assert cli.json("posts", "show", str(second))["position"] == 1
    assert cli.json("posts", "position", str(second), "none") == {"id": second, "position": None}
    assert [row["id"] for row in rows("SELECT id FROM posts ORDER BY position, id")] == [first, second]
    assert cli.error("posts", "position", "77", "1") == "there is no post 77"
    assert "must be a number or `none`" in cli.usage_error("posts", "position", str(first), "first")


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_the_moderation_state_is_set_from_any_state(cli: Cli, state: str) -> None:
    post = str(create_post(cli))

    assert cli.json("posts", "set-moderation", post, state) == {"id": int(post), "moderation": state, "changed": True}
    assert cli.json("posts", "set-moderation", post, state)["changed"] is False
    assert cli.json("posts", "show", post)["moderation"] == state
    assert cli.json("posts", "set-moderation", post, "approved")["changed"] is True
    assert "must be one of approved, pending, rejected" in cli.usage_error("posts", "set-moderation", post, "fine")


def test_comments_are_listed_including_internal_ones(cli: Cli) -> None:
    post, other = create_post(cli), create_post(cli, "Another")

    author = {"author_id": cli.first_portal.owner_id, "same_post_parent": True, "follow": False}
    for number, (post_id, internal) in enumerate(((post, False), (post, True), (other, False))):
        comment = {"post_id": post_id, "body": f"Comment {number}", "internal": internal, **author}
        run_operation(cli, lambda work, comment=comment: comments.create(work, **comment))  # type: ignore[misc]

    listed_comments = cli.json("comments", "list", "--post", str(post))["comments"]
    assert [(one["id"], one["body"], one["internal"]) for one in listed_comments] == [
        (2, "Comment 1", True),
        (1, "Comment 0", False),
    ]
    assert " ".join(listed_comments[0]) == "id post_id parent_id author official internal pinned created_at body"
    assert [one["id"] for one in cli.json("comments", "list")["comments"]] == [3, 2, 1]
    assert [one["id"] for one in cli.json("comments", "list", "--skip", "1", "--limit", "1")["comments"]] == [2]
    assert cli.error("comments", "list", "--post", "77") == "there is no post 77"
    assert cli.run("votes", "list").out == "no votes\n"


def test_votes_are_listed(cli: Cli) -> None:
    post = create_post(cli)
    run_operation(cli, lambda work: votes.cast(work, NewVote(post=post, voter=cli.first_portal.owner_id)))

    run_operation(cli, lambda work: anonymous_votes.cast(work, post=post, anonymous_id="visitor 7"))

    anonymous, vote = cli.json("votes", "list", "--post", str(post))["votes"]

    assert vote.pop("created_at") <= anonymous.pop("created_at")
    assert vote == {
        "id": 1,
        "post_id": post,
        "user_id": cli.first_portal.owner_id,
        "email": OWNER,
        "name": "Owner",
        "anonymous_id": None,
    }
    unknown = {"user_id": None, "email": None, "name": None}
    assert anonymous == {"id": 2, "post_id": post, **unknown, "anonymous_id": "visitor 7"}
    assert cli.run("votes", "list").out.splitlines()[1].endswith("visitor 7")


def test_a_follow_is_added_and_removed(cli: Cli) -> None:
    post = str(create_post(cli))
    ids = {"post_id": int(post), "user_id": cli.first_portal.owner_id}

    assert cli.json("follows", "add", "--post", post, "--user", OWNER) == {**ids, "changed": True}
    assert cli.json("follows", "add", "--post", post, "--user", OWNER) == {**ids, "changed": False}
    assert cli.json("posts", "show", post)["followers"] == 1
    assert cli.json("follows", "remove", "--post", post, "--user", OWNER) == {**ids, "changed": True}
    assert cli.json("follows", "remove", "--post", post, "--user", OWNER) == {**ids, "changed": False}
    assert cli.error("follows", "add", "--post", "77", "--user", OWNER) == "there is no post 77"
    assert cli.error("follows", "add", "--post", post, "--user", "77") == "there is no user 77"


def test_posts_are_listed_newest_first_with_filters_and_paging(cli: Cli) -> None:
    board = cli.json("boards", "create", "--name", "Integrations")["id"]
    statuses = {status["name"]: status["id"] for status in cli.json("statuses", "list")["statuses"]}
    new, planned = statuses["New"], statuses["Planned"]
    first = create_post(cli, "Dark mode", status_id=new)
    second = create_post(cli, "Export to a spreadsheet", board_id=board, status_id=new)
    third = create_post(cli, "Single sign-on", board_id=board, status_id=planned)
    pending = create_post(cli, "Dark modes", moderation="pending")
    rejected = create_post(cli, "Cheap watches", moderation="rejected")

    def ids(*options: str) -> list[int]:
        return [post["id"] for post in cli.json("posts", "list", *options)["posts"]]

    newest = json.loads(cli.run("posts", "list", "--board", str(board), "--limit", "1", "--json").out)["posts"][0]
    assert newest.pop("created_at").startswith("20")
    assert len(newest.pop("code")) == 6
    assert newest == {
        "id": third,
        "title": "Single sign-on",
        "moderation": "approved",
        "published": True,
        "votes": 0,
        "comments": 0,
        "board": "Integrations",
        "status": "Planned",
        "author": "Owner",
    }
    assert ids() == [rejected, pending, third, second, first]
    assert ids("--skip", "1") == [pending, third, second, first]
    assert ids("--skip", "3", "--limit", "2") == [second, first]
    assert ids("--board", str(board)) == [third, second]
    assert ids("--status", str(new)) == [second, first]
    assert ids("--board", str(board), "--status", str(new)) == [second]
    assert ids("--moderation", "pending") == [pending]
    assert ids("--moderation", "rejected") == [rejected]
    assert ids("--moderation", "rejected", "--skip", "1") == []
    # A search indexes the new posts first.
    assert ids("--search", "dark mode") == [first, pending]
    assert ids("--search", "dark mode", "--skip", "1") == [pending]
    assert ids("--search", "cheap watch") == [rejected]
    assert ids("--search", "zebra") == []
    assert cli.run("posts", "list", "--search", "zebra").out == "no posts\n"
    assert "Export to a spreadsheet" in cli.run("posts", "list").out


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize(
    ("options", "more", "count"),
    [
        ((), "4 more posts", 5),
        (("--board", "1"), "1 more post", 2),
        (("--status", "1"), "2 more posts", 3),
        (("--board", "1", "--status", "1"), "1 more post", 2),
        (("--moderation", "pending"), "1 more post", 2),
        (("--search", "dark mode"), "3 more posts", 4),
    ],
)
def test_a_cut_list_of_posts_says_how_many_follow(
    cli: Cli, form: tuple[str, ...], options: tuple[str, ...], more: str, count: int
) -> None:
    board = cli.json("boards", "create", "--name", "Integrations")["id"]
    for name, more_values in (
        ("Dark mode", {"board_id": 1}),
        ("Dark mode again", {"board_id": 1}),
        ("Dark modes", {"board_id": board}),
        ("The dark mode", {"board_id": board, "moderation": "pending", "status_id": None}),
        ("Zebras", {"board_id": board, "moderation": "pending", "status_id": None}),
    ):
        create_post(cli, name, **{"status_id": 1, **more_values})

    cut = cli.run("posts", "list", *options, "--limit", "1", *form)

    assert (cut.code, cut.err) == (0, f"earshot: {more}: add --skip 1, or a higher --limit\n")
    assert cli.run("posts", "list", *options, "--limit", str(count), *form).err == ""
    assert cli.run("posts", "list", *options, "--skip", "1", "--limit", str(count - 1), *form).err == ""
    assert cli.run("posts", "list", *options, "--skip", "9", *form).err == ""


def test_a_list_of_posts_with_a_wrong_filter_is_an_error(cli: Cli) -> None:
    assert cli.error("posts", "list", "--board", "77") == "there is no board 77"
    assert cli.error("posts", "list", "--status", "77") == "there is no status 77"
    assert cli.usage_error("posts", "list", "--board", "x") == ("Invalid value for '--board': must be a number above 0")
    assert cli.usage_error("posts", "list", "--moderation", "approved") == (
        "Invalid value for '--moderation': must be one of pending, rejected"
    )
    for other in (["--board", "1"], ["--search", "dark mode"]):
        assert cli.usage_error("posts", "list", "--moderation", "pending", *other) == (
            "Invalid value: --moderation and --search can't be combined with another filter"
        )

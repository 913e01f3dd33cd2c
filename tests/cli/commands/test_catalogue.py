"""`earshot boards`, `tabs`, `statuses`, `sections`."""

from tests.cli.conftest import Cli
from tests.cli.database import Rows


def put_post(rows: Rows, *, board: int = 1, status: int | None = None) -> int:
    """A post without rules, where a command is to find one."""
    (made,) = rows(
        "INSERT INTO posts (portal_id, code, slug, board_id, user_id, status_id, title, created_at, updated_at, "
        "status_changed_at) SELECT portal_id, 'abcdef', 'a-post', :board, id, CAST(:status AS INTEGER), 'A post', "
        "created_at, created_at, created_at FROM users RETURNING id",
        board=board,
        status=status,
    )
    return int(made["id"])


def test_boards_are_created_listed_and_edited(cli: Cli) -> None:
    made = cli.json("boards", "create", "--name", "Integrations", "--description", "Other tools")

    assert made == {
        "id": 3,
        "name": "Integrations",
        "slug": "integrations",
        "description": "Other tools",
        "default": False,
    }
    edited = cli.json("boards", "edit", "3", "--name", "Friends", "--slug", "Good Friends", "--default")
    assert edited == {
        "id": 3,
        "name": "Friends",
        "slug": "good-friends",
        "description": "Other tools",
        "default": True,
    }
    listed = cli.json("boards", "list")["boards"]
    assert [(board["id"], board["default"]) for board in listed] == [(1, False), (2, False), (3, True)]
    assert [board["id"] for board in cli.json("boards", "reorder", "3", "1")["boards"]] == [3, 1, 2]
    assert cli.refusal("boards", "create", "--name", "Friends") == "name is taken"
    assert cli.refusal("boards", "edit", "3", "--slug", "...") == "slug is not valid"
    assert cli.refusal("boards", "edit", "77", "--name", "Else") == "there is no board 77"
    assert cli.refusal("boards", "reorder", "77") == "there is no board 77"


def test_a_board_goes_with_its_posts_only_when_that_is_said(cli: Cli, rows: Rows) -> None:
    put_post(rows, board=2)

    assert cli.refusal("boards", "delete", "1").startswith("this is the default board")
    assert cli.refusal("boards", "delete", "2") == (
        "there are 1 posts on this board: add --with-posts to delete them with it"
    )
    assert rows("SELECT count(*) AS n FROM posts") == [{"n": 1}]
    rows("UPDATE users SET posts_count = 1")

    assert cli.json("boards", "delete", "2", "--with-posts") == {"id": 2, "deleted": True}

    assert rows("SELECT count(*) AS n FROM posts") == [{"n": 0}]


def test_tabs_are_created_listed_and_edited(cli: Cli) -> None:
    made = cli.json("tabs", "create", "--name", "Help", "--url", "help", "--type", "knowledgebase")

    assert made == {"id": 4, "name": "Help", "url": "help", "type": "knowledgebase"}
    assert cli.json("tabs", "create", "--name", "More", "--url", "more")["type"] == "feedback"
    assert cli.json("tabs", "edit", "help", "--url", "support") == {**made, "url": "support"}
    assert cli.json("tabs", "edit", "4", "--name", "Support")["name"] == "Support"
    assert [tab["url"] for tab in cli.json("tabs", "reorder", "support", "changelog")["tabs"]] == [
        "support",
        "changelog",
        "feedback",
        "roadmap",
        "more",
    ]
    assert cli.json("tabs", "delete", "support") == {"id": 4, "deleted": True}
    assert [tab["url"] for tab in cli.json("tabs", "list")["tabs"]] == ["changelog", "feedback", "roadmap", "more"]
    assert cli.refusal("tabs", "create", "--name", "Again", "--url", "feedback") == "url is taken"
    assert cli.refusal("tabs", "delete", "feedback") == "the tab has statuses or sections: move or delete these first"
    assert cli.refusal("tabs", "delete", "nowhere") == "there is no tab nowhere"
    assert "must be letters, digits and dashes" in cli.misuse("tabs", "create", "--name", "X", "--url", "a/b")
    assert "must be one of feedback, roadmap" in cli.misuse("tabs", "edit", "feedback", "--type", "page")


def test_statuses_are_created_listed_and_edited(cli: Cli) -> None:
    made = cli.json(
        *("statuses", "create", "--name", "In Review", "--tab", "roadmap", "--color", "#ffaa00", "--not-voteable"),
        *("--text-color", "#000", "--roadmap", "--default"),
    )

    assert made == {
        "id": 6,
        "name": "In Review",
        "tab": "Roadmap",
        "tab_id": 2,
        "color": "#ffaa00",
        "text_color": "#000",
        "roadmap": True,
        "voteable": False,
        "default": True,
    }
    bare = cli.json("statuses", "create", "--name", "Later")
    assert (bare["tab"], bare["voteable"], bare["roadmap"], bare["default"]) == ("Feedback", True, False, False)
    edited = cli.json("statuses", "edit", "6", "--voteable", "--no-roadmap", "--tab", "feedback", "--name", "Reviewed")
    assert edited == {
        **made,
        "name": "Reviewed",
        "tab": "Feedback",
        "tab_id": 1,
        "roadmap": False,
        "voteable": True,
    }
    listed = cli.json("statuses", "reorder", "5", "1")["statuses"]
    assert [status["name"] for status in listed if status["tab_id"] == 1] == ["Rejected", "New", "Reviewed", "Later"]
    assert cli.refusal("statuses", "create", "--name", "new") == "name is taken"
    assert cli.refusal("statuses", "create", "--name", "X", "--tab", "nowhere") == "there is no tab nowhere"
    assert "must be such as #0096ff" in cli.misuse("statuses", "create", "--name", "X", "--color", "red")
    assert "must not be blank" in cli.misuse("statuses", "create", "--name", " ")
    assert "must have at most 255 characters" in cli.misuse("statuses", "create", "--name", "x" * 256)


def test_a_deleted_statuss_posts_come_to_the_default(cli: Cli, rows: Rows) -> None:
    post = put_post(rows, status=2)

    assert cli.refusal("statuses", "delete", "1") == ("this is the default status: make another one the default first")
    assert cli.json("statuses", "delete", "2") == {"id": 2, "deleted": True}

    assert rows("SELECT status_id FROM posts WHERE id = :id", id=post) == [{"status_id": 1}]
    assert cli.refusal("statuses", "delete", "2") == "there is no status 2"


def test_sections_are_created_listed_and_edited(cli: Cli) -> None:
    made = cli.json("sections", "create", "--title", "This quarter", "--tab", "roadmap")
    inner = cli.json("sections", "create", "--title", "This month", "--tab", "2", "--parent", "1")

    assert made == {"id": 1, "title": "This quarter", "tab_id": 2, "parent_id": None}
    assert inner == {"id": 2, "title": "This month", "tab_id": 2, "parent_id": 1}
    assert cli.json("sections", "edit", "1", "--tab", "changelog") == {**made, "tab_id": 3}
    assert cli.json("sections", "list")["sections"][1] == {**inner, "tab_id": 3}
    assert cli.json("sections", "edit", "2", "--no-parent", "--title", "Now") == {
        "id": 2,
        "title": "Now",
        "tab_id": 3,
        "parent_id": None,
    }
    assert [one["id"] for one in cli.json("sections", "reorder", "2")["sections"]] == [2, 1]
    assert cli.json("sections", "delete", "1") == {"id": 1, "deleted": True}
    assert cli.refusal("sections", "delete", "1") == "there is no section 1"
    assert cli.refusal("sections", "create", "--title", "X", "--tab", "feedback", "--parent", "2") == (
        "parent id is on another tab, or is below the section itself"
    )
    assert "not both" in cli.misuse("sections", "edit", "2", "--no-parent", "--parent", "1")

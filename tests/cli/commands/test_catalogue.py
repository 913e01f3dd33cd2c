"""`earshot boards`, `tabs`, `statuses`, `sections`."""

from tests.cli.conftest import Cli
from tests.cli.database import Rows


def insert_post(rows: Rows, *, board: int = 1, status: int | None = None) -> int:
    """Insert a post by SQL, and return its id."""
    (created,) = rows(
        "INSERT INTO posts (portal_id, code, slug, board_id, user_id, status_id, title, created_at, updated_at, "
        "status_changed_at) SELECT portal_id, 'abcdef', 'a-post', :board, id, CAST(:status AS INTEGER), 'A post', "
        "created_at, created_at, created_at FROM users RETURNING id",
        board=board,
        status=status,
    )
    return int(created["id"])


def test_boards_are_created_listed_and_edited(cli: Cli) -> None:
    created = cli.json("boards", "create", "--name", "Integrations", "--description", "Other tools")

    board = {"id": 3, "name": "Integrations", "slug": "integrations", "description": "Other tools", "default": False}
    assert created == board
    edited = cli.json("boards", "edit", "3", "--name", "Friends", "--slug", "Good Friends", "--default")
    assert edited == {**board, "name": "Friends", "slug": "good-friends", "default": True}
    listed = cli.json("boards", "list")["boards"]
    assert [(board["id"], board["default"]) for board in listed] == [(1, False), (2, False), (3, True)]
    assert [board["id"] for board in cli.json("boards", "reorder", "3", "1")["boards"]] == [3, 1, 2]
    assert cli.error("boards", "create", "--name", "Friends") == "name is taken"
    assert cli.error("boards", "edit", "3", "--slug", "...") == "slug is not valid"
    assert cli.error("boards", "edit", "77", "--name", "Else") == "there is no board 77"
    assert cli.error("boards", "reorder", "77") == "there is no board 77"


def test_a_board_is_deleted_with_its_posts_only_with_the_option(cli: Cli, rows: Rows) -> None:
    insert_post(rows, board=2)

    assert cli.error("boards", "delete", "1").startswith("this is the default board")
    assert cli.error("boards", "delete", "2") == (
        "there are 1 posts on this board: add --with-posts to delete them with it"
    )
    assert rows("SELECT count(*) AS n FROM posts") == [{"n": 1}]
    rows("UPDATE users SET posts_count = 1")

    assert cli.json("boards", "delete", "2", "--with-posts") == {"id": 2, "deleted": True}

    assert rows("SELECT count(*) AS n FROM posts") == [{"n": 0}]


def test_tabs_are_created_listed_and_edited(cli: Cli) -> None:
    created = cli.json("tabs", "create", "--name", "Help", "--url", "help", "--type", "knowledgebase")

    assert created == {"id": 4, "name": "Help", "url": "help", "type": "knowledgebase"}
    assert cli.json("tabs", "create", "--name", "More", "--url", "more")["type"] == "feedback"
    assert cli.json("tabs", "edit", "help", "--url", "support") == {**created, "url": "support"}
    assert cli.json("tabs", "edit", "4", "--name", "Support")["name"] == "Support"
    reordered = cli.json("tabs", "reorder", "support", "changelog")["tabs"]
    assert [tab["url"] for tab in reordered] == ["support", "changelog", "feedback", "roadmap", "more"]
    assert cli.json("tabs", "delete", "support") == {"id": 4, "deleted": True}
    assert [tab["url"] for tab in cli.json("tabs", "list")["tabs"]] == ["changelog", "feedback", "roadmap", "more"]
    assert cli.error("tabs", "create", "--name", "Again", "--url", "feedback") == "url is taken"
    assert cli.error("tabs", "delete", "feedback") == "the tab has statuses or sections: move or delete these first"
    assert cli.error("tabs", "delete", "nowhere") == "there is no tab nowhere"
    assert "must be letters, digits and dashes" in cli.usage_error("tabs", "create", "--name", "X", "--url", "a/b")
    assert "must be one of feedback, roadmap" in cli.usage_error("tabs", "edit", "feedback", "--type", "page")


def test_statuses_are_created_listed_and_edited(cli: Cli) -> None:
    created = cli.json(
        *("statuses", "create", "--name", "In Review", "--tab", "roadmap", "--color", "#ffaa00", "--not-voteable"),
        *("--text-color", "#000", "--roadmap", "--default"),
    )

    assert created == {
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
    with_defaults = cli.json("statuses", "create", "--name", "Later")
    assert (with_defaults["tab"], with_defaults["voteable"], with_defaults["roadmap"], with_defaults["default"]) == (
        "Feedback",
        True,
        False,
        False,
    )
    edited = cli.json("statuses", "edit", "6", "--voteable", "--no-roadmap", "--tab", "feedback", "--name", "Reviewed")
    changes = {"name": "Reviewed", "tab": "Feedback", "tab_id": 1, "roadmap": False, "voteable": True}
    assert edited == {**created, **changes}
    listed = cli.json("statuses", "reorder", "5", "1")["statuses"]
    assert [status["name"] for status in listed if status["tab_id"] == 1] == ["Rejected", "New", "Reviewed", "Later"]
    assert cli.error("statuses", "create", "--name", "new") == "name is taken"
    assert cli.error("statuses", "create", "--name", "X", "--tab", "nowhere") == "there is no tab nowhere"
    assert "must be a color of three or six hexadecimal digits, such as '#0b57c2' or '#06c'" in cli.usage_error(
        "statuses", "create", "--name", "X", "--color", "red"
    )
    assert "must not be blank" in cli.usage_error("statuses", "create", "--name", " ")
    assert "must have at most 255 characters" in cli.usage_error("statuses", "create", "--name", "x" * 256)


def test_posts_of_a_deleted_status_get_the_default_status(cli: Cli, rows: Rows) -> None:
    post = insert_post(rows, status=2)

    assert cli.error("statuses", "delete", "1") == ("this is the default status: make another one the default first")
    assert cli.json("statuses", "delete", "2") == {"id": 2, "deleted": True}

    assert rows("SELECT status_id FROM posts WHERE id = :id", id=post) == [{"status_id": 1}]
    assert cli.error("statuses", "delete", "2") == "there is no status 2"


def test_sections_are_created_listed_and_edited(cli: Cli) -> None:
    created = cli.json("sections", "create", "--title", "This quarter", "--tab", "roadmap")
    child = cli.json("sections", "create", "--title", "This month", "--tab", "2", "--parent", "1")

    assert created == {"id": 1, "title": "This quarter", "tab_id": 2, "parent_id": None}
    assert child == {"id": 2, "title": "This month", "tab_id": 2, "parent_id": 1}
    assert cli.json("sections", "edit", "1", "--tab", "changelog") == {**created, "tab_id": 3}
    assert cli.json("sections", "list")["sections"][1] == {**child, "tab_id": 3}
    edited = cli.json("sections", "edit", "2", "--no-parent", "--title", "Now")
    assert edited == {"id": 2, "title": "Now", "tab_id": 3, "parent_id": None}
    assert [section["id"] for section in cli.json("sections", "reorder", "2")["sections"]] == [2, 1]
    assert cli.json("sections", "delete", "1") == {"id": 1, "deleted": True}
    assert cli.error("sections", "delete", "1") == "there is no section 1"
    assert cli.error("sections", "create", "--title", "X", "--tab", "feedback", "--parent", "2") == (
        "parent id is on another tab, or is below the section itself"
    )
    assert "not both" in cli.usage_error("sections", "edit", "2", "--no-parent", "--parent", "1")

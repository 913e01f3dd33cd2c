"""`earshot widgets`."""

import re
import shlex
from uuid import UUID

from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.support.checkout import ROOT


def test_widgets_are_created_listed_edited_and_deleted(cli: Cli) -> None:
    created = cli.json("widgets", "create", "--name", "Help menu")
    second = cli.json(
        *("widgets", "create", "--name", "Ideas", "--type", "embed", "--tab", "roadmap"),
        *("--frame-ancestors", "https://A.example   https://b.example:8443"),
    )

    assert str(UUID(created["id"])) == created["id"] != second["id"]
    assert created == {"id": created["id"], "name": "Help menu", "type": "widget", "tab": None, "frame_ancestors": "*"}
    assert second == {
        "id": second["id"],
        "name": "Ideas",
        "type": "embed",
        "tab": "roadmap",
        "frame_ancestors": "https://a.example https://b.example:8443",
    }
    assert cli.json("widgets", "list") == {"widgets": [created, second]}
    edited = cli.json(
        "widgets", "edit", created["id"].upper(), "--name", "Your ideas", "--tab", "2", "--type", "sidebar"
    )
    assert edited == {**created, "name": "Your ideas", "tab": "roadmap", "type": "sidebar"}
    edited = cli.json("widgets", "edit", second["id"], "--first-tab", "--frame-ancestors", "'self'")
    assert edited == {**second, "tab": None, "frame_ancestors": "'self'"}
    assert [widget["name"] for widget in cli.json("widgets", "list")["widgets"]] == ["Ideas", "Your ideas"]
    assert cli.json("widgets", "delete", created["id"]) == {"id": created["id"], "deleted": True}
    assert cli.json("widgets", "list") == {"widgets": [edited]}
    assert cli.run("widgets", "delete", second["id"]).out == f"widget {second['id']} was deleted\n"
    assert cli.run("widgets", "list").out == "no widgets\n"


def test_a_widget_keeps_the_id_that_pages_have(cli: Cli) -> None:
    old = "6F1E0A52-3c1b-4d8e-9f70-2b7f5f1c9a10"

    assert cli.json("widgets", "create", "--name", "Help", "--id", old)["id"] == old.lower()
    assert cli.error("widgets", "create", "--name", "Other", "--id", old) == (
        "a widget of this server has this id already"
    )
    assert "must be a UUID" in cli.usage_error("widgets", "create", "--name", "Other", "--id", "help")
    assert "give --name, --type, --tab, --first-tab or --frame-ancestors" in cli.usage_error("widgets", "edit", old)


def test_invalid_values_and_unknown_widgets_are_rejected(cli: Cli, rows: Rows) -> None:
    widget = cli.json("widgets", "create", "--name", "Help")["id"]
    unknown = "00000000-0000-4000-8000-000000000000"
    before = rows("SELECT * FROM widgets")

    assert "must be one of widget, sidebar, embed" in cli.usage_error("widgets", "create", "--name", "X", "--type", "x")
    assert "must be sites such as https://www.example.com" in cli.usage_error(
        "widgets", "edit", widget, "--frame-ancestors", "www.example.com"
    )
    assert "not both" in cli.usage_error("widgets", "edit", widget, "--tab", "roadmap", "--first-tab")
    assert "must not be blank" in cli.usage_error("widgets", "create", "--name", " ")
    assert cli.error("widgets", "create", "--name", "X", "--tab", "nowhere") == "there is no tab nowhere"
    assert cli.error("widgets", "edit", unknown, "--name", "X") == f"there is no widget {unknown}"
    assert cli.error("widgets", "delete", "nothing") == "there is no widget nothing"
    assert rows("SELECT * FROM widgets") == before


def test_the_commands_of_the_guide_work(cli: Cli) -> None:
    guide = (ROOT / "docs" / "operating" / "widgets.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.strip().splitlines()]
    commands += [shlex.split(line)[1:] for line in re.findall(r"`(earshot portals set private off)`", guide)]
    widget, done = "", set()
    for command in commands:
        output = cli.json(*(word.replace("UUID", widget) for word in command))

        done.add(" ".join(command[:2]))
        if command[1] == "create":
            widget = output["id"]

    assert done == {"widgets create", "widgets edit", "widgets list", "widgets delete", "portals set"}
    assert cli.json("portals", "show")["private"] is False

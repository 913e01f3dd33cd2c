"""The commands and templates of docs/operating/webhook-templates.md work."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest

from app.domain.posts.create import NewPost, create_post
from app.outbox.webhooks import liquid, liquid_limits
from app.outbox.webhooks.liquid import validate_template
from tests.cli.conftest import Cli, cli, operator_settings
from tests.cli.database import write_in_portal
from tests.support.checkout import ROOT
from tests.support.receiver import run_receiver

__all__ = ["cli", "operator_settings"]

GUIDE: Final = (ROOT / "docs" / "operating" / "webhook-templates.md").read_text(encoding="utf-8")
CONTRACT: Final = (ROOT / "docs" / "contracts" / "astuto.md").read_text(encoding="utf-8")
TEMPLATES: Final = dict(re.findall(r"`(\w+\.liquid)`:\n\n```liquid\n(.*?)```", GUIDE, re.DOTALL))
COMMANDS: Final = re.findall(r"^    ((?:printf [^|]*\|\n +)?earshot webhooks (?:.*\\\n)*.*)$", GUIDE, re.MULTILINE)
TITLE, DESCRIPTION = 'Say "hi" {{ x }} <b> & &lt;', "Two\nlines"
URL: Final = "http://127.0.0.1:8000/posts/say-hi-x-b-lt"
BODIES: Final[dict[str, Any]] = {
    "slack.liquid": {"text": f'Owner wrote <{URL}|Say "hi" {{{{ x }}}} &lt;b&gt; &amp; &amp;lt;>'},
    "jira.liquid": {
        "fields": {
            "project": {"key": "PROJECT"},
            "issuetype": {"name": "Task"},
            "summary": TITLE,
            "description": f"{DESCRIPTION}\n\n{URL}",
        }
    },
    "github.liquid": {"title": TITLE, "body": f"{DESCRIPTION}\n\n{URL}", "labels": ["Feature Requests"]},
    "trello.liquid": {"name": TITLE, "desc": f"{DESCRIPTION}\n\n{URL}"},
}


def run(cli: Cli, line: str, receiver_url: str) -> Any:
    """Run a command of the guide, with what `printf` prints before it."""
    before, _, command = line.replace("\\\n", "").rpartition("earshot ")
    arguments = shlex.split(command.replace("https://example.com/hook", receiver_url))
    if not before:
        return cli.run(*arguments)
    _, form, value = shlex.split(before.replace("|", ""))
    return cli.run(*arguments, stdin=form.replace("%s", value))


def test_the_commands_and_templates_of_the_guide_work(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "127.0.0.1")
    for name, template in {**TEMPLATES, "body.liquid": '{"text": "{{ post.title | escape_json }}"}'}.items():
        Path(name).write_text(template)
    new_post = NewPost(title=TITLE, description=DESCRIPTION, author=cli.first_portal.owner_id)
    write_in_portal(cli.first_portal.portal_id, lambda work: create_post(work, new_post))
    with run_receiver() as receiver:
        for line in COMMANDS:
            done = run(cli, line, receiver.url)
            assert done.code == 0, (line, done)

    assert {line.split("earshot webhooks ")[1].split()[0] for line in COMMANDS} == {
        *("create", "preview", "test", "log"),
    }
    assert [json.loads(request.body) for request in receiver.requests] == [{"text": TITLE}]
    created = [line.split("--body-file ")[1] for line in COMMANDS if "webhooks create" in line]
    shown = {file: cli.json("webhooks", "preview", str(number)) for number, file in enumerate(created, 1)}
    assert {file: json.loads(call["body"]) for file, call in shown.items()} == {
        **BODIES,
        "body.liquid": {"text": TITLE},
    }
    assert shown["trello.liquid"]["url"] == "https://api.trello.com/1/cards?idList=•••&key=•••&token=•••"
    assert shown["github.liquid"]["headers"] == {
        "Accept": "application/vnd.github+json",
        "Authorization": "•••",
        "X-GitHub-Api-Version": "2022-11-28",
        "Content-Type": "application/json",
    }


def test_the_message_of_the_guide_is_that_of_the_command(cli: Cli) -> None:
    (message,) = re.findall(r"^    earshot: (the template .*)$", GUIDE, re.MULTILINE)

    error = cli.error(
        *("webhooks", "create", "--dialect", "astuto", "--url", "https://example.com/", "--body-stdin"),
        stdin='{\n"a":\n"{{ post.title | escape_jsn }}"}',
    )

    assert error == message


def test_every_template_of_the_guide_parses() -> None:
    blocks = re.findall(r"```liquid\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == len(TEMPLATES) + 1
    for block in blocks:
        validate_template(block)


def test_the_limits_of_the_contract_are_those_of_the_code() -> None:
    (limits,) = re.findall(r"\*\*Limits\*\* of a template: (.*?)\n\n", CONTRACT, re.DOTALL)
    assert [float(number) for number in re.findall(r"[\d.]*\d", limits)] == [
        *(liquid.MAX_TEMPLATE, liquid.MAX_TAGS, 30, liquid.MAX_SPACE),
        *(liquid_limits.MAX_SECONDS, liquid_limits.MAX_ITEMS, liquid_limits.MAX_ITEMS),
        liquid.MAX_OUTPUT_BYTES / 1024 / 1024,
    ]

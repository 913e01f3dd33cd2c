"""The commands and messages of docs/operating/sign-in.md and portal-pages.md."""

import re
import shlex
from typing import Final

import pytest

from tests.cli.conftest import Cli, cli, operator_settings
from tests.support.checkout import ROOT

__all__ = ["cli", "operator_settings"]

PAGES: Final = {
    name: (ROOT / "docs" / "operating" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("sign-in", "portal-pages")
}
SOURCES: Final = [*(ROOT / "app").rglob("*.py"), *(ROOT / "app" / "web" / "templates").rglob("*.html")]
PROBLEMS: Final = PAGES["sign-in"].partition("\n## Problems\n")[2]
OTHER_USER: Final = {("users", "approve"): "this user does not await approval"}
"""Commands for a user in a state that no other command of the page makes."""


def list_commands(page: str) -> list[tuple[bool, list[str]]]:
    """The commands of the page's blocks, and those that tables begin with, and whether each reads standard input."""
    text = page.replace("\\\n", " ")
    pattern = r"^(?: {4,}(printf .*?\| )?earshot (.*)|\| `earshot ([^`]*)` \|.*)$"
    return [(bool(pipe), shlex.split(block or cell)) for pipe, block, cell in re.findall(pattern, text, re.MULTILINE)]


@pytest.mark.parametrize(
    ("page", "groups"), [("sign-in", {"identity-providers", "portals", "users"}), ("portal-pages", {"portals"})]
)
def test_the_commands_work_in_their_order(cli: Cli, page: str, groups: set[str]) -> None:
    commands = list_commands(PAGES[page])
    if page == "sign-in":
        # The page makes her after it lets her in.
        cli.run("users", "create", "--email", "jane@example.com")
    used = set()
    for has_input, arguments in commands:
        if arguments[:2] == ["users", "create"]:
            assert cli.run("users", "delete", "jane@example.com", "--yes").code == 0

        done = cli.run(*arguments, stdin="Correct horse 7" if has_input else "")

        used.add(arguments[0])
        refusal = OTHER_USER.get((arguments[0], arguments[1]))
        if refusal is None:
            assert done.code == 0, (arguments, done)
        else:
            assert refusal in done.err, (arguments, done)
    assert used == groups
    assert len(commands) > 8


def test_the_providers_of_the_examples_differ_in_their_settings(cli: Cli) -> None:
    for _, arguments in list_commands(PAGES["sign-in"]):
        if arguments[:2] == ["identity-providers", "create"]:
            assert cli.run(*arguments, stdin="secret").code == 0, arguments

    found = cli.json("identity-providers", "list")["identity_providers"]

    issuers = {provider["name"]: provider["issuer"] for provider in found}
    assert issuers["Google"] == "https://accounts.google.com"
    assert set(issuers) == {"Acme", "Keycloak", "Google"}
    assert [provider["roles"] for provider in found if provider["name"] == "Keycloak"] == [
        {"feedback-team": "moderator", "it": "admin"}
    ]


def test_the_messages_of_the_problems_are_those_of_the_program() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    quoted = re.findall(r"^\| \*(.+?)\*", PROBLEMS, re.MULTILINE) + re.findall(r"log: `(.+?)`", PROBLEMS)

    parts = [part.strip(" ()") for message in quoted for part in re.split(r"…|\d+", message)]
    assert len(quoted) > 8
    assert [part for part in parts if part not in source] == []

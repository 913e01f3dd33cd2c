"""The commands and programs of docs/operating/webhooks.md work."""

import hmac
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from typing import Any, Final

import pytest

from app.domain.webhooks.validation import EVENTS
from app.outbox.webhooks.signatures import sign_body
from tests.cli.conftest import Cli, cli, operator_settings
from tests.support.checkout import ROOT
from tests.support.receiver import run_receiver

__all__ = ["cli", "operator_settings"]

GUIDE: Final = (ROOT / "docs" / "operating" / "webhooks.md").read_text(encoding="utf-8")
SECRET, BODY = "s-1234567890 ü", '{"title": "Größe 🌒"}'
VARIABLES: Final = {"$URL": "https://hooks.example.com/x?key=1", "$TOKEN": "t-1234567890", "$SECRET": "s-1234567890"}


def test_the_commands_of_the_guide_work(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "127.0.0.1")
    lines = re.findall(r"^    ((?:printf .*\| )?earshot webhooks .*?)(?:  +#.*)?$", GUIDE, re.MULTILINE)
    subcommands = set()
    with run_receiver() as receiver:
        for line in lines:
            before, _, command = line.rpartition("earshot ")
            arguments = shlex.split(command.replace("https://example.com/hooks", receiver.url))
            done = cli.run(*arguments, stdin=_standard_input(before))

            subcommands.add(arguments[1])
            is_about_made_up_calls = arguments[1:] == ["replay", "71", "72"]
            assert done.code == (1 if is_about_made_up_calls else 0), (line, done)
    assert subcommands == {"create", "test", "list", "edit", "secret", "log", "replay", "enable"}
    assert len(receiver.requests) == 2


def _standard_input(pipe: str) -> str:
    """What a `printf … |` before the command prints."""
    if not pipe:
        return ""
    _, form, value, _ = shlex.split(pipe)
    return form.replace("%s", VARIABLES[value])


def _run_python(block: str, signature: str) -> bool:
    names: dict[str, Any] = {"hmac": hmac, "SECRET": SECRET, "body": BODY.encode(), "signature": signature}
    exec(block, names)
    return bool(names["is_valid"])


def _run_node(block: str, signature: str) -> bool:
    program = f"""
        const crypto = require("crypto");
        const [SECRET, body, signature] = process.argv.slice(1);
        {block}
        console.log(isValid);
    """
    done = subprocess.run(
        ["node", "-e", program, SECRET, BODY, signature], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout == "true\n"


def _run_php(block: str, signature: str) -> bool:
    program = f"[, $secret, $body, $signature] = $argv; {block} echo $is_valid ? 'true' : 'false';"
    done = subprocess.run(
        ["php", "-r", program, SECRET, BODY, signature], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout == "true"


RUNNERS: Final[dict[str, tuple[str | None, Callable[[str, str], bool]]]] = {
    "python": (None, _run_python),
    "js": ("node", _run_node),
    "php": ("php", _run_php),
}


@pytest.mark.parametrize(
    "language", [name for name, (program, _) in RUNNERS.items() if program is None or shutil.which(program)]
)
def test_the_programs_of_the_guide_verify_signatures(language: str) -> None:
    (block,) = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    verify = RUNNERS[language][1]
    signature = sign_body(BODY.encode(), SECRET, encoding="hex")

    assert verify(block, signature)
    assert not verify(block, signature[:-1] + ("0" if signature[-1] != "0" else "1"))
    assert not verify(block, signature[:-2])
    assert not verify(block, "")


def test_the_contract_describes_each_event() -> None:
    contract = (ROOT / "docs" / "contracts" / "productlift.md").read_text(encoding="utf-8")
    section = contract.partition("### 10.1 Webhooks")[2].partition("### 10.2")[0]

    assert tuple(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", section, re.MULTILINE)) == EVENTS["productlift"]

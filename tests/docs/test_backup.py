"""The backup and the restore of docs/operating/backup.md, beside a running server."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx

from tests.faults.test_crash_recovery import keys_of
from tests.support.checkout import ROOT
from tests.support.command_fixtures import compiled, folder, sqlite
from tests.support.commands import Earshot

__all__ = ["compiled", "folder", "sqlite"]

PAGE = ROOT / "docs" / "operating" / "backup.md"


def read_block(start: str) -> str:
    """The indented block of the page that begins with this text."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    (block,) = [block for block in map(textwrap.dedent, blocks) if block.startswith(start)]
    return block


def run_shell(script: str, folder: Path) -> None:
    subprocess.run(["sh", "-eu", "-c", script], cwd=folder, env=os.environ, timeout=60, check=True)


def test_a_backup_beside_a_running_server_is_complete_and_restored(sqlite: Earshot) -> None:
    place = sqlite.folder
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (place / ".env").write_text("EARSHOT_LIMIT_PAGES=off\n")
    with sqlite.serving() as serving:
        sent = {"authorization": f"Bearer {keys_of(serving)['productlift']}"}
        response = httpx.post(
            f"{serving.address}/api/v1/posts",
            headers=sent,
            data={"title": "Dark mode, please"},
            files={"attachment": ("notes.txt", b"Notes")},
            timeout=30,
        )
        assert response.status_code == 200, response.text
        run_shell(f"{read_block('backup=')}\necho $backup > name", place)
        backup = place / (place / "name").read_text().strip()
        assert serving.end() == 0
    assert {path.name for path in backup.iterdir()} == {"earshot.db", "secret.key", ".env", "uploads"}
    assert backup.stat().st_mode & 0o077 == 0

    restore = read_block("mv data data.old").partition("./manage")[0]
    run_shell(f"backup={backup}\n{restore}", place)

    done = sqlite.run("doctor")
    assert done.code == 0, done.out
    with sqlite.serving() as serving:
        posts = httpx.get(f"{serving.address}/api/v1/posts", headers=sent, timeout=30).json()["data"]
        assert [post["title"] for post in posts] == ["Dark mode, please"]
        assert serving.end() == 0
    stored = [path.read_bytes() for path in (place / "data" / "uploads").rglob("*") if path.is_file()]
    assert stored == [b"Notes"]


def test_a_plain_copy_of_the_file_lacks_the_newest_post(sqlite: Earshot) -> None:
    data = sqlite.folder / "data"
    with sqlite.serving() as serving:
        sent = {"authorization": f"Bearer {keys_of(serving)['productlift']}"}
        response = httpx.post(
            f"{serving.address}/api/v1/posts", headers=sent, data={"title": "Dark mode, please"}, timeout=30
        )
        assert response.status_code == 200, response.text
        copied = data.joinpath("earshot.db").read_bytes()
        assert serving.end() == 0

    assert b"Dark mode, please" not in copied
    assert b"Dark mode, please" in data.joinpath("earshot.db").read_bytes()


def test_the_script_of_the_service_is_valid_shell(tmp_path: Path) -> None:
    (script,) = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    shell = shutil.which("sh")
    assert shell is not None

    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")

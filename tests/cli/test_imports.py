"""A command imports what it needs: no other command's module, and the server's libraries only with `serve`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

NOT_NEEDED = (
    *("fastapi", "starlette", "PIL", "uvicorn", "jinja2", "structlog", "alembic", "app.application"),
    "app.cli.commands.boards",
)
PROGRAM = f"""
import sys
from app.cli import main
try:
    main()
finally:
    print("imported:", [name for name in {NOT_NEEDED!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [("keys", "--help"), ("keys", "list"), ("posts", "set-moderation", "1", "pending")]
)
def test_commands_do_not_import_the_server(arguments: tuple[str, ...], sqlite_template: Path, tmp_path: Path) -> None:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    (tmp_path / "earshot.db").write_bytes(sqlite_template.read_bytes())

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=tmp_path,
        env={**settings, "PYTHONPATH": str(ROOT), "EARSHOT_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.stderr.endswith("imported: []\n")
    # The template holds no portal: the database was opened and read.
    assert "Usage: earshot" in done.stdout or "there is no portal yet" in done.stderr

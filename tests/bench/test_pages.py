"""The cost of pages beside that of the lists of the APIs."""

from pathlib import Path

import pytest

from bench import run
from tests.bench.test_outbox import TINY


def test_the_cost_of_pages_is_reported_in_lists_of_both_apis(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.main(["--quick", "--only", "pages", "--builtin", "--duration", "0.2", "--cache", str(tmp_path), *TINY])

    output = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == [
        "list of astuto", "list of productlift", "home page", "home page, newest", "page of a post", "roadmap",
    ]  # fmt: skip
    assert all(float(row[1]) > 0 for row in rows)
    assert rows[0][2] == rows[1][3] == "1.0"
    assert "INVALID" not in output

"""The cost of pages beside that of the lists of the APIs."""

from pathlib import Path

import pytest

from bench import pages, run
from tests.bench.test_outbox import TINY


def test_the_cost_of_pages_is_reported_in_lists_of_both_apis(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.main(["--quick", "--only", "pages", "--builtin", "--duration", "0.1", "--cache", str(tmp_path), *TINY])

    output = capsys.readouterr().out
    lines = [line.strip("| ").split(" | ") for line in output.splitlines() if line.startswith("| ")]
    rows = {line[0]: line[1:] for line in lines[2:]}
    assert list(rows) == ["list of astuto", "list of productlift", *pages.PAGES, *pages.OF_TEAM]
    assert all(float(size) > 0 and float(cost) > 0 for size, cost, *_ in rows.values())
    assert rows["list of astuto"][2] == rows["list of productlift"][3] == "1.0"
    assert rows[pages.PLAIN][-1] == "1.0"
    assert "INVALID" not in output

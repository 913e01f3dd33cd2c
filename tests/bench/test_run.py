"""One command fills databases, starts both servers, loads them and prints the table."""

from pathlib import Path

import pytest

from bench.run import main

TINY = ["--posts", "100", "--votes", "200", "--comments", "100", "--users", "5000"]


def test_a_small_benchmark_runs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--engine", "sqlite", "--builtin", "--duration", "0.1", "--cache", str(tmp_path), *TINY])

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [
        (scenario, server)
        for scenario in ("list", "get", "vote", "create")
        for server in ("ceiling", "astuto", "productlift")
    ]
    assert [row for row in rows if "INVALID" in row[-1]] == []
    # The copies of the run are deleted; the filled databases stay.
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["ceiling", "earshot"]


def test_a_measurement_without_a_section_is_rejected_before_it_runs() -> None:
    with pytest.raises(SystemExit, match="has no place for 'hot sqlite 7 workers'"):
        main(["--engine", "sqlite", "--workers", "7", "--write"])


def test_an_unknown_name_is_rejected_with_a_list_of_valid_ones() -> None:
    with pytest.raises(SystemExit, match=r"--only knows hot, deep, .*; not heat"):
        main(["--only", "heat"])


def test_the_effect_of_idle_connections_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # With few posts, too many votes would be second ones, which are rejected.
    amounts = [*TINY, "--posts", "2000"]
    main(["--quick", "--only", "crowd", "--builtin", "--duration", "0.1", "--cache", str(tmp_path), *amounts])

    output = capsys.readouterr().out
    rows = [line.split(" | ") for line in output.splitlines() if line.startswith("| ")][2:]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [
        (scenario, server) for scenario in ("list", "get", "vote", "create") for server in ("astuto", "productlift")
    ]
    assert "INVALID" not in output
    assert "At least 250 of 250 were open; 0 that the server closed were replaced" in output

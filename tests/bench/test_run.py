"""One command fills databases, starts both servers, loads them and prints the table."""

from pathlib import Path

import pytest

from bench.run import main

TINY = ["--posts", "100", "--votes", "200", "--comments", "100", "--users", "5000"]


def test_a_tiny_benchmark_runs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--engine", "sqlite", "--builtin", "--duration", "0.1", "--cache", str(tmp_path), *TINY])

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [
        (scenario, server)
        for scenario in ("list", "get", "vote", "create")
        for server in ("ceiling", "astuto", "productlift")
    ]
    assert [row for row in rows if "INVALID" in row[-1]] == []
    # The copies of the run are gone; what was filled is kept.
    assert sorted(path.name.split("-")[0] for path in tmp_path.iterdir()) == ["ceiling", "earshot"]


def test_what_the_document_has_no_place_for_is_refused_before_it_is_measured() -> None:
    with pytest.raises(SystemExit, match="has no place for 'hot sqlite 7 workers'"):
        main(["--engine", "sqlite", "--workers", "7", "--write"])


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SystemExit, match=r"--only knows hot, deep, .*; not heat"):
        main(["--only", "heat"])


def test_what_others_lose_by_a_crowd_of_connections_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # With few posts too many votes would be second ones, which are refused.
    amounts = [*TINY, "--posts", "2000"]
    main(["--quick", "--only", "crowd", "--builtin", "--duration", "0.1", "--cache", str(tmp_path), *amounts])

    told = capsys.readouterr().out
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| ")][2:]
    assert [(row[0].strip("| "), row[1]) for row in rows] == [
        (scenario, server) for scenario in ("list", "get", "vote", "create") for server in ("astuto", "productlift")
    ]
    assert "INVALID" not in told
    assert "Held at the least 250 of 250; 0 that the server closed were replaced" in told

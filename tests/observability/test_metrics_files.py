"""The files in which the processes of a server share their metrics."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.http.request import RequestContext
from app.observability.metrics import FILE_BYTES, create_files, metrics_files
from tests.observability.test_metrics import Labels, at, samples_of
from tests.support.checkout import ROOT


def request_for(method: str, route_path: str) -> RequestContext:
    request = RequestContext({"method": method, "headers": (), "query_string": b""}, lambda: None, path="/")  # type: ignore[arg-type,return-value]
    request.route_path = route_path
    return request


REQUESTS = """
import os, sys
from pathlib import Path
from app.observability.metrics import SharedMetrics, create_files
from tests.observability.test_metrics_files import request_for
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

directory = Path(sys.argv[1])
directory.mkdir()
create_files(directory, 2)


def in_process(worker, *requests):
    pid = os.fork()
    if not pid:
        note = SharedMetrics(directory, worker).for_dialect("astuto")
        for method, route_path, seconds in requests:
            note(request_for(method, route_path), 200, seconds)
        # The process ends as one that is killed does.
        os._exit(0)
    os.waitpid(pid, 0)
"""


def counted(tmp_path: Path, program: str) -> dict[str, dict[Labels, float]]:
    """The samples after a program in which processes count requests."""
    end = (
        "registry = CollectorRegistry()\nMultiProcessCollector(registry, str(directory))\n"
        "print(generate_latest(registry).decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", REQUESTS + program + end, str(tmp_path / "metrics")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return samples_of(done.stdout)


def test_a_duration_equal_to_a_bound_is_in_the_bucket_of_that_bound(tmp_path: Path) -> None:
    seconds = (0.0004, 0.0005, 0.00051, 10.0, 11.0)
    samples = counted(tmp_path, f"in_process(0, *(('GET', '/posts', seconds) for seconds in {seconds}))\n")

    buckets = [
        value
        for _, value in sorted(
            (float(dict(labels)["le"]), value)
            for labels, value in samples["earshot_request_duration_seconds_bucket"].items()
        )
    ]
    assert buckets == [2, *[3] * 12, 4, 5]
    (total,) = samples["earshot_request_duration_seconds_sum"].values()
    assert total == pytest.approx(21.00141)


def test_unknown_methods_are_counted_together(tmp_path: Path) -> None:
    samples = counted(tmp_path, "in_process(0, *((f'VERB{number}', '', 0.001) for number in range(50)))\n")

    assert samples["earshot_requests_total"] == {
        at(dialect="astuto", method="other", route="(no route)", status="200"): 50
    }


def test_a_replaced_worker_continues_its_counters(tmp_path: Path) -> None:
    samples = counted(
        tmp_path,
        "in_process(0, ('GET', '/posts', 0.001), ('GET', '/boards', 0.001))\n"
        "in_process(0, ('GET', '/boards', 0.001))\n"
        "in_process(1, ('GET', '/boards', 0.001))\n"
        "assert len(list(directory.iterdir())) == 6\n",
    )

    def of(route: str) -> Labels:
        return at(dialect="astuto", method="GET", route=route, status="200")

    assert samples["earshot_requests_total"] == {of("/posts"): 1, of("/boards"): 3}


def test_metrics_files_are_allocated_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    create_files(tmp_path / "metrics", 2)

    # A write to a page without space on the disk would kill the process.
    assert [file.stat().st_blocks * 512 >= FILE_BYTES for file in (tmp_path / "metrics").iterdir()] == [True] * 6


def test_servers_with_one_data_directory_have_separate_metrics(tmp_path: Path) -> None:
    left = tmp_path / "metrics-of-a-killed-server"
    left.mkdir()
    (left / "counter_0.db").write_bytes(b"x")

    with metrics_files(tmp_path, 1) as one, metrics_files(tmp_path, 2) as two:
        assert (len(list(one.iterdir())), len(list(two.iterdir()))) == (3, 6)
        assert set(tmp_path.iterdir()) == {one, two}
    assert list(tmp_path.iterdir()) == []


def test_metrics_files_are_removed_if_the_disk_is_full(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"), metrics_files(tmp_path, 1):
            raise AssertionError
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert list(tmp_path.iterdir()) == []

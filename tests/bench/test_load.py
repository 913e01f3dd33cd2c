"""The arithmetic of the load driver, and its placeholders."""

import random
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.client import Number, Request, fill, parse_template, to_lua
from bench.dataset import Amounts, code
from bench.load import Pressure, Run, Server, compare, line, parse_plan, table


def run(rate: float, *, errors: float = 0) -> Run:
    return Run(rate, p50=1, p99=2, longest=3, errors=errors, size=100)


def test_a_ratio_is_the_median_of_the_ratios_within_rounds() -> None:
    summed = line("list", "earshot", [run(50), run(90), run(20)], [run(100), run(100), run(80)])

    assert (summed.rate, summed.ratio, summed.lowest, summed.highest) == (50, 0.5, 0.25, 0.9)


@pytest.mark.parametrize("broken", ["earshot", "ceiling"])
def test_one_run_with_errors_makes_the_ratio_invalid(broken: str) -> None:
    fine, bad = [run(50), run(50)], [run(50), run(900, errors=0.011)]
    pair = (bad, fine) if broken == "earshot" else (fine, bad)

    summed = line("list", "earshot", *pair)

    assert not summed.valid
    assert table([summed]).splitlines()[2:] == ["| list | earshot | " + table([summed]).split("| earshot | ")[1]]
    assert table([summed]).endswith("| 1.10% | 100 | INVALID |")


def test_a_baseline_without_responses_makes_the_ratio_invalid() -> None:
    assert table([line("list", "earshot", [run(50)], [run(0, errors=1)])]).endswith("| INVALID |")


def test_a_run_without_requests_is_invalid() -> None:
    server = Server("earshot", "http://127.0.0.1:1", {"list": Request("/posts")})
    nothing = Pressure(seconds=0.1, connections=0, wrk=None)

    summed = compare([server, replace(server, name="other")], ["list"], rounds=2, pressure=nothing)

    assert [each.valid for each in summed] == [False, False]
    assert [row.rsplit(" | ", 2)[0] for row in table(summed).splitlines()[2:]] == [
        f"| list | {name} | 0 | 0.00 | 0.00 | 0 | 100.00%" for name in ("earshot", "other")
    ]
    assert table(summed).count("| 0 | INVALID |") == 2


class Empty(BaseHTTPRequestHandler):
    """Answers everything with an empty list."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


def test_a_run_of_no_duration_sends_one_request_per_connection() -> None:
    """On a busy machine the time may be over before a client has connected."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        server = Server("earshot", f"http://127.0.0.1:{listening.server_port}", {"list": Request("/posts")})

        result = Pressure(seconds=0, connections=4, wrk=None).load(server, "list")

        listening.shutdown()
        thread.join()

    assert result.errors == 0
    assert result.rate > 0


def test_one_percent_of_errors_is_valid() -> None:
    assert line("list", "earshot", [run(50, errors=0.01)], [run(100)]).valid


def test_placeholders_are_parsed_without_quotes_around_numbers() -> None:
    body = Request("/", "POST", {"post_id": "<1..9>", "user": "u-<2..30:12>", "title": "No <n> of <b>"}).body_text()

    assert parse_template(body) == (
        '{"post_id": ', Number(1, 9), ', "user": "u-', Number(2, 30, 12), '", "title": "No ', Number(), ' of <b>"}',
    )  # fmt: skip


def test_placeholders_are_replaced_within_their_range() -> None:
    parts = parse_template("/posts/<4..4>/votes/0-<7..7:3>?n=<n>")

    assert fill(parts, random.Random(), "1-2") == "/posts/4/votes/0-007?n=1-2"


def test_wrk_gets_the_same_placeholders() -> None:
    assert to_lua(parse_template('a"<1..5:3><n>'), 7) == (
        '"a\\"" .. string.format("%03d", math.random(1, 5)) .. "7-" .. thread .. "-" .. count'
    )
    assert to_lua((), 7) == '""'


def test_a_plan_gives_each_server_its_own_requests() -> None:
    [server] = parse_plan(
        {"one": {"url": "http://x", "headers": {"A": "b"}, "scenarios": {"vote": {"path": "/v", "body": {"x": 1}}}}}
    )

    request = server.scenarios["vote"]
    assert (request.method, request.all_headers(server.headers)) == (
        "GET",
        {"A": "b", "Content-Type": "application/json"},
    )


def test_shares_add_up_to_the_whole() -> None:
    amounts = Amounts(posts=7, votes=17)

    assert [amounts.share(17, post) for post in range(1, 8)] == [3, 3, 3, 2, 2, 2, 2]


def test_codes_are_unique_and_not_numeric() -> None:
    codes = [code(post) for post in range(1, 20_001)]

    assert len(set(codes)) == 20_000
    assert all(len(each) == 6 and each[0].isalpha() for each in codes)


def test_a_measurement_replaces_only_its_section_of_the_document() -> None:
    document = "a\n<!-- measured: hot sqlite -->\nold\n<!-- end -->\nb\n<!-- measured: deep sqlite -->\n<!-- end -->\n"

    assert report.insert_text(document, "hot sqlite", r"new \1") == document.replace("old", r"new \1")
    with pytest.raises(KeyError):
        report.insert_text(document, "cold sqlite", "new")


def test_the_document_has_a_section_for_every_measurement() -> None:
    from bench import outbox, pages, promises

    document = Path(report.DOCUMENT).read_text(encoding="utf-8")

    for engine in ("sqlite", "postgresql"):
        for name in ("hot", *promises.NAMED, *outbox.NAMED, *pages.NAMED):
            assert f"<!-- measured: {name} {engine} -->" in document

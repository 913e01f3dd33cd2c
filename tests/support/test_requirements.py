"""A missing tool skips a test with its reason, and fails it under REQUIRE_ALL=1."""

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from tests.support.requirements import need

def test_that_needs_a_tool():
    need("abacus", None, "it counts")

@pytest.mark.skip(reason="not today")
def test_that_is_skipped_by_a_mark():
    pass

@pytest.mark.xfail(reason="known")
def test_that_is_known_to_fail():
    assert False

def test_that_finds_its_tool():
    need("abacus", "/usr/bin/abacus", "it counts")
"""

CONFTEST = "from tests.support.requirements import pytest_make_collect_report, pytest_runtest_makereport"


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_tools=SUITE)
    pytester.makepyfile(test_whole="import pytest; pytest.importorskip('abacus', reason='no abacus here')")
    return pytester


def test_a_missing_tool_skips_with_its_reason(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)

    result = suite.runpytest_inprocess("-rs", "-p", "no:cacheprovider", "-p", "no:asyncio")

    result.assert_outcomes(passed=1, skipped=3, xfailed=1)
    result.stdout.fnmatch_lines(["*abacus is missing: it counts", "*not today"])


def test_require_all_makes_every_skip_a_failure(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")

    result = suite.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:asyncio", "--continue-on-collection-errors")

    result.assert_outcomes(passed=1, failed=1, errors=2, xfailed=1)
    result.stdout.fnmatch_lines_random(
        [
            "abacus is missing: it counts",
            "skipped, and REQUIRE_ALL=1 forbids that: not today",
            "skipped, and REQUIRE_ALL=1 forbids that: no abacus here",
        ]
    )

"""The tools that tests need: a missing one skips the test with a reason, or fails it under REQUIRE_ALL=1."""

import os
from collections.abc import Generator

import pytest


def required() -> bool:
    """Whether each skip is a failure, as in continuous integration."""
    return os.environ.get("REQUIRE_ALL") == "1"


def need(tool: str, available: object, reason: str) -> None:
    """Skip the test, or fail it under REQUIRE_ALL=1, if `tool` is not `available`.

    `reason` says what it is for, or how to install it: `need("node", shutil.which("node"), "it runs fetch")`.
    """
    if available:
        return
    missing = f"{tool} is missing: {reason}"
    if required():
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under REQUIRE_ALL=1, make every skip a failure. An expected failure stays one."""
    report = yield
    if not hasattr(report, "wasxfail"):
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under REQUIRE_ALL=1, make the skip of a whole module a failure."""
    report = yield
    fail_if_skipped(report)
    return report


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a skip a failure with the reason, which pytest gives as (path, line, reason)."""
    if required() and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, and REQUIRE_ALL=1 forbids that: {str(reason).removeprefix('Skipped: ')}"

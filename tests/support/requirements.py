"""What tests need of the machine: a missing tool skips with its reason, or fails where nothing may be skipped."""

import os
from collections.abc import Generator

import pytest


def required() -> bool:
    """Tell whether this run may skip nothing, as continuous integration has it."""
    return os.environ.get("REQUIRE_ALL") == "1"


def need(tool: str, found: object, reason: str) -> None:
    """Go on when `found` is true; otherwise skip and say which `tool` is missing, or fail under REQUIRE_ALL=1.

    `reason` says what it is for, or how to get it: `need("node", shutil.which("node"), "it runs the fetch samples")`.
    """
    if found:
        return
    missing = f"{tool} is missing: {reason}"
    if required():
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under REQUIRE_ALL=1 turn every skip into a failure, however it was asked for. An expected failure stays one."""
    report = yield
    if required() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and REQUIRE_ALL=1 forbids that: {skip_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Under REQUIRE_ALL=1 turn the skip of a whole module into a failure."""
    report = yield
    if required() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and REQUIRE_ALL=1 forbids that: {skip_reason(report.longrepr)}"
    return report


def skip_reason(longrepr: object) -> str:
    """Take the reason out of pytest's (path, line, reason)."""
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")

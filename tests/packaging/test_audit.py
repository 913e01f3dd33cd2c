"""The audit of dependencies tells apart: a vulnerability, none, and no service that could be reached."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkout import ROOT
from tests.support.http_server import serve_http
from tests.support.processes import free_port

MANAGE = ROOT / "manage"
LOCKED = "".join(
    f"{name}=={version} --hash=sha256:{'0' * 64}\n" for name, version in (("jinja2", "3.1.6"), ("pillow", "13.0.0"))
)
FLAW = {
    "id": "GHSA-test-test-test",
    "modified": "2026-01-01T00:00:00Z",
    "summary": "A flaw",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
        }
    ],
}
NOT_MADE = "audit: NOT MADE: no service could be reached, for the reasons above. Nothing is known about vulnerabilities"
MADE = "audit: MADE: no known vulnerability in 2 packages, says -s osv --osv-url "


class Advisories:
    """A service with OSV's interface. `flaws` are those of jinja2, `packages` the names in the requests."""

    def __init__(self) -> None:
        self.flaws: list[Any] = []
        self.packages: list[str] = []
        self.url = ""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    service = Advisories()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = json.loads(self.rfile.read(int(self.headers["content-length"])))["package"]["name"]
            service.packages.append(name)
            body = json.dumps({"vulns": service.flaws} if name == "jinja2" and service.flaws else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Log nothing."""

    with serve_http(Handler) as port:
        service.url = f"http://127.0.0.1:{port}/v1/query"
        yield service


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with two locked packages, and a uv that has nothing to install and passes pip-audit on."""
    shutil.copy(MANAGE, tmp_path / "manage")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "two.txt").write_text(LOCKED)
    pinned = next(line for line in MANAGE.read_text().splitlines() if line.startswith("UV = ")).split('"')[1]
    uv = tmp_path / ".tools" / f"uv-{pinned}" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = export ]; then for last; do :; done; exec cp two.txt "$last"; fi\n'
        'if [ "$1" = run ]; then while [ "$1" != pip-audit ]; do shift; done; shift; '
        f'exec {Path(sys.executable).parent}/pip-audit "$@"; fi\n'
    )
    uv.chmod(0o755)
    return tmp_path


def audit(checkout: Path, url: str) -> tuple[int, list[str]]:
    """The exit code, and the lines of standard error."""
    done = subprocess.run(
        [sys.executable, "manage", "audit", "-s", "osv", "--osv-url", url],
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, [line.removeprefix("manage: ") for line in done.stderr.splitlines()]


def test_a_vulnerability_fails_and_is_reported_with_the_fixed_version(checkout: Path, advisories: Advisories) -> None:
    advisories.flaws = [FLAW]

    code, lines = audit(checkout, advisories.url)

    assert sorted(advisories.packages) == ["jinja2", "pillow"]
    assert (code, lines[0]) == (1, "audit: jinja2 3.1.6 has GHSA-test-test-test, fixed in 9.9.9")
    assert lines[1].endswith("1 vulnerabilities in 2 packages: ./manage lock --upgrade")


def test_packages_without_vulnerabilities_pass_and_are_counted(checkout: Path, advisories: Advisories) -> None:
    code, lines = audit(checkout, advisories.url)

    assert (code, len(lines)) == (0, 1)
    assert lines[-1] == MADE + advisories.url


def test_an_accepted_advisory_passes_and_is_reported_with_its_reason(checkout: Path, advisories: Advisories) -> None:
    advisories.flaws = [FLAW]
    accepted = '[tool.earshot.accepted-advisories]\nGHSA-test-test-test = "nothing here calls it"\n'
    (checkout / "pyproject.toml").write_text(accepted)

    code, lines = audit(checkout, advisories.url)

    assert code == 0
    assert lines[0] == "audit: GHSA-test-test-test is accepted: nothing here calls it"
    assert lines[-1] == MADE + advisories.url


def test_an_unavailable_service_passes_and_reports_that_no_audit_was_made(checkout: Path) -> None:
    code, lines = audit(checkout, f"http://127.0.0.1:{free_port()}/v1/query")

    assert (code, lines[-1]) == (0, NOT_MADE)
    assert "no answer" in lines[0]


def test_an_index_without_advisories_is_reported_as_no_audit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A mirror has packages but not what is known of them, and pip-audit ends with success all the same."""
    loader = SourceFileLoader("manage", str(MANAGE))
    spec = spec_from_loader("manage", loader)
    assert spec is not None
    manage = module_from_spec(spec)
    loader.exec_module(manage)
    skipped = {"dependencies": [{"name": "jinja2", "skip_reason": "not found"}], "fixes": []}

    def audit_exit_code(text: str) -> Any:
        return manage.audit_exit_code(subprocess.CompletedProcess([], 0, stdout=text, stderr=""), "-s pypi")

    assert audit_exit_code(json.dumps(skipped)) is None
    assert audit_exit_code("") is None
    half = {"dependencies": [*skipped["dependencies"], {"name": "pillow", "version": "13.0.0", "vulns": []}]}
    assert audit_exit_code(json.dumps(half)) == 0
    assert capsys.readouterr().err.splitlines() == [
        "manage: audit: -s pypi: knows none of the 1 packages",
        "manage: audit: -s pypi: no answer: pip-audit ended with 0",
        "manage: audit: MADE: no known vulnerability in 1 packages, says -s pypi; 1 others are not known there",
    ]


UNSAFE = """
import hashlib, pickle, random, subprocess, tempfile

def careless(value, work):
    eval(value)
    exec(value)
    pickle.loads(value)
    subprocess.run(value, shell=True)
    hashlib.md5(value)
    random.random()
    tempfile.mktemp()
    work.run("SELECT * FROM posts WHERE title = '%s'" % value)
    password = "hunter2"
"""


@pytest.mark.parametrize("place", ["app/domain/careless.py", "app/web/careless.py", "migrations/versions/careless.py"])
def test_the_static_audit_finds_unsafe_code_in_app_and_migrations(place: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format", "json", "--stdin-filename", str(ROOT / place), "-"],
        input=UNSAFE,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    found = {problem["code"] for problem in json.loads(done.stdout)}
    assert found >= {"S307", "S102", "S301", "S602", "S324", "S311", "S306", "S608", "S105"}


def test_each_exception_from_the_static_audit_is_listed() -> None:
    """Another one needs a look, and then a line here."""
    passed = {
        (path.relative_to(ROOT).as_posix(), code)
        for path in sorted((ROOT / "app").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "# noqa:" in line
        for code in line.partition("# noqa:")[2].replace(",", " ").split()
        if code.startswith("S") and code[1:].isdigit()
    }

    assert passed == PASSED


PASSED = {
    ("app/domain/search/duplicates.py", "S608"),  # constants
    ("app/domain/search/post_index.py", "S608"),  # constants
    ("app/domain/search/post_statements.py", "S608"),  # constants
    ("app/domain/search/terms.py", "S608"),  # constants
    ("app/demo/__init__.py", "S311"),  # the same sample each time
    ("app/domain/sql/statement.py", "S608"),  # compiled expressions
    ("app/server/sockets.py", "S104"),  # compares with the address, does not listen there
    ("app/server/banner.py", "S104"),  # the same
    ("app/domain/users/one_time_tokens.py", "S105"),  # the name of a purpose
    ("app/outbox/mail/texts.py", "S704"),  # what was cleaned just before
    ("app/settings/secret_file.py", "S105"),  # the name of a file
    ("app/web/routes/portal/profile/email.py", "S105"),  # the name of a field
    ("app/web/fast_templates.py", "S704"),  # what a template has escaped
    ("app/web/markdown.py", "S704"),  # what was cleaned just before
}


def test_ci_runs_the_audit_before_the_tests() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()

    assert lines.index("./manage audit") < lines.index("REQUIRE_ALL=1 exec ./manage test")
    assert lines[-1] == "REQUIRE_ALL=1 exec ./manage test"

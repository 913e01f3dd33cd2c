"""What `.ci/run` installs, and that it starts no service by it."""

import re
import subprocess
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.proxies import PROGRAMS

SCRIPT = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_ci_installs_each_proxy_that_the_tests_need() -> None:
    for program in PROGRAMS.values():
        assert re.search(rf"^has_program {program} \|\| missing\+=\({program}(-light)?\)$", SCRIPT, re.MULTILINE), (
            program
        )
    assert re.search(r"^ +without_services as_root .* apt-get install ", SCRIPT, re.MULTILINE)


def test_ci_installs_packages_without_starting_their_services(tmp_path: Path) -> None:
    """Debian asks policy-rc.d, whose 101 forbids it; afterwards the file is as it was, whatever happened."""
    policy = tmp_path / "policy-rc.d"
    found = re.search(r"^without_services\(\) \(\n.*?^\)\n", SCRIPT, re.MULTILINE | re.DOTALL)
    assert found is not None
    function = found[0].replace("/usr/sbin/policy-rc.d", str(policy))
    assert str(policy) in function

    def run(command: str) -> tuple[int, str]:
        script = f'set -euo pipefail\nas_root() {{ "$@"; }}\n{function}without_services {command}\n'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    assert run(f"sh -c '{policy} nginx start; echo $?'") == (0, "101\n")
    assert not policy.exists()
    assert run("sh -c 'exit 7'") == (7, "")
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 0\n")
    assert run(f"cat {policy}") == (0, "#!/bin/sh\nexit 0\n")
    assert policy.exists()

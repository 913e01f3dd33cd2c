"""The systemd unit of docs/operating/systemd.md."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.requirements import need

PAGE = ROOT / "docs" / "operating" / "systemd.md"


def read_block(language: str) -> str:
    """The only code block of the page in this language."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(block)


def test_the_unit_is_verified_by_systemd(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    need("systemd-analyze", program, "it verifies the documented unit: apt-get install systemd")
    assert program is not None
    unit = tmp_path / "earshot.service"
    # The program and the user of the page need not exist here.
    text = read_block("ini").replace("/opt/earshot/bin/earshot", sys.executable)
    unit.write_text(re.sub(r"^(User|Group)=earshot$", r"\1=root", text, flags=re.MULTILINE))

    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)

    # systemd also reports mistakes in units of the machine; only those of this file are of interest.
    assert [line for line in done.stderr.splitlines() if "earshot" in line] == []


def test_the_wrapper_runs_the_program_in_the_directory_of_the_settings(tmp_path: Path) -> None:
    wrapper = tmp_path / "earshot"
    wrapper.write_text(read_block("sh"))

    done = subprocess.run(["sh", "-n", str(wrapper)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    directory = re.search(r"^WorkingDirectory=(.+)$", read_block("ini"), re.MULTILINE)
    assert directory is not None
    assert f"--chdir={directory[1]} /opt/earshot/bin/earshot" in wrapper.read_text()

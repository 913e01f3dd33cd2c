"""What docs/contributing/faults.md says of faults is shown by tests that are there."""

from tests.security.test_document import promises, unheld
from tests.support.checkout import ROOT


def test_every_documented_failure_has_a_test() -> None:
    text = (ROOT / "docs" / "contributing" / "faults.md").read_text(encoding="utf-8")
    section = text.partition("\n## When something breaks\n")[2].partition("\n## ")[0]

    assert len(promises(section)) >= 16
    assert unheld(section) == []

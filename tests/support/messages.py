"""The tables of docs/operating/messages.md."""

import re
from functools import cache

from tests.support.checkout import ROOT

PAGE = ROOT / "docs" / "operating" / "messages.md"
VARIABLE = "…"


def list_documented(page: str) -> list[str]:
    """The first cell of each row of the tables of messages and findings."""
    tables = re.findall(r"^\| (?:Message|Finding) \|.*\n\| ---.*\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    cells = [row.partition(" | ")[0].removeprefix("| ") for table in tables for row in table.splitlines()]
    return [cell.strip("`").strip() if not cell.startswith("``") else cell.strip("`")[:-1] for cell in cells]


@cache
def _pattern() -> re.Pattern[str]:
    rows = list_documented(PAGE.read_text(encoding="utf-8"))
    texts = [".+".join(map(re.escape, row.split(VARIABLE))) for row in rows if len(row) > len(VARIABLE)]
    # The name and the value of a setting precede its message.
    return re.compile(rf"(?:EARSHOT_\w+=.*: )?(?:{'|'.join(texts)})")


def is_documented(state: str) -> bool:
    """Whether the page lists this message of `serve` or finding of the doctor."""
    return _pattern().fullmatch(state) is not None

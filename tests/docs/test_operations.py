"""The table of ProductLift's operations lists exactly those that the server has, with their sections."""

import re

from tests.support.checkout import ROOT
from tests.support.clients import Client

ROW = re.compile(r"\| `([A-Z]+) (/\S+)` \| ([0-9.]+) \| (?:all|most|path|only the path) \| ([^|]+) \|\n")
BEFORE_75 = {("GET", "/tabs/{}/fetch")}
"""Operations of the older reference alone."""


def without_names(path: str) -> str:
    """The path without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", path)


async def test_the_table_lists_exactly_the_operations_that_are_served(anyone: Client) -> None:
    listed = ROW.findall((ROOT / "docs" / "compatibility.md").read_text())

    document = (await anyone.of(None, base="/productlift/api/v1").get("/openapi.json")).json()
    served = {
        (method.upper(), without_names(path))
        for path, operations in document["paths"].items()
        for method in operations
        # PUT does what PATCH does.
        if not (method == "put" and "patch" in operations)
    }
    assert len(listed) == 75
    assert {(method, without_names(path)) for method, path, _, _ in listed} == served - BEFORE_75


def test_every_section_of_the_table_is_in_the_contract() -> None:
    contract = (ROOT / "docs" / "contracts" / "productlift.md").read_text()
    sections = {section for _, _, section, _ in ROW.findall((ROOT / "docs" / "compatibility.md").read_text())}

    assert {section for section in sections if f"\n### {section} " not in contract} == set()

"""How a command answers: for people in words and columns, for scripts as one JSON object."""

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
import typer

MOST_SHOWN: Final = 60
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def print_result(answer: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print an answer: the text, or the object."""
    typer.echo(orjson.dumps(answer).decode() if as_json else text)


def print_table(name: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows that all have the same members: as columns, or as one object with a list called `name`."""
    print_result({name: list(rows)}, format_table(rows) if rows else f"no {name}", as_json=as_json)


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under each other, each column as wide as its widest cell; long cells are cut on a terminal only."""
    names = list(rows[0])
    most = MOST_SHOWN if sys.stdout.isatty() else sys.maxsize
    cells = [[name.replace("_", " ") for name in names], *([_cell(row[name], most) for name in names] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _cell(value: Any, most: int) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # People's texts must not move the cursor, nor break the columns.
    text = CONTROL_CHARACTERS.sub(" ", str(value))
    return text if len(text) <= most else text[: most - 1] + "…"

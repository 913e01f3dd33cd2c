"""The output of a command: text and tables for people, or one JSON object for scripts."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson
import typer

MAX_CELL_CHARACTERS: Final = 60
MIN_NAME_WIDTH: Final = 14
CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the operator on standard error, so that a script reads only the result."""

    text: str
    with_json: bool
    """Whether it is printed with --json, too."""


Output: TypeAlias = tuple[Mapping[str, Any], str] | tuple[Mapping[str, Any], str, Note | None]
"""What a command prints: the result as JSON, or the text; and a note."""


def print_result(result: Mapping[str, Any], text: str, note: Note | None = None, *, as_json: bool) -> None:
    """Print the text, or the result as JSON, and the note."""
    typer.echo(orjson.dumps(result).decode() if as_json else text)
    if note is not None and (note.with_json or not as_json):
        typer.echo(f"earshot: {note.text}", err=True)


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
    """Rows, which all have the same keys: as a JSON object with a list called `name`, and as a table."""
    all_rows = list(rows)
    return {name: all_rows}, format_table(all_rows) if all_rows else f"no {name}"


def page(name: str, rows: Iterable[Mapping[str, Any]], *, offset: int, total: int) -> Output:
    """As `table`, for the rows from `offset` on of `total` rows; a note says how many follow."""
    all_rows = list(rows)
    shown = offset + len(all_rows)
    if shown >= total:
        return table(name, all_rows)
    noun = name if total - shown > 1 else name.removesuffix("s")
    note = Note(f"{total - shown} more {noun}: add --skip {shown}, or a higher --limit", with_json=True)
    return *table(name, all_rows), note


def format_fields(fields: Mapping[str, Any]) -> str:
    """One line for each field, with its name."""
    width = max(MIN_NAME_WIDTH, *map(len, fields))
    return "\n".join(
        f"{name.replace('_', ' '):<{width}} {_format_cell(value, sys.maxsize)}" for name, value in fields.items()
    )


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table in which each column is as wide as its widest cell; long cells are cut on a terminal only."""
    names = list(rows[0])
    max_characters = MAX_CELL_CHARACTERS if sys.stdout.isatty() else sys.maxsize
    cells = [
        [name.replace("_", " ") for name in names],
        *([_format_cell(row[name], max_characters) for name in names] for row in rows),
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _format_cell(value: Any, max_characters: int) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A stored text must not move the cursor or break the columns.
    text = CONTROL_CHARACTERS.sub(" ", str(value))
    return text if len(text) <= max_characters else text[: max_characters - 1] + "…"

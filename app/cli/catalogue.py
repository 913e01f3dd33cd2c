"""The commands `list`, `reorder` and `delete` of boards, tabs, statuses and sections."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from app.cli.output import Output, table
from app.cli.params import id_param
from app.cli.portal_commands import read_command, write_command
from app.domain.unit_of_work import Row, UnitOfWork


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A kind of row of which a portal has a short ordered list, such as boards."""

    group: typer.Typer
    name: str
    plural: str
    list_all: Callable[[UnitOfWork], Sequence[Row]]
    serialize: Callable[[Row], dict[str, Any]]
    metavar: str = "ID"
    key_type: type[int | str] = int
    key_help: str = "As the command `list` shows it."
    find_id: Callable[[UnitOfWork, Any], int] = lambda _work, key: int(key)
    """Converts the argument of the command to the id."""

    def add_list_and_reorder(self, reorder: Callable[[UnitOfWork, Sequence[int]], None], example: str) -> None:
        """Add the commands `list` and `reorder`, the latter with an example of its arguments."""
        read_command(self.group, "list", help_text=f"List {self.plural} in their order.")(self._table)
        argument = self._argument(f"{self.metavar}...", "These come first, in this order.")
        keys_type = Annotated[list[self.key_type], argument]  # type: ignore[name-defined]
        help_text = f"Order the {self.plural}.\n\n\b\nearshot {self.plural} reorder {example}"

        @write_command(self.group, "reorder", help_text=help_text)
        def reorder_(work: UnitOfWork, keys: keys_type) -> Output:
            reorder(work, [self.find_id(work, key) for key in keys])
            return self._table(work)

    def add_delete(self, delete: Callable[[UnitOfWork, int], object], help_text: str) -> None:
        """Add the command `delete`."""
        key_type = Annotated[self.key_type, self._argument(self.metavar, self.key_help)]  # type: ignore[name-defined]

        @write_command(self.group, "delete", help_text=help_text)
        def delete_(work: UnitOfWork, key: key_type) -> Output:
            item_id = self.find_id(work, key)
            delete(work, item_id)
            return {"id": item_id, "deleted": True}, f"{self.name} {key} was deleted"

    def _table(self, work: UnitOfWork) -> Output:
        return table(self.plural, map(self.serialize, self.list_all(work)))

    def _argument(self, metavar: str, help_text: str) -> Any:
        return typer.Argument(parser=id_param if self.key_type is int else str, metavar=metavar, help=help_text)

"""The commands that boards, tabs, statuses and sections have in common: list, reorder, and the ends of the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from app.adapters.database import Operation
from app.cli.database import run_read, run_write
from app.cli.output import print_result, print_table
from app.cli.params import JsonOption, PortalOption, id_param
from app.domain.unit_of_work import Row, UnitOfWork


def _same_id(work: UnitOfWork, key: Any) -> int:
    return int(key)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One kind of thing that a portal has a short ordered list of."""

    name: str
    plural: str
    created: str
    """The message after a creation, with the names of members of `serialize` in braces."""
    get: Callable[[UnitOfWork, int], Row]
    list_all: Operation[Sequence[Row]]
    reorder: Callable[[UnitOfWork, Sequence[int]], None]
    serialize: Callable[[Row], dict[str, Any]]
    metavar: str = "ID"
    key_type: type[int | str] = int
    key_help: str = "As the command `list` shows it."
    find_id: Callable[[UnitOfWork, Any], int] = _same_id
    """From what an operator types to the id."""

    def create(self, add: Operation[int], *, portal: str | None, as_json: bool) -> None:
        """Run `add`, which returns the new id, and print the new item."""
        item = run_write(lambda work: self.serialize(self.get(work, add(work))), portal=portal)
        print_result(item, self.created.format_map(item), as_json=as_json)

    def edit(self, key: Any, change: Callable[[UnitOfWork, int], object], portal: str | None, as_json: bool) -> None:
        """Run `change` with the item's id and print the changed item."""

        def operation(work: UnitOfWork) -> dict[str, Any]:
            item_id = self.find_id(work, key)
            change(work, item_id)
            return self.serialize(self.get(work, item_id))

        print_result(run_write(operation, portal=portal), f"{self.name} {key} was changed", as_json=as_json)

    def add_list_and_reorder(self, group: typer.Typer, example: str) -> None:
        """Add the commands `list` and `reorder`, with an example of the arguments of `reorder`."""

        @group.command("list", help=f"List {self.plural} in their order.")
        def list_(portal: PortalOption = None, as_json: JsonOption = False) -> None:
            rows = run_read(self.list_all, portal=portal)
            print_table(self.plural, [self.serialize(row) for row in rows], as_json=as_json)

        argument = self._argument(f"{self.metavar}...", "These come first, in this order.")
        keys_type = Annotated[list[self.key_type], argument]  # type: ignore[name-defined]

        @group.command("reorder", help=f"Order the {self.plural}.\n\n\b\nearshot {self.plural} reorder {example}")
        def reorder(keys: keys_type, portal: PortalOption = None, as_json: JsonOption = False) -> None:
            def operation(work: UnitOfWork) -> list[dict[str, Any]]:
                self.reorder(work, [self.find_id(work, key) for key in keys])
                return [self.serialize(row) for row in self.list_all(work)]

            print_table(self.plural, run_write(operation, portal=portal), as_json=as_json)

    def add_delete(self, group: typer.Typer, delete: Callable[[UnitOfWork, int], object], help_text: str) -> None:
        """Add the command `delete`."""
        key_type = Annotated[self.key_type, self._argument(self.metavar, self.key_help)]  # type: ignore[name-defined]

        @group.command("delete", help=help_text)
        def delete_(key: key_type, portal: PortalOption = None, as_json: JsonOption = False) -> None:
            def operation(work: UnitOfWork) -> int:
                item_id = self.find_id(work, key)
                delete(work, item_id)
                return item_id

            item_id = run_write(operation, portal=portal)
            print_result({"id": item_id, "deleted": True}, f"{self.name} {key} was deleted", as_json=as_json)

    def _argument(self, metavar: str, help_text: str) -> Any:
        return typer.Argument(parser=id_param if self.key_type is int else str, metavar=metavar, help=help_text)

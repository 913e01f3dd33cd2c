"""The names of app/ follow CONTRIBUTING: functions are verbs, bounds are MAX_ or MIN_, one name has one meaning."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support.checkout import ROOT

APP = ROOT / "app"

PARTICIPLES = frozenset(
    """
    added answered asked bounded checked chosen cleaned compared counted declared drawn exposed filled formatted
    found given guarded hashed heard held joined judged kept likened listed made meant measured named narrowed noted
    opened packed parsed picked placed planned prepared refused reworded said seen sent shaped shown spoken streamed
    summed taken tidied told tried turned unescaped verified viewed wanted written adding asking building changing
    clashing counting describing finding judging listing making naming noting reading refusing saying showing
    telling writing
    """.split()  # noqa: SIM905  A list literal has a line for each word.
)
"""First words that make a call look like a value. `created`, `updated` and `unauthenticated` name HTTP responses."""

ALLOWED_CLASSES = frozenset(
    {
        *("Board", "Category", "Comment", "Feedback", "Group", "Portal", "Post", "ProductVision", "Section", "Status"),
        *("Tab", "Tag", "User", "Vote", "Widget"),
    }
)
"""A table of the domain, and the schema of the same thing in an OpenAPI document."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module of app/ by its path in the repository, and its syntax tree."""
    for path in sorted(APP.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods that other modules may call. A property is read as a value, so its name may be one."""
    for node in tree.body:
        for function in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and not function.name.startswith("_"):
                decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
                if not decorators & {"property", "cached_property"}:
                    yield function


def test_no_public_function_is_named_by_a_participle() -> None:
    assert [
        f"{module}: {function.name}"
        for module, tree in modules()
        for function in public_functions(tree)
        if function.name.split("_")[0] in PARTICIPLES
    ] == []


def test_a_bound_is_named_max_or_min() -> None:
    assert [
        f"{module}: {node.id}"
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Store)
        and (node.id in ("MOST", "LEAST") or node.id.lstrip("_").startswith(("MOST_", "LEAST_")))
    ] == []


def test_no_class_name_is_used_in_two_layers() -> None:
    layers: dict[str, set[str]] = defaultdict(set)
    for module, tree in modules():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                layers[node.name].add(Path(module).parts[1])

    assert {name: used for name, used in layers.items() if len(used) > 1 and name not in ALLOWED_CLASSES} == {}

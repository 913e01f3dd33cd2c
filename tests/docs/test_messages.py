"""docs/operating/messages.md lists every refusal of `serve`, every finding of the doctor, and no other message."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch

from app.cli.errors import error_message
from app.domain.errors import Conflict
from tests.support.checkout import ROOT

PAGE = ROOT / "docs" / "operating" / "messages.md"
VARIABLE = "…"

# The exceptions whose first argument is a message, and the files where they end a start or become a finding.
MESSAGES = {
    "app/*": {
        *("StartupError", "InvalidSettings", "ForeignSchema", "DatabaseUnusable", "Problem"),
        *("InvalidStorageUrl", "StorageUnavailable", "_bad"),
    },
    "app/adapters/database/*": {"ServiceUnavailable", "ValueError"},
    "app/adapters/database/revisions.py": {"__init__"},
    "app/settings.py": {"ValueError"},
    "app/public_url.py": {"ValueError"},
    "app/server/sockets.py": {"return _error_message"},
}
WRAPPERS = {
    # Their variable part is another message of the page.
    "EARSHOT_REDIS_URL: …",
    "EARSHOT_STORAGE_URL: …; …",
    # `Settings` has rejected such a value before.
    "EARSHOT_DATABASE_URL must begin with sqlite:/// or postgresql://",
}
OTHERS = {
    # Messages that are made in another way.
    error_message(Conflict("secret.other")),
    "its query has an option that the Redis client does not have",
    *("must be a whole number", "must be at least …", "must be at most …", "must be …"),
}


def expand(node: ast.expr, local: dict[str, list[ast.expr]]) -> list[str]:
    """The texts that an expression can have, with `local` variables; what is known at run time only is `…`."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            texts = [""]
            for part in parts:
                texts = [text + end for text in texts for end in expand(part, local)]
            return texts
        case ast.FormattedValue(value=value):
            return expand(value, local)
        case ast.IfExp(body=body, orelse=other):
            return expand(body, local) + expand(other, local)
        case ast.Name(id=name) if name in local:
            others = {other: values for other, values in local.items() if other != name}
            return [text for value in local[name] for text in expand(value, others)]
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[ast.GeneratorExp(elt=element)]):
            return expand(element, local)
    return [VARIABLE]


def find_messages(source: str, names: set[str]) -> Iterator[str]:
    """The messages in calls of these names, and in the returns of the functions that are named with `return`."""
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        local: dict[str, list[ast.expr]] = {}
        expressions = []
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    local.setdefault(name, []).append(value)
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if name in names:
                    expressions.append(first)
                case ast.Return(value=ast.expr() as value) if f"return {function.name}" in names:
                    expressions.append(value)
        for expression in expressions:
            for text in expand(expression, local):
                if re.search("[a-z]", text):
                    yield " ".join(text.split())


def list_messages() -> set[str]:
    """The messages of the code."""
    messages = set(OTHERS)
    for path in sorted((ROOT / "app").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        names = set().union(*(calls for pattern, calls in MESSAGES.items() if fnmatch(name, pattern)))
        messages.update(find_messages(path.read_text(encoding="utf-8"), names))
    return messages - WRAPPERS


def list_manage_messages() -> set[str]:
    """The errors of `./manage serve`."""
    manage = ast.parse((ROOT / "manage").read_text(encoding="utf-8"))
    steps = [
        node for node in manage.body if isinstance(node, ast.FunctionDef) and node.name in ("main", "earshot", "uv")
    ]
    return {message for step in steps for message in find_messages(ast.unparse(step), {"fail"})}


def list_documented(page: str) -> list[str]:
    """The first cell of each row of the tables of messages and findings."""
    tables = re.findall(r"^\| (?:Message|Finding) \|.*\n\| ---.*\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    cells = [row.partition(" | ")[0].removeprefix("| ") for table in tables for row in table.splitlines()]
    return [cell.strip("`").strip() if not cell.startswith("``") else cell.strip("`")[:-1] for cell in cells]


def test_the_page_lists_each_message_once() -> None:
    documented = list_documented(PAGE.read_text(encoding="utf-8"))
    messages = list_messages() | list_manage_messages()

    assert messages - set(documented) == set()
    assert set(documented) - messages == set()
    assert len(documented) == len(set(documented))


def test_messages_are_found_in_all_their_forms() -> None:
    source = """
def check(path, rows, is_small):
    what = "is small" if is_small else "is large"
    state = ", ".join(f"{len(each)} rows are wrong" for each in rows)
    if path:
        raise Problem(f"the file {path} {what}", "remove it")
    if rows:
        raise Problem(state, "repair them")
    raise Other("not listed")
"""

    assert list(find_messages(source, {"Problem"})) == [
        "the file … is small",
        "the file … is large",
        "… rows are wrong",
    ]


def test_each_message_has_a_cause_and_a_remedy() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]

    assert [row for row in rows if not row.strip("| ").partition(" | ")[2].strip()] == []

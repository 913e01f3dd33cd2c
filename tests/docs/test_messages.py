"""docs/operating/messages.md lists every refusal of `serve`, every finding of the doctor, and no other message."""

import ast
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module

import pytest

import app
from app.adapters.problem import Problem
from app.cli.errors import EXPECTED_ERRORS, CommandError
from app.domain.errors import DomainError, ServiceUnavailable
from tests.support.checkout import ROOT
from tests.support.messages import PAGE, VARIABLE, list_documented

WRAPPERS = {
    # Their variable part is another message of the page.
    f"…=… (from {place}): …"
    for place in ("--…", "the environment", "the file .env")
}
PASSED_ON = {"problem.state", "error.state", "error_message(error)"}
"""The first arguments that are the message of another problem, or of a database that stopped during the start."""
CHECKED = ("app/settings/", "app/public_url.py", "app/server/", "app/cli/doctor/")
"""Where every error that is raised is a problem with a remedy."""
OTHER_ERRORS = {"Conflict", "_explain", "_redis_problem", "describe_unreadable_file", "invalid"}
"""Conflict("secret.other") gets its text and its remedy in app/cli/errors.py. The functions return problems."""


def list_problem_classes() -> set[str]:
    """The names of `Problem` and all its subclasses."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name != "app.main":
            import_module(module.name)
    classes = [Problem]
    for each in classes:
        classes += each.__subclasses__()
    return {each.__name__ for each in classes}


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
    """The messages in calls of these names. Raises AssertionError for a call whose message can't be found."""
    tree = ast.parse(source)
    scopes = [tree, *(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))]
    calls = {}
    for scope in scopes:
        local: dict[str, list[ast.expr]] = {}
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    local.setdefault(name, []).append(value)
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in names:
                    # The innermost function comes last.
                    calls[node] = local
    for call, local in calls.items():
        first = call.args[0] if call.args else None
        assert first is not None, f"line {call.lineno}: the message must be the first argument"
        texts = [" ".join(text.split()) for text in expand(first, local)]
        unknown = [text for text in texts if not re.search("[a-z]", text)]
        assert not unknown or ast.unparse(first) in PASSED_ON, f"line {call.lineno}: can't find {ast.unparse(first)}"
        yield from (text for text in texts if text not in unknown)


def list_messages() -> set[str]:
    """The messages of the code."""
    messages = set()
    names = list_problem_classes()
    for path in sorted((ROOT / "app").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        # `NewerDatabase` makes its own message.
        messages.update(find_messages(source, names - {"NewerDatabase"}))
        if path.name == "revisions.py":
            messages.update(find_messages(source, {"__init__"}))
    return messages - WRAPPERS


def list_manage_messages() -> set[str]:
    """The errors of `./manage serve`."""
    manage = ast.parse((ROOT / "manage").read_text(encoding="utf-8"))
    steps = [
        node for node in manage.body if isinstance(node, ast.FunctionDef) and node.name in ("main", "earshot", "uv")
    ]
    return {message for step in steps for message in find_messages(ast.unparse(step), {"fail"})}


def test_the_page_lists_each_message_once() -> None:
    documented = list_documented(PAGE.read_text(encoding="utf-8"))
    messages = list_messages() | list_manage_messages()

    assert messages - set(documented) == set()
    assert set(documented) - messages == set()
    assert len(documented) == len(set(documented))


def test_messages_are_found_in_all_their_forms() -> None:
    source = """
OTHER = Problem("other data", "remove them")

def check(path, rows, is_small):
    what = "is small" if is_small else "is large"
    state = ", ".join(f"{len(each)} rows are wrong" for each in rows)
    if path:
        raise Problem(f"the file {path} {what}", "remove it")
    if rows:
        raise errors.Problem(state, "repair them")
    if is_small:
        raise Problem(problem.state, "that of another problem")
    raise Other("not listed")
"""

    assert sorted(find_messages(source, {"Problem"})) == [
        "other data",
        "the file … is large",
        "the file … is small",
        "… rows are wrong",
    ]


@pytest.mark.parametrize("argument", ["describe(error)", "text", "state=text"])
def test_a_message_that_cannot_be_found_is_an_error(argument: str) -> None:
    with pytest.raises(AssertionError, match="line 2"):
        list(find_messages(f"def check(text):\n    raise Problem({argument})", {"Problem"}))


def test_every_error_of_a_start_and_of_the_doctor_is_a_problem_with_a_remedy() -> None:
    allowed = list_problem_classes() | OTHER_ERRORS
    raised = {}
    for path in sorted((ROOT / "app").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(CHECKED):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Raise(exc=ast.Call(func=ast.Name(id=error) | ast.Attribute(attr=error))):
                        raised[f"{name}:{node.lineno}"] = error

    assert len(raised) > 40
    assert {place: error for place, error in raised.items() if error not in allowed} == {}
    assert set(EXPECTED_ERRORS) == {CommandError, DomainError, Problem, ServiceUnavailable}


def test_each_message_has_a_cause_and_a_remedy() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if row.startswith("| `")]

    assert [row for row in rows if not row.strip("| ").partition(" | ")[2].strip()] == []

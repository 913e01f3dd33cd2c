"""The errors of settings, in terms of what the operator has to write, and where."""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from app.adapters.problem import InvalidValue, Problem
from app.settings.display import shorten
from app.settings.names import is_in_environment, variable_name


class InvalidSettings(Problem):
    """A setting is invalid. The state names it, with its value."""


def invalid_setting(field: str, value: Any, problem: Problem, *, option: bool) -> InvalidSettings:
    """The error of one setting, with its value and the place where it is set: an option of a command, or a variable."""
    in_environment = is_in_environment(field, even_if_empty=True)
    place = f"--{field.replace('_', '-')}" if option else "the environment" if in_environment else "the file .env"
    return InvalidSettings(
        f"{variable_name(field)}={shorten(field, value)} (from {place}): {problem.state}", problem.remedy
    )


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file of text can't be read."""
    return str(error.strerror) if isinstance(error, OSError) else "it is not text in UTF-8"


def describe_type_error(error: ErrorDetails, info: FieldInfo) -> InvalidValue:
    """What a value of the wrong type or out of range must be."""
    limits = error.get("ctx", {})
    bounds = {
        name: value
        for each in info.metadata
        for name in ("ge", "le")
        if (value := getattr(each, name, None)) is not None
    }
    remedy = "write a number from {ge} to {le}".format(**bounds) if len(bounds) == 2 else "write another value"
    match error["type"]:
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return InvalidValue("must be a whole number", remedy)
        case "float_parsing" | "float_type" | "finite_number":
            return InvalidValue("must be a number", remedy)
        case "greater_than_equal":
            return InvalidValue(f"must be at least {limits['ge']:g}", remedy)
        case "less_than_equal":
            return InvalidValue(f"must be at most {limits['le']:g}", remedy)
        case "literal_error":
            words = str(limits["expected"]).replace(chr(39), "")
            return InvalidValue(f"must be {words}", f"write {words}")
        case _:
            return InvalidValue(f"is not valid ({error['msg']})", "`earshot settings` describes it")

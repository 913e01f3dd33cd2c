"""Describes the errors that pydantic finds in settings, in terms of what the operator has to write."""

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from app.adapters.problem import InvalidValue


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

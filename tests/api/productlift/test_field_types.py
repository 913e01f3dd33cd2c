"""Field types: which values are valid, what they are converted to, and the messages of the others."""

from functools import cache
from typing import Annotated, Any

import pytest
from pydantic import Field, create_model

from app.api.productlift.field_types import (
    UNKNOWN_ID,
    Anything,
    ArrayOf,
    Boolean,
    Color,
    Email,
    File,
    Id,
    Image,
    Integer,
    ListOf,
    MaxKilobytes,
    Reference,
    Text,
    Uuid,
)
from app.api.productlift.forms import Form
from app.api.productlift.params import RepeatedValue
from tests.api.productlift.test_forms import PNG, Direction, Percentage, collect_errors, make_upload


@cache
def make_form(field_type: Any) -> Any:
    return create_model("OneField", __base__=Form, the_field=(field_type | None, None))


def convert(field_type: Any, value: Any) -> Any:
    return make_form(field_type).parse({"the_field": value}).the_field


def collect_messages(field_type: Any, value: Any) -> list[str]:
    errors = collect_errors(make_form(field_type), {"the_field": value})
    assert list(errors) == ["the_field"]
    return errors["the_field"]


PAST_64_BITS = [2**63, -(2**63) - 1, 2**64 - 1, 2.0**64, 1e300, str(2**63), str(-(2**63) - 1), "9" * 100_000]
INTEGERS = [
    *((value, 17) for value in (17, "17", 17.0)),
    *((value, 0) for value in ("0", "-0", -0.0)),
    *((value, value) for value in (2**63 - 1, -(2**63))),
    *((str(value), value) for value in (2**63 - 1, -(2**63))),
    *(("+5", 5), ("-3", -3), (True, 1)),
]
UUID = "5d2f7b60-0c0e-11ee-be56-0242ac120002"
EMAILS = [
    "jane@example.com",
    "jane@localhost",
    "a@b",
    "Jane.O'Neil+tag@sub.example.co.uk",
    "!#$%&'*+/=?^_`{|}~-@example.com",
    "jürgen@exämple.de",
    '"jane doe"@example.com',
    '"a\\"b"@example.com',
    "jane@[127.0.0.1]",
    "1@2.3",
]


@pytest.mark.parametrize(
    ("field_type", "value", "converted"),
    [
        *((Annotated[Text, Field(min_length=1, max_length=180)], text, text) for text in ("0", "x" * 180, "日" * 180)),
        *((Annotated[Text, Field(min_length=2, max_length=180)], text, text) for text in ("ab", "😀😀", "e\u0301")),
        *((Integer, value, number) for value, number in INTEGERS),
        *((Id, value, number) for value, number in INTEGERS),
        *((field_type, value, UNKNOWN_ID) for value in PAST_64_BITS for field_type in (Id, Reference)),
        *((Reference, value, 17) for value in ("17", 17, 17.0)),
        *((Reference, value, UNKNOWN_ID) for value in ("ideas", "017", 1.5)),
        *((Boolean, value, True) for value in (True, 1, "1", "true", "TRUE", "True")),
        *((Boolean, value, False) for value in (False, 0, "0", "false", "FALSE")),
        (Direction, "asc", "asc"),
        *((Uuid, value, value) for value in (UUID, UUID.upper())),
        *((Color, value, value) for value in ("#abc", "#ABDEE6")),
        *((Email, value, value) for value in EMAILS),
        *((Anything, value, value) for value in ("0", 0, False, [], "yes", {"a": 1}, 1.5)),
        *((ListOf[Id], value, [17, 18]) for value in ([17, "18"], RepeatedValue(["17", "18"]), {3: "17", 7: "18"})),
        *((ArrayOf[Id], value, [17, 18]) for value in ([17, "18"], RepeatedValue(["17", "18"]), {3: "17", 7: "18"})),
        *((ListOf[Id], value, [17]) for value in ({"a": 17}, "17", 17)),
        *((ListOf[Id], [value, 5], [UNKNOWN_ID, 5]) for value in PAST_64_BITS),
        (ListOf[Id], [], []),
    ],
)
def test_a_valid_value_is_converted(field_type: Any, value: Any, converted: Any) -> None:
    result = convert(field_type, value)

    assert (result, type(result)) == (converted, type(converted))


ShortText = Annotated[Text, Field(min_length=2, max_length=3)]
NO_TEXT = "The the field must be a string."
NO_INTEGER = "The the field must be an integer."
AT_LEAST_1, AT_LEAST_2 = "The the field must be at least 1.", "The the field must be at least 2 characters."
AT_MOST_100 = "The the field must not be greater than 100."
NO_NUMBERS = ["017", "1.5", "1.0", "1e3", "abc", "0x1A", "٣", "1 2", "--1", "+", "1\n", 1.5, False, [], [1], {"a": 1}]
NO_UUIDS = [UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f"{UUID}\n", f"{UUID[:-1]}g", f"{UUID[:-1]}٣"]
NO_EMAILS = [
    "jane",
    "@example.com",
    "jane@",
    "jane@@example.com",
    "jane doe@example.com",
    "jane@exam ple.com",
    ".jane@example.com",
    "jane.@example.com",
    "ja..ne@example.com",
    "jane@.example.com",
    "jane@example..com",
    "jane@example.com.",
    "jane@-example.com",
    "jane@example-.com",
    "jane@example.com\n",
    "jane@example.com\r\nBcc: all@example.com",
    "jane\0@example.com",
    "Jane <jane@example.com>",
    "jane@example.com, joe@example.com",
    "jane\u200b@example.com",
    "jane\u00a0@example.com",
    "jane@exa!mple.com",
    # Patterns that backtrack take minutes for these.
    "a@" + "-" * 10**6,
    "a@" + "a-" * 10**6,
    '"' + "\\a" * 10**6,
    "a." * 10**6,
]


@pytest.mark.parametrize(
    ("field_type", "value", "messages"),
    [
        *((ShortText, value, [NO_TEXT]) for value in (123, 1.5, ["x", "y"], "a\0b", make_upload())),
        # Laravel measures values of the wrong type, too.
        *((ShortText, value, [NO_TEXT, AT_LEAST_2]) for value in (1, 1.0, True, False, [], ["x"], {"a": 1}, "\0")),
        (ShortText, list("wxyz"), [NO_TEXT, "The the field must not be greater than 3 characters."]),
        (ShortText, "x", [AT_LEAST_2]),
        (ShortText, "😀" * 4, ["The the field must not be greater than 3 characters."]),
        (Text, make_upload(is_complete=False), ["The the field failed to upload."]),
        *((Integer, value, [NO_INTEGER]) for value in NO_NUMBERS),
        *((Id, value, [NO_INTEGER]) for value in NO_NUMBERS),
        *((Percentage, value, [NO_INTEGER]) for value in [*PAST_64_BITS, [1, 2], "abc"]),
        *((Percentage, value, [AT_LEAST_1]) for value in (0, -5)),
        *((Percentage, value, [AT_MOST_100]) for value in ("101", 101.0, 2**63 - 1, str(2**63 - 1))),
        *((Percentage, value, [NO_INTEGER, AT_LEAST_1]) for value in (0.5, False, [])),
        *((Percentage, value, [NO_INTEGER, AT_MOST_100]) for value in ("100.5", "x" * 101)),
        *((Reference, value, [NO_TEXT]) for value in (True, [], [1], {"id": 1})),
        *(
            (Boolean, value, ["The the field field must be true or false."])
            for value in ("yes", "on", 2, -1, 1.0, "01", "t", [], [True], {})
        ),
        *(
            (Direction, value, ["The selected the field is invalid."])
            for value in ("ASC", "as", 1, True, ["asc"], {"asc": 1})
        ),
        *((Uuid, value, ["The the field must be a valid UUID."]) for value in [*NO_UUIDS, 5, []]),
        *(
            (Color, value, ["The the field format is invalid."])
            for value in ("#moEVFk", "#abcd", "abc", "#", "#abcdef\n", "red", 123)
        ),
        *(
            (Email, value, ["The the field must be a valid email address."])
            for value in [*NO_EMAILS, 5, True, ["jane@example.com"]]
        ),
        (
            Annotated[Email, Field(max_length=191)],
            "a" * 180 + "@example.com",
            ["The the field must not be greater than 191 characters."],
        ),
        (ListOf[Id], make_upload(), ["The the field must be an array."]),
        *((ArrayOf[Id], value, ["The the field must be an array."]) for value in (5, "5", "x", True, make_upload())),
    ],
)
def test_an_invalid_value_is_rejected_with_the_message_of_laravel(
    field_type: Any, value: Any, messages: list[str]
) -> None:
    assert collect_messages(field_type, value) == messages


def test_an_image_is_recognized_by_its_first_bytes() -> None:
    png = make_upload(PNG + b"x" * 10_000)

    assert convert(Image, png) is png
    assert png.file.tell() == 0


@pytest.mark.parametrize("value", ["text", make_upload(b"hello"), make_upload(b""), [PNG], 5, True])
def test_a_value_that_is_not_an_image_is_rejected(value: Any) -> None:
    assert collect_messages(Image, value) == ["The the field must be an image."]


@pytest.mark.parametrize("kilobytes", [20480, 5240])
def test_a_file_has_at_most_its_limit_in_bytes(kilobytes: int) -> None:
    field_type = Annotated[File, MaxKilobytes(kilobytes)]

    for size in (0, kilobytes * 1024):
        upload = make_upload(size=size)
        assert convert(field_type, upload) is upload
    assert collect_messages(field_type, make_upload(size=kilobytes * 1024 + 1)) == [
        f"The the field must not be greater than {kilobytes} kilobytes."
    ]


@pytest.mark.parametrize(
    ("field_type", "value", "messages"),
    [
        (Image, make_upload(b"GIF", size=3000), ["must be an image.", "must not be greater than 2 kilobytes."]),
        # A text is measured in characters, as Laravel does.
        (File, "xxx", ["must be a file.", "must not be greater than 2 characters."]),
        (File, make_upload(b"GIF", size=9999, is_complete=False), ["failed to upload."]),
        (Image, make_upload(b"GIF", size=9999, is_complete=False), ["failed to upload."]),
    ],
)
def test_every_error_of_a_file_is_reported(field_type: Any, value: Any, messages: list[str]) -> None:
    found = collect_messages(Annotated[field_type, MaxKilobytes(2)], value)

    assert found == [f"The the field {message}" for message in messages]

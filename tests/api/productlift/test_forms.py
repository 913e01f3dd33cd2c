"""Forms: which values are valid, the messages of the others, and what the OpenAPI document says of them."""

import io
from functools import cache
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, create_model

from app.api.productlift.field_types import (
    UNKNOWN_ID,
    Anything,
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
from app.api.productlift.forms import TAKEN, Form, FormErrors
from app.api.productlift.params import RepeatedValue, parse_params
from app.http.body import NO_BODY, Body
from app.http.multipart import Upload

PNG = b"\x89PNG\r\n\x1a\n"
Percentage = Annotated[Integer, Field(ge=1, le=100)]
Direction = Literal["asc", "desc"]


class UpdateItem(Form):
    title: Annotated[Text, Field(min_length=2, max_length=180)] | None = None
    description: Text | None = None
    category_id: Id | None = None
    user_id: Uuid | None = None
    image: Annotated[Image, MaxKilobytes(20480)] | None = None
    attachment: Annotated[File, MaxKilobytes(5240)] | None = None


class CreateItem(UpdateItem):
    title: Annotated[Text, Field(min_length=2, max_length=180)]


class ListItems(Form):
    category: Reference | None = None
    limit: Percentage | None = None
    skip: Integer | None = None
    status: ListOf[Id] | None = None
    direction: Direction | None = None


def make_upload(content: bytes = PNG, *, size: int | None = None, is_complete: bool = True) -> Upload:
    upload = Upload(file=io.BytesIO(content), size=len(content) if size is None else size, filename="a.txt")
    upload.is_complete = is_complete
    return upload


@cache
def make_form(field_type: Any) -> Any:
    return create_model("OneField", __base__=Form, the_field=(field_type | None, None))


def convert(field_type: Any, value: Any) -> Any:
    return make_form(field_type).parse({"the_field": value}).the_field


def collect_errors(form: type[Form], params: dict[str, Any], **checks: Any) -> dict[str, list[str]]:
    with pytest.raises(FormErrors) as error:
        form.parse(params, **checks)
    return error.value.errors


def collect_messages(field_type: Any, value: Any) -> list[str]:
    errors = collect_errors(make_form(field_type), {"the_field": value})
    assert list(errors) == ["the_field"]
    return errors["the_field"]


# Forms


def test_an_absent_field_is_distinguished_from_null() -> None:
    form = CreateItem.parse({"title": "Dark mode", "user_id": None, "unknown": 1})

    assert form == CreateItem(title="Dark mode", user_id=None)
    assert form.model_fields_set == {"title", "user_id"}
    assert ListItems.parse({}).model_fields_set == set()


def test_every_invalid_field_is_reported_in_the_order_of_the_form() -> None:
    params = {"attachment": "text", "image": "text", "user_id": "x", "category_id": "abc", "description": 5}

    errors = collect_errors(CreateItem, params)

    assert list(errors.items()) == [
        ("title", ["The title field is required."]),
        ("description", ["The description must be a string."]),
        ("category_id", ["The category id must be an integer."]),
        ("user_id", ["The user id must be a valid UUID."]),
        ("image", ["The image must be an image."]),
        ("attachment", ["The attachment must be a file."]),
    ]


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_an_empty_required_field_has_one_message(value: Any) -> None:
    assert collect_errors(CreateItem, {"title": value}) == {"title": ["The title field is required."]}


def test_the_last_of_several_values_of_a_plain_name_counts() -> None:
    assert ListItems.parse({"limit": RepeatedValue(["500", "5"])}).limit == 5
    assert ListItems.parse({"limit": RepeatedValue(["5", None])}) == ListItems(limit=None)
    assert collect_errors(ListItems, {"limit": RepeatedValue(["5", "500"])}) == {
        "limit": ["The limit must not be greater than 100."]
    }
    assert collect_errors(CreateItem, {"title": RepeatedValue(["Dark", None])}) == {
        "title": ["The title field is required."]
    }
    assert collect_errors(ListItems, {"limit": ["5", "6"]}) == {"limit": ["The limit must be an integer."]}


def test_a_check_runs_for_each_valid_field_that_has_a_value() -> None:
    def reject_dark(title: str) -> str | None:
        return TAKEN if title == "Dark" else None

    invalid = {"title": ["The title has already been taken."], "category_id": ["The category id must be an integer."]}
    assert CreateItem.parse({"title": "Light"}, title=reject_dark).title == "Light"
    assert UpdateItem.parse({"title": None}, title=reject_dark).title is None
    assert collect_errors(CreateItem, {"title": "Dark"}, title=reject_dark) == {"title": invalid["title"]}
    errors = collect_errors(CreateItem, {"category_id": "x", "title": "Dark"}, title=reject_dark)
    assert list(errors.items()) == list(invalid.items())
    assert collect_errors(CreateItem, {"title": "D"}, title=lambda title: TAKEN) == {
        "title": ["The title must be at least 2 characters."]
    }


# Values

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
    ],
)
def test_an_invalid_value_is_rejected_with_laravel_s_messages(field_type: Any, value: Any, messages: list[str]) -> None:
    assert collect_messages(field_type, value) == messages


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("abc", ["status.0"]),
        ("1,2", ["status.0"]),
        ([1, "x", 2, None], ["status.1", "status.3"]),
        ([[1]], ["status.0"]),
        (RepeatedValue(["abc", "1"]), ["status.0"]),
        (RepeatedValue(["1", None]), ["status.1"]),
        ({5: "x", "a": "y"}, ["status.5", "status.a"]),
    ],
)
def test_an_invalid_item_is_reported_by_its_index(value: Any, keys: list[str]) -> None:
    assert collect_errors(ListItems, {"status": value}) == {key: [f"The {key} must be an integer."] for key in keys}


def test_the_errors_of_a_list_are_limited() -> None:
    assert len(collect_errors(ListItems, {"status": ["x"] * 100_000})) == 1000


# Files


def test_an_image_is_recognized_by_its_first_bytes() -> None:
    png = make_upload(PNG + b"x" * 10_000)

    assert convert(Image, png) is png
    assert png.file.tell() == 0


@pytest.mark.parametrize("value", ["text", make_upload(b"hello"), make_upload(b""), [PNG], 5, True])
def test_a_value_that_is_no_image_is_rejected(value: Any) -> None:
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


# The OpenAPI document

FILE_SCHEMA = {"type": "string", "contentMediaType": "application/octet-stream"}
SOLID = "[^ \\t\\n\\r\\v]"


def test_the_request_body_has_types_limits_nulls_and_files() -> None:
    title = {"type": "string", "minLength": 2, "maxLength": 180, "pattern": f"{SOLID}[\\s\\S]{{0,}}{SOLID}"}
    fields = {
        "title": title,
        "description": {"type": "string"},
        "category_id": {"type": "integer"},
        "user_id": {"type": "string", "format": "uuid"},
    }
    nullable = {
        "title": title,
        "description": {"type": ["string", "null"]},
        "category_id": {"type": ["integer", "null"]},
        "user_id": {"type": ["string", "null"], "format": "uuid"},
    }
    properties = {
        "application/json": nullable,
        "application/x-www-form-urlencoded": fields,
        "multipart/form-data": {**fields, "image": FILE_SCHEMA, "attachment": FILE_SCHEMA},
    }

    assert CreateItem.request_body() == {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "object", "properties": schema, "required": ["title"]}}
            for media_type, schema in properties.items()
        },
    }
    assert UpdateItem.request_body()["required"] is False


def test_query_parameters_have_the_same_limits() -> None:
    schemas = {
        "category": {"type": ["string", "integer"]},
        "limit": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 100},
        "skip": {"type": "integer", "format": "int64"},
        "status": {"type": "array", "items": {"type": "integer"}},
        "direction": {"type": "string", "enum": ["asc", "desc"]},
    }

    assert ListItems.parameters() == [
        {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in schemas.items()
    ]


class Described(Form):
    direction: Direction | None = None
    color: Color | None = None
    all: Boolean | None = None
    role: Literal["admin", "member"]
    name: Text
    email: Annotated[Email, Field(max_length=191)] | None = None
    anything: Anything | None = None
    password: Annotated[Text, Field(min_length=8, max_length=100)] | None = None


def test_the_json_schema_allows_null_and_expects_untrimmed_text_for_a_password_alone() -> None:
    assert Described.request_body()["content"]["application/json"]["schema"]["properties"] == {
        "direction": {"type": ["string", "null"], "enum": ["asc", "desc", None]},
        "color": {"type": ["string", "null"], "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"},
        "all": {"type": ["boolean", "null"]},
        "role": {"type": "string", "enum": ["admin", "member"]},
        "name": {"type": "string", "minLength": 1, "pattern": SOLID},
        "email": {"type": ["string", "null"], "format": "email", "maxLength": 191},
        "anything": {},
        "password": {"type": ["string", "null"], "minLength": 8, "maxLength": 100},
    }


# Any value


class EveryType(Form):
    text: Annotated[Text, Field(min_length=2, max_length=5)] | None = None
    required: Text
    number: Percentage | None = None
    id: Id | None = None
    reference: Reference | None = None
    boolean: Boolean | None = None
    email: Annotated[Email, Field(max_length=10)] | None = None
    uuid: Uuid | None = None
    color: Color | None = None
    direction: Direction | None = None
    numbers: ListOf[Integer] | None = None
    image: Annotated[Image, MaxKilobytes(1)] | None = None
    file: Annotated[File, MaxKilobytes(1)] | None = None
    anything: Anything | None = None


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), 2**64]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.from_regex(r"[+-]?[0-9]{0,22}(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.builds(make_upload, st.binary(max_size=8), size=st.sampled_from([0, 1024, 1025]), is_complete=st.booleans()),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.lists(below, min_size=2, max_size=3).map(RepeatedValue),
        st.dictionaries(st.one_of(st.text(max_size=2), st.integers(0, 5)), below, max_size=3),
    ),
    max_leaves=4,
)


@given(params=st.dictionaries(st.sampled_from(sorted(EveryType.model_fields)), VALUES))
def test_any_value_is_either_converted_or_rejected_with_a_message(params: dict[str, Any]) -> None:
    try:
        form = EveryType.parse(params)
    except FormErrors as error:
        assert error.errors
        assert all(messages and all(messages) for messages in error.errors.values())
        return
    assert form.model_fields_set == set(params)
    for number in (form.number, form.id, form.reference):
        assert number is None or (type(number) is int and -(2**63) <= number < 2**63)


@given(raw=st.binary(max_size=60), query=st.binary(max_size=60))
def test_any_bytes_are_either_parsed_or_rejected_with_a_message(raw: bytes, query: bytes) -> None:
    for body in (Body("json", raw), Body("form", raw), NO_BODY):
        try:
            ListItems.parse(parse_params("POST", "application/json" if body.kind == "json" else "", query, body))
        except FormErrors as error:
            assert error.errors

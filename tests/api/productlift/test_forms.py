"""Forms: absent and null fields, errors and their order, and what the OpenAPI document says of them."""

import io
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from app.api.productlift.field_types import (
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
from app.api.productlift.forms import TAKEN, Form, FormErrors
from app.api.productlift.params import RepeatedValue, parse_params
from app.http.body import NO_BODY, Body, UnreadableJson
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


def collect_errors(form: type[Form], params: dict[str, Any], **checks: Any) -> dict[str, list[str]]:
    with pytest.raises(FormErrors) as error:
        form.parse(params, **checks)
    return error.value.errors


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


def test_the_last_of_several_values_of_a_field_is_used() -> None:
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


# Lists


class ChooseItems(Form):
    item_ids: Annotated[ListOf[Id], Field(min_length=1, max_length=3)]


@pytest.mark.parametrize(
    "value", [[1, 2, 3], "1", ["1"], {"a": 1, "b": 2, "c": 3}, RepeatedValue(["1", "2", "3"]), "7" * 18]
)
def test_a_list_up_to_its_limit_is_accepted(value: Any) -> None:
    assert len(ChooseItems.parse({"item_ids": value}).item_ids) <= 3


@pytest.mark.parametrize("value", [[1, 2, 3, 4], {str(key): 1 for key in range(4)}, RepeatedValue(["1"] * 4)])
def test_a_list_with_too_many_items_is_rejected(value: Any) -> None:
    assert collect_errors(ChooseItems, {"item_ids": value}) == {
        "item_ids": ["The item ids must not have more than 3 items."]
    }


def test_an_invalid_item_is_reported_with_the_name_of_its_field() -> None:
    assert collect_errors(ChooseItems, {"item_ids": [1, "x", 2, "y"]}) == {
        "item_ids": ["The item ids must not have more than 3 items."],
        "item_ids.1": ["The item_ids.1 must be an integer."],
        "item_ids.3": ["The item_ids.3 must be an integer."],
    }


@pytest.mark.parametrize("params", [{}, {"item_ids": None}, {"item_ids": []}, {"item_ids": ""}, {"item_ids": {}}])
def test_an_empty_required_list_is_rejected(params: dict[str, Any]) -> None:
    assert collect_errors(ChooseItems, params) == {"item_ids": ["The item ids field is required."]}


def test_the_document_states_the_limits_of_a_list() -> None:
    (field,) = ChooseItems.form_fields

    assert field.schema(nullable=False) == {
        "type": "array",
        "items": {"type": "integer"},
        "maxItems": 3,
        "minItems": 1,
    }


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

    body = CreateItem.request_body()

    assert body["required"] is True
    assert {media_type: content["schema"] for media_type, content in body["content"].items()} == {
        media_type: {"type": "object", "properties": schema, "required": ["title"]}
        for media_type, schema in properties.items()
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

    parameters = ListItems.parameters()

    assert [(each["in"], each["required"]) for each in parameters] == [("query", False)] * 5
    assert {each["name"]: each["schema"] for each in parameters} == schemas


Place = Annotated[Text, Field(description="Any place", examples=["Oslo"])]


class Journey(Form):
    json_example: ClassVar[tuple[str, ...]] = ("origin", "stops")

    origin: Annotated[Place, Field(description="The first place")]
    destination: Annotated[Place | None, Field(examples=["Bergen"])] = None
    stops: Annotated[Integer | None, Field(description="The number of stops", examples=[0])] = None
    ticket: Annotated[File | None, Field(description="The ticket")] = None


def test_a_field_has_the_description_and_the_example_of_its_type_or_its_own() -> None:
    parameters = Journey.parameters()
    content = Journey.request_body()["content"]

    assert [(each["name"], each["description"], each.get("example")) for each in parameters] == [
        ("origin", "The first place", "Oslo"),
        # A page fills in the example of a parameter, but not those of its schema.
        ("destination", "Any place", None),
        ("stops", "The number of stops", None),
    ]
    assert [each["schema"].get("examples") for each in parameters] == [None, ["Bergen"], [0]]
    multipart = content["multipart/form-data"]["schema"]["properties"]
    assert multipart["destination"] == {"type": "string", "description": "Any place", "examples": ["Bergen"]}
    assert multipart["ticket"] == {**FILE_SCHEMA, "description": "The ticket"}


def test_a_json_body_may_have_a_shorter_example() -> None:
    content = Journey.request_body()["content"]

    every_input = {"origin": "Oslo", "destination": "Bergen", "stops": 0}
    assert {media_type: body["example"] for media_type, body in content.items()} == {
        "application/json": {"origin": "Oslo", "stops": 0},
        "application/x-www-form-urlencoded": every_input,
        "multipart/form-data": every_input,
    }


class Described(Form):
    direction: Direction | None = None
    color: Color | None = None
    all: Boolean | None = None
    role: Literal["admin", "member"]
    name: Text
    email: Annotated[Email, Field(max_length=191)] | None = None
    anything: Anything | None = None
    password: Annotated[Text, Field(min_length=8, max_length=100)] | None = None


def test_the_json_schema_allows_null_and_untrimmed_passwords() -> None:
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
    array: ArrayOf[Integer] | None = None
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
        except UnreadableJson as error:
            assert error.line >= 1
            assert body.kind == "json"

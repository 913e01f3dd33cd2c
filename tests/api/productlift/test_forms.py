"""Forms: what is taken, what is refused and in which words, and what the OpenAPI document says of it."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.productlift.field_types import (
    ANYTHING,
    BOOLEAN,
    COLOR,
    EMAIL,
    FILE,
    ID,
    INTEGER,
    REFERENCE,
    STRING,
    UNKNOWN_ID,
    UUID,
    choice,
    image_file,
    list_of,
)
from app.api.productlift.forms import (
    REQUIRED,
    Form,
    FormErrors,
    Rule,
    max_kilobytes,
    max_length,
    maximum,
    min_length,
    minimum,
)
from app.api.productlift.params import RepeatedValue, parse_params
from app.http.body import NO_BODY, Body
from app.http.multipart import Upload


def png_only(file: BinaryIO) -> str | None:
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return "png" if head == b"\x89PNG" else None


PNG = b"\x89PNG\r\n\x1a\n"
ORDERS = ("title", "created_at")
NEW_POST = Form(
    title=(REQUIRED, STRING, min_length(2), max_length(180)),
    description=(STRING,),
    category_id=(ID,),
    user_id=(UUID,),
    image=(image_file(png_only), max_kilobytes(20480)),
    attachment=(FILE, max_kilobytes(5240)),
)
LIST = Form(
    category=(REFERENCE,),
    limit=(INTEGER, minimum(1), maximum(100)),
    skip=(INTEGER,),
    status=(list_of(ID),),
    order_by=(choice(*ORDERS),),
)
NEW_USER = Form(
    email=(EMAIL, max_length(191)),
    role=(REQUIRED, choice("admin", "member")),
    skip_email=(ANYTHING,),
    password=(STRING, min_length(8), max_length(100)),
)


def upload(content: bytes = PNG, *, size: int | None = None, whole: bool = True) -> Upload:
    made = Upload(file=io.BytesIO(content), size=len(content) if size is None else size, filename="a.txt")
    made.is_complete = whole
    return made


def taken(value: Any, *rules: Rule) -> Any:
    return Form(the_field=rules).parse({"the_field": value})["the_field"]


def complaints(value: Any, *rules: Rule) -> list[str]:
    with pytest.raises(FormErrors) as refused:
        Form(the_field=rules).parse({"the_field": value})
    assert list(refused.value.errors) == ["the_field"]
    return refused.value.errors["the_field"]


def errors(form: Form, given: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(FormErrors) as refused:
        form.parse(given)
    return refused.value.errors


# Forms


def test_what_was_not_given_is_absent_and_null_stays_null() -> None:
    assert NEW_POST.parse({"title": "Dark mode", "user_id": None, "unknown": 1}) == {
        "title": "Dark mode",
        "user_id": None,
    }
    assert LIST.parse({}) == {}


def test_every_failing_field_is_reported_in_the_order_of_the_form() -> None:
    given = {"attachment": "text", "image": "text", "user_id": "x", "category_id": "abc", "description": 5}
    found = errors(NEW_POST, given)

    assert found == {
        "title": ["The title field is required."],
        "description": ["The description must be a string."],
        "category_id": ["The category id must be an integer."],
        "user_id": ["The user id must be a valid UUID."],
        "image": ["The image must be an image."],
        "attachment": ["The attachment must be a file."],
    }
    assert list(found) == ["title", "description", "category_id", "user_id", "image", "attachment"]


def test_the_messages_of_the_catalogue_are_to_the_letter() -> None:
    form = Form(
        color=(COLOR,),
        delete_all_data=(BOOLEAN,),
        order_by=(choice("title"),),
        limit=(INTEGER, minimum(1), maximum(100)),
        skip=(INTEGER, minimum(1), maximum(100)),
        status=(list_of(INTEGER),),
        name=(STRING, min_length(2)),
        title=(STRING, max_length(180)),
        email=(EMAIL,),
        image=(image_file(png_only), max_kilobytes(20480)),
        attachment=(FILE,),
    )
    given = {
        "color": "#moEVFk$/m",
        "delete_all_data": "yes",
        "order_by": "id",
        "limit": 0,
        "skip": "101",
        "status": upload(),
        "name": "x",
        "title": "x" * 181,
        "email": "jane",
        "image": upload(size=20480 * 1024 + 1),
        "attachment": upload(whole=False),
    }

    assert errors(form, given) == {
        "color": ["The color format is invalid."],
        "delete_all_data": ["The delete all data field must be true or false."],
        "order_by": ["The selected order by is invalid."],
        "limit": ["The limit must be at least 1."],
        "skip": ["The skip must not be greater than 100."],
        "status": ["The status must be an array."],
        "name": ["The name must be at least 2 characters."],
        "title": ["The title must not be greater than 180 characters."],
        "email": ["The email must be a valid email address."],
        "image": ["The image must not be greater than 20480 kilobytes."],
        "attachment": ["The attachment failed to upload."],
    }


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_a_required_field_that_is_empty_gets_that_message_only(value: Any) -> None:
    assert complaints(value, REQUIRED, STRING, min_length(2)) == ["The the field field is required."]


def test_of_a_repeated_plain_name_the_last_value_counts() -> None:
    assert LIST.parse({"limit": RepeatedValue(["500", "5"])}) == {"limit": 5}
    assert LIST.parse({"limit": RepeatedValue(["5", None])}) == {"limit": None}
    assert errors(LIST, {"limit": RepeatedValue(["5", "500"])}) == {
        "limit": ["The limit must not be greater than 100."]
    }
    assert errors(NEW_POST, {"title": RepeatedValue(["Dark", None])}) == {"title": ["The title field is required."]}
    assert errors(LIST, {"limit": ["5", "6"]}) == {"limit": ["The limit must be an integer."]}


# Texts


@pytest.mark.parametrize("value", ["ab", "x" * 180, "😀😀", "日" * 180, "0", "e\u0301"])
def test_a_text_is_measured_in_code_points(value: str) -> None:
    limits = (min_length(1 if value == "0" else 2), max_length(180))

    assert taken(value, STRING, *limits) == value


@pytest.mark.parametrize("value", ["😀" * 181, "x" * 181])
def test_a_text_over_its_limit_is_refused(value: str) -> None:
    assert complaints(value, STRING, max_length(180)) == ["The the field must not be greater than 180 characters."]


MUST_BE_STRING = "The the field must be a string."
AT_LEAST_2 = "The the field must be at least 2 characters."


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (123, [MUST_BE_STRING]),
        (1, [MUST_BE_STRING, AT_LEAST_2]),
        (1.0, [MUST_BE_STRING, AT_LEAST_2]),
        (1.5, [MUST_BE_STRING]),
        (True, [MUST_BE_STRING, AT_LEAST_2]),
        (False, [MUST_BE_STRING, AT_LEAST_2]),
        ([], [MUST_BE_STRING, AT_LEAST_2]),
        (["x"], [MUST_BE_STRING, AT_LEAST_2]),
        (["x", "y"], [MUST_BE_STRING]),
        ({"a": 1}, [MUST_BE_STRING, AT_LEAST_2]),
        (list("wxyz"), [MUST_BE_STRING, "The the field must not be greater than 3 characters."]),
        ("a\0b", [MUST_BE_STRING]),
        ("\0", [MUST_BE_STRING, AT_LEAST_2]),
    ],
)
def test_what_is_no_text_is_refused_and_measured_as_laravel_does(value: Any, messages: list[str]) -> None:
    assert complaints(value, STRING, min_length(2), max_length(3)) == messages


def test_a_file_for_a_text_is_refused() -> None:
    assert complaints(upload(), STRING, min_length(2)) == [MUST_BE_STRING]
    assert complaints(upload(whole=False), STRING) == ["The the field failed to upload."]


# Numbers


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (17, 17),
        ("17", 17),
        ("+5", 5),
        ("-3", -3),
        ("0", 0),
        ("-0", 0),
        (17.0, 17),
        (-0.0, 0),
        (True, 1),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
@pytest.mark.parametrize("kind", [INTEGER, ID])
def test_an_integer_is_taken_from_ints_floats_and_digits(value: Any, number: int, kind: Any) -> None:
    found = taken(value, kind)

    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    "value", ["017", "1.5", "1.0", "1e3", "abc", "0x1A", "٣", "1 2", "--1", "+", "1\n", 1.5, False, [], [1], {"a": 1}]
)
@pytest.mark.parametrize("kind", [INTEGER, ID])
def test_what_is_no_integer_is_refused(value: Any, kind: Any) -> None:
    assert complaints(value, kind) == ["The the field must be an integer."]


PAST_64_BITS = [2**63, -(2**63) - 1, 2**64 - 1, 2.0**64, 1e300, str(2**63), str(-(2**63) - 1), "9" * 100_000]


@pytest.mark.parametrize("value", PAST_64_BITS)
def test_a_number_past_64_bits_is_no_integer(value: Any) -> None:
    assert complaints(value, INTEGER, minimum(1), maximum(100)) == ["The the field must be an integer."]


@pytest.mark.parametrize("value", PAST_64_BITS)
def test_an_id_past_64_bits_is_an_unknown_one(value: Any) -> None:
    assert taken(value, ID) == UNKNOWN_ID
    assert taken(value, REFERENCE) == UNKNOWN_ID
    assert taken([value, 5], list_of(ID)) == [UNKNOWN_ID, 5]


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (0, ["The the field must be at least 1."]),
        (-5, ["The the field must be at least 1."]),
        ("101", ["The the field must not be greater than 100."]),
        (101.0, ["The the field must not be greater than 100."]),
        (2**63 - 1, ["The the field must not be greater than 100."]),
        ("9223372036854775807", ["The the field must not be greater than 100."]),
        (0.5, ["The the field must be an integer.", "The the field must be at least 1."]),
        ("100.5", ["The the field must be an integer.", "The the field must not be greater than 100."]),
        (False, ["The the field must be an integer.", "The the field must be at least 1."]),
        ([], ["The the field must be an integer.", "The the field must be at least 1."]),
        ([1, 2], ["The the field must be an integer."]),
        ("abc", ["The the field must be an integer."]),
        ("x" * 101, ["The the field must be an integer.", "The the field must not be greater than 100."]),
    ],
)
def test_a_number_out_of_bounds_is_refused_and_measured_as_laravel_does(value: Any, messages: list[str]) -> None:
    assert complaints(value, INTEGER, minimum(1), maximum(100)) == messages


@pytest.mark.parametrize(
    ("value", "id_"), [("17", 17), (17, 17), (17.0, 17), ("ideas", UNKNOWN_ID), ("017", UNKNOWN_ID), (1.5, UNKNOWN_ID)]
)
def test_a_reference_may_be_text_or_number(value: Any, id_: int) -> None:
    assert taken(value, REFERENCE) == id_


@pytest.mark.parametrize("value", [True, [], [1], {"id": 1}])
def test_a_reference_is_one_scalar(value: Any) -> None:
    assert complaints(value, REFERENCE) == [MUST_BE_STRING]


# Words


@pytest.mark.parametrize("value", [True, 1, "1", "true", "TRUE", "True"])
def test_these_are_true(value: Any) -> None:
    assert taken(value, BOOLEAN) is True


@pytest.mark.parametrize("value", [False, 0, "0", "false", "FALSE"])
def test_these_are_false(value: Any) -> None:
    assert taken(value, BOOLEAN) is False


@pytest.mark.parametrize("value", ["yes", "on", 2, -1, 1.0, "01", "t", [], [True], {}])
def test_these_are_neither(value: Any) -> None:
    assert complaints(value, BOOLEAN) == ["The the field field must be true or false."]


def test_one_of_is_to_the_letter() -> None:
    assert taken("asc", choice("asc", "desc")) == "asc"
    for value in ("ASC", "as", 1, True, ["asc"], {"asc": 1}):
        assert complaints(value, choice("asc", "desc")) == ["The selected the field is invalid."]


@pytest.mark.parametrize("value", ["5d2f7b60-0c0e-11ee-be56-0242ac120002", "5D2F7B60-0C0E-11EE-BE56-0242AC120002"])
def test_a_uuid_is_kept_as_it_was_sent(value: str) -> None:
    assert taken(value, UUID) == value


@pytest.mark.parametrize(
    "value",
    [
        "5d2f7b600c0e11eebe560242ac120002",
        "{5d2f7b60-0c0e-11ee-be56-0242ac120002}",
        "urn:uuid:5d2f7b60-0c0e-11ee-be56-0242ac120002",
        "5d2f7b60-0c0e-11ee-be56-0242ac120002\n",
        "5d2f7b60-0c0e-11ee-be56-0242ac12000g",
        "5d2f7b60-0c0e-11ee-be56-0242ac12000٣",
        5,
        [],
    ],
)
def test_these_are_no_uuids(value: Any) -> None:
    assert complaints(value, UUID) == ["The the field must be a valid UUID."]


@pytest.mark.parametrize("value", ["#abc", "#ABDEE6", "#moEVFk", "#abcd", "abc", "#", "#abcdef\n", "red", 123])
def test_a_color_has_three_or_six_hex_digits(value: Any) -> None:
    if value in ("#abc", "#ABDEE6"):
        assert taken(value, COLOR) == value
    else:
        assert complaints(value, COLOR) == ["The the field format is invalid."]


@pytest.mark.parametrize(
    "value",
    [
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
    ],
)
def test_these_are_email_addresses(value: str) -> None:
    assert taken(value, EMAIL) == value


@pytest.mark.parametrize(
    "value",
    [
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
        5,
        True,
        ["jane@example.com"],
    ],
)
def test_these_are_no_email_addresses(value: Any) -> None:
    assert complaints(value, EMAIL) == ["The the field must be a valid email address."]


def test_a_long_address_is_refused_by_its_length_and_hostile_ones_cost_nothing() -> None:
    assert complaints("a" * 180 + "@example.com", EMAIL, max_length(191)) == [
        "The the field must not be greater than 191 characters."
    ]
    for value in ("a@" + "-" * 10**6, "a@" + "a-" * 10**6, '"' + "\\a" * 10**6, "a." * 10**6):
        assert complaints(value, EMAIL) == ["The the field must be a valid email address."]


@pytest.mark.parametrize("value", ["0", 0, False, [], "yes", {"a": 1}, 1.5])
def test_anything_but_null_is_something(value: Any) -> None:
    assert taken(value, ANYTHING) == value


# Lists


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ([17, "18"], [17, 18]),
        (RepeatedValue(["17", "18"]), [17, 18]),
        ({3: "17", 7: "18"}, [17, 18]),
        ({"a": 17}, [17]),
        ("17", [17]),
        (17, [17]),
        ([], []),
    ],
)
def test_a_list_may_be_written_in_several_ways(value: Any, items: list[int]) -> None:
    assert LIST.parse({"status": value}) == {"status": items}


@pytest.mark.parametrize(
    ("value", "places"),
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
def test_wrong_items_are_refused_by_their_place(value: Any, places: list[str]) -> None:
    assert errors(LIST, {"status": value}) == {place: [f"The {place} must be an integer."] for place in places}


def test_the_complaints_about_a_list_are_bounded() -> None:
    assert len(errors(LIST, {"status": ["x"] * 100_000})) == 1000


# Files


def test_an_image_is_told_by_its_first_bytes() -> None:
    png = upload(PNG + b"x" * 10_000)

    assert taken(png, image_file(png_only)) is png
    assert png.file.tell() == 0


@pytest.mark.parametrize("value", ["text", upload(b"GIF89a"), upload(b""), [PNG], 5, True])
def test_what_is_no_image_is_refused(value: Any) -> None:
    assert complaints(value, image_file(png_only)) == ["The the field must be an image."]


def test_any_upload_is_a_file_even_an_empty_one() -> None:
    empty = upload(b"")

    assert taken(empty, FILE, max_kilobytes(5240)) is empty


@pytest.mark.parametrize("kilobytes", [20480, 5240])
def test_a_file_may_fill_its_last_kilobyte(kilobytes: int) -> None:
    limit = max_kilobytes(kilobytes)

    assert taken(upload(size=kilobytes * 1024), FILE, limit).size == kilobytes * 1024
    assert complaints(upload(size=kilobytes * 1024 + 1), FILE, limit) == [
        f"The the field must not be greater than {kilobytes} kilobytes."
    ]


def test_a_large_file_that_is_no_image_gets_both_messages() -> None:
    assert complaints(upload(b"GIF", size=3000), image_file(png_only), max_kilobytes(2)) == [
        "The the field must be an image.",
        "The the field must not be greater than 2 kilobytes.",
    ]


def test_a_long_text_for_a_file_is_measured_in_characters() -> None:
    assert complaints("x" * 5241, FILE, max_kilobytes(5240)) == [
        "The the field must be a file.",
        "The the field must not be greater than 5240 characters.",
    ]


@pytest.mark.parametrize("kind", [FILE, image_file(png_only)])
def test_a_file_that_broke_off_only_failed_to_upload(kind: Any) -> None:
    assert complaints(upload(b"GIF", size=9999, whole=False), kind, max_kilobytes(1)) == [
        "The the field failed to upload."
    ]


# The document


def test_the_json_schema_tells_types_limits_and_nulls() -> None:
    solid = "[^ \\t\\n\\r\\v]"
    assert NEW_POST.schema() == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 2, "maxLength": 180, "pattern": f"{solid}[\\s\\S]{{0,}}{solid}"},
            "description": {"type": ["string", "null"]},
            "category_id": {"type": ["integer", "null"]},
            "user_id": {"type": ["string", "null"], "format": "uuid"},
        },
        "required": ["title"],
    }
    assert NEW_USER.schema() == {
        "type": "object",
        "properties": {
            "email": {"type": ["string", "null"], "format": "email", "maxLength": 191},
            "role": {"type": "string", "enum": ["admin", "member"]},
            "skip_email": {},
            "password": {"type": ["string", "null"], "minLength": 8, "maxLength": 100},
        },
        "required": ["role"],
    }


def test_the_multipart_schema_has_files_and_no_nulls() -> None:
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    found = NEW_POST.schema(of="multipart")

    assert (found["properties"]["image"], found["properties"]["attachment"]) == (binary, binary)
    assert found["properties"]["description"] == {"type": "string"}
    assert found["required"] == ["title"]


def test_query_parameters_have_the_same_limits() -> None:
    assert LIST.parameters() == [
        {"name": "category", "in": "query", "required": False, "schema": {"type": ["string", "integer"]}},
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 100},
        },
        {"name": "skip", "in": "query", "required": False, "schema": {"type": "integer", "format": "int64"}},
        {
            "name": "status",
            "in": "query",
            "required": False,
            "schema": {"type": "array", "items": {"type": "integer"}},
        },
        {
            "name": "order_by",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "enum": ["title", "created_at"]},
        },
    ]


def test_an_enum_that_may_be_null_lists_null() -> None:
    form = Form(order_by=(choice("asc", "desc"),), color=(COLOR,), all=(BOOLEAN,), name=(REQUIRED, STRING))

    assert form.schema()["properties"] == {
        "order_by": {"type": ["string", "null"], "enum": ["asc", "desc", None]},
        "color": {"type": ["string", "null"], "pattern": "^#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})$"},
        "all": {"type": ["boolean", "null"]},
        "name": {"type": "string", "minLength": 1, "pattern": "[^ \\t\\n\\r\\v]"},
    }


# Anything at all

EVERY_KIND: dict[str, tuple[Rule, ...]] = {
    "text": (STRING, min_length(2), max_length(5)),
    "needed": (REQUIRED, STRING),
    "number": (INTEGER, minimum(1), maximum(100)),
    "id": (ID,),
    "reference": (REFERENCE,),
    "flag": (BOOLEAN,),
    "email": (EMAIL, max_length(10)),
    "uuid": (UUID,),
    "color": (COLOR,),
    "word": (choice("asc", "desc"),),
    "numbers": (list_of(INTEGER),),
    "image": (image_file(png_only), max_kilobytes(1)),
    "file": (FILE, max_kilobytes(1)),
    "any": (ANYTHING,),
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 2**63 - 1, -(2**63), 2**64]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.from_regex(r"[+-]?[0-9]{0,22}(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?", fullmatch=True),
    st.builds(upload, st.binary(max_size=8), size=st.sampled_from([0, 1024, 1025]), whole=st.booleans()),
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


@given(given=st.dictionaries(st.sampled_from(sorted(EVERY_KIND)), VALUES))
def test_no_value_whatever_is_an_error_other_than_a_refusal_that_says_why(given: dict[str, Any]) -> None:
    form = Form(**EVERY_KIND)
    try:
        found = form.parse(given)
    except FormErrors as refused:
        assert refused.errors
        assert all(messages and all(messages) for messages in refused.errors.values())
        return
    assert set(found) == set(given)
    for name in ("number", "id", "reference"):
        assert found.get(name) is None or (type(found[name]) is int and -(2**63) <= found[name] < 2**63)


@given(raw=st.binary(max_size=60), query=st.binary(max_size=60))
def test_no_bytes_whatever_are_an_error(raw: bytes, query: bytes) -> None:
    for body in (Body("json", raw), Body("form", raw), NO_BODY):
        try:
            LIST.parse(parse_params("POST", "application/json" if body.kind == "json" else "", query, body))
        except FormErrors as refused:
            assert refused.errors

"""The forms of Astuto's endpoints. docs/contracts/astuto.md, section 1.6."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from app.api.astuto.conversions import MissingParam
from app.api.astuto.forms import ID, IMPERSONATED_ID, LIMIT, REQUIRED_TEXT, TEXT, TEXT_OR_NULL, Form
from app.domain.unset import UNSET, Unset


class Example(Form, json_schema_extra={"required": ["title", "board_id"]}):
    title: Annotated[str, REQUIRED_TEXT, Field(description="4 to 128 characters")]
    board_id: Annotated[int | None, ID] = None
    body: Annotated[str | Unset | None, TEXT_OR_NULL] = UNSET
    slug: Annotated[str | None, TEXT] = None
    limit: Annotated[int, LIMIT] = 20
    impersonated_user_id: Annotated[int | None, IMPERSONATED_ID] = None


def test_absent_null_and_given_values_are_distinguished() -> None:
    absent = Example.parse({"title": "Dark mode", "unknown": 1})
    null = Example.parse({"title": 5, "board_id": None, "body": None, "slug": None, "limit": None})
    sent = Example.parse({"title": "x", "board_id": "3abc", "body": "", "slug": 1.5, "limit": "0x10"})

    assert (absent.title, absent.board_id, absent.body, absent.slug, absent.limit) == (
        "Dark mode",
        None,
        UNSET,
        None,
        20,
    )
    assert (null.title, null.board_id, null.body, null.slug, null.limit) == ("5", None, None, None, 20)
    assert (sent.title, sent.board_id, sent.body, sent.slug, sent.limit) == ("x", 3, "", "1.5", 16)


@pytest.mark.parametrize("value", [[], ["x"], {}, {"x": 1}])
def test_an_array_or_object_is_handled_as_absent(value: object) -> None:
    form = Example.parse({"title": "Dark mode", "board_id": value, "body": value, "slug": value})

    assert (form.board_id, form.body, form.slug) == (None, UNSET, None)


@pytest.mark.parametrize("params", [{}, {"title": None}, {"title": "  "}])
def test_a_required_parameter_that_is_absent_or_blank_is_missing(params: dict[str, object]) -> None:
    with pytest.raises(MissingParam):
        Example.parse(params)


def test_the_form_is_the_request_body_in_the_openapi_document() -> None:
    schema = {
        "type": "object",
        "properties": {
            "title": {"type": "string", "description": "4 to 128 characters"},
            "board_id": {"type": "integer"},
            "body": {"type": ["string", "null"]},
            "slug": {"type": "string"},
            "limit": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 20},
            "impersonated_user_id": {
                "type": ["integer", "null"],
                "description": "The user to impersonate; only with an administrator's key",
                "examples": [12],
            },
        },
        "required": ["title", "board_id"],
    }

    body = Example.request_body()

    assert body["required"] is True
    assert [content["schema"] for content in body["content"].values()] == [schema] * 3


def test_a_json_body_may_have_a_shorter_example() -> None:
    class Journey(Form):
        json_example: ClassVar[tuple[str, ...]] = ("origin",)

        origin: Annotated[str | None, TEXT, Field(description="The first place", examples=["Oslo"])] = None
        stops: Annotated[int, LIMIT, Field(description="The number of stops", examples=[0])] = 1

    content = Journey.request_body()["content"]

    assert {media_type: body["example"] for media_type, body in content.items()} == {
        "application/json": {"origin": "Oslo"},
        "application/x-www-form-urlencoded": {"origin": "Oslo", "stops": 0},
        "multipart/form-data": {"origin": "Oslo", "stops": 0},
    }
    assert [(each["name"], each["description"], each["schema"]["examples"]) for each in Journey.parameters()] == [
        ("origin", "The first place", ["Oslo"]),
        ("stops", "The number of stops", [0]),
    ]

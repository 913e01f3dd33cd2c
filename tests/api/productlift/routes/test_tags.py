"""Tags in ProductLift's dialect, and the tags of posts. docs/contracts/productlift.md, sections 9.2, 7.9, 7.11."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.portals.colors import PASTELS
from app.domain.posts import create
from app.domain.posts.create import NewPost
from tests.conftest import TestClock
from tests.domain.posts.test_delete import statements_of
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, invalid, unknown

MONDAY = datetime(2023, 5, 15, 9, 30, tzinfo=UTC)
TUESDAY = datetime(2023, 5, 16, 9, 30, tzinfo=UTC)
TAKEN = invalid(name="The name has already been taken.")


def names_of(post: dict[str, Any]) -> list[str]:
    return [tag["name"] for tag in post["tags"]]


async def test_tags_are_listed_by_id(make: Factory, productlift: Client) -> None:
    first = await make.tag("Zebra", color="#abc")
    second = await make.tag("Ant 🐜")

    listed = await productlift.get("/tags")

    assert status_and_json(listed) == (
        200,
        {
            "data": [
                {"id": first, "name": "Zebra", "color": "#abc"},
                {"id": second, "name": "Ant 🐜", "color": PASTELS[0]},
            ]
        },
    )
    assert list(listed.json()["data"][0]) == ["id", "name", "color"]


async def test_a_new_tag_gets_the_next_pastel_that_no_tag_has(make: Factory, productlift: Client) -> None:
    await make.category("Speed", color=PASTELS[1])
    await make.tag("Used", color=PASTELS[0].lower())

    created = await productlift.post("/tags", json={"name": " Speed "})

    assert status_and_json(created) == (200, {"data": {"id": 2, "name": "Speed", "color": PASTELS[1]}})


@pytest.mark.parametrize("color", ["#fff", "#AbCdEf"])
async def test_the_color_of_a_tag_is_stored_as_sent(color: str, productlift: Client) -> None:
    created = await productlift.post("/tags", json={"name": "Urgent", "color": color})

    assert status_and_json(created) == (200, {"data": {"id": 1, "name": "Urgent", "color": color}})


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"name": "The name field is required."}),
        ({"name": "  "}, {"name": "The name field is required."}),
        ({"name": "x" * 192}, {"name": "The name must not be greater than 191 characters."}),
        ({"name": 5, "color": "blue"}, {"name": "The name must be a string.", "color": "The color format is invalid."}),
        (
            {"name": "uRGENT", "color": "red"},
            {"name": "The name has already been taken.", "color": "The color format is invalid."},
        ),
    ],
)
async def test_an_invalid_tag_is_rejected_with_every_error(
    sent: dict[str, Any], errors: dict[str, str], make: Factory, productlift: Client
) -> None:
    await make.tag("Urgent")

    assert status_and_json(await productlift.post("/tags", json=sent)) == invalid(**errors)
    assert await make.value("SELECT count(*) FROM tags") == 1


@pytest.mark.parametrize("name", ["Éclair", "éCLAIR", " ÉCLAIR ", "İ" * 191])
async def test_tag_names_are_unique_regardless_of_case(name: str, make: Factory, productlift: Client) -> None:
    await make.tag("Éclair")
    # Some letters become two in lower case.
    await make.tag("İ" * 191)

    assert status_and_json(await productlift.post("/tags", json={"name": name})) == TAKEN
    assert await make.value("SELECT count(*) FROM tags") == 2


async def test_a_category_and_a_tag_may_have_the_same_name(make: Factory, productlift: Client) -> None:
    await make.category("Speed")

    assert (await productlift.post("/tags", json={"name": "Speed"})).status_code == 200


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"name": "Pace", "color": "#00ff00"}, ("Pace", "#00ff00")),
        ({"name": "Pace"}, ("Pace", "#123456")),
        ({"color": "#0f0"}, ("Urgent", "#0f0")),
        ({"name": "uRGENT"}, ("uRGENT", "#123456")),
        ({"name": None, "color": None}, ("Urgent", "#123456")),
        ({"name": "", "color": ""}, ("Urgent", "#123456")),
        ({}, ("Urgent", "#123456")),
    ],
)
async def test_an_update_of_a_tag_changes_only_the_sent_fields(
    verb: str, sent: dict[str, Any], expected: tuple[str, str], make: Factory, productlift: Client
) -> None:
    tag = await make.tag("Urgent", color="#123456")
    await make.tag("Other")

    changed = await productlift.send_json(verb, f"/tags/{tag}", sent)

    payload = {"id": tag, "name": expected[0], "color": expected[1]}
    assert status_and_json(changed) == (200, {"data": payload})
    assert (await productlift.get("/tags")).json()["data"][0] == payload


async def test_an_invalid_update_of_a_tag_changes_nothing(make: Factory, productlift: Client) -> None:
    tag = await make.tag("Urgent", color="#123456")
    await make.tag("Other")

    taken = await productlift.patch(f"/tags/{tag}", json={"name": "OTHER", "color": "#fff"})
    wrong = await productlift.patch(f"/tags/{tag}", json={"name": 1, "color": "x"})

    assert status_and_json(taken) == TAKEN
    assert status_and_json(wrong) == invalid(name="The name must be a string.", color="The color format is invalid.")
    assert await make.row("SELECT name, color FROM tags WHERE id = :id", id=tag) == {
        "name": "Urgent",
        "color": "#123456",
    }


@pytest.mark.parametrize("key", ["15", "abc", "1.5", "-1", "99999999999999999999", "%00"])
async def test_the_404_contains_an_unknown_tag_as_sent(key: str, make: Factory, productlift: Client) -> None:
    await make.tag()
    sent = key.replace("%00", "\0")

    # The 404 comes before the errors of the input.
    assert status_and_json(await productlift.patch(f"/tags/{key}", json={"color": "x"})) == unknown("Tag", sent)
    assert status_and_json(await productlift.delete(f"/tags/{key}")) == unknown("Tag", sent)


async def test_a_deleted_tag_leaves_its_posts(make: Factory, productlift: Client, clock: TestClock) -> None:
    clock.set(MONDAY)
    urgent, other = await make.tag("Urgent"), await make.tag("Other")
    created = await productlift.post("/posts", json={"title": "Both", "tag_ids": [urgent, other]})
    clock.set(TUESDAY)

    assert status_and_json(await productlift.delete(f"/tags/{urgent}")) == DELETED

    expected = created.json()["data"] | {"tags": [{"id": other, "name": "Other", "color": PASTELS[1]}]}
    path = f"/posts/{expected['id']}"
    assert status_and_json(await productlift.get(path)) == (200, {"data": expected})
    assert await make.value("SELECT count(*) FROM post_tags") == 1
    assert await make.wrong_counters() == []
    assert status_and_json(await productlift.delete(f"/tags/{urgent}")) == unknown("Tag", urgent)


async def test_a_new_post_has_the_known_tags_by_id_as_its_last_member(make: Factory, productlift: Client) -> None:
    first, second, _ = await make.tag("First", color="#fff"), await make.tag("Second", color="#000"), await make.tag()

    created = await productlift.post("/posts", json={"title": "Tagged", "tag_ids": [second, 99, str(first), second]})

    post = created.json()["data"]
    assert created.status_code == 200
    assert list(post)[-1] == "tags"
    assert post["tags"] == [
        {"id": first, "name": "First", "color": "#fff"},
        {"id": second, "name": "Second", "color": "#000"},
    ]
    assert (await productlift.get(f"/posts/{post['id']}")).json()["data"] == post
    assert (await productlift.get("/posts")).json()["data"] == [post]
    assert await make.wrong_counters() == []


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"tag_ids": None}, []),
        ({"tag_ids": ""}, []),
        ({"tag_ids": []}, []),
        ({"tag_ids": [99, 0, -1, 99999999999999999999]}, []),
        ({"tag_ids": 1}, ["Urgent"]),
        ({"tag_ids": {"x": 1, "y": "2"}}, ["Urgent", "Other"]),
        ({}, []),
    ],
)
async def test_unknown_and_missing_tags_of_a_new_post_are_no_error(
    sent: dict[str, Any], expected: list[str], make: Factory, productlift: Client
) -> None:
    await make.tag("Urgent")
    await make.tag("Other")

    created = await productlift.post("/posts", json={"title": "Idea", **sent})

    assert created.status_code == 200, created.text
    assert names_of(created.json()["data"]) == expected


@pytest.mark.parametrize("how", ["urlencoded", "multipart"])
@pytest.mark.parametrize("name", ["tag_ids", "tag_ids[]"])
async def test_a_form_may_repeat_the_name_of_the_tags(how: str, name: str, make: Factory, productlift: Client) -> None:
    await make.tag("Urgent")
    await make.tag("Other")

    if how == "urlencoded":
        created = await productlift.post("/posts", data={"title": "Idea", name: ["1", "2"]})
    else:
        created = await productlift.post(
            "/posts", files=[("title", (None, "Idea")), (name, (None, "1")), (name, (None, "2"))]
        )

    assert names_of(created.json()["data"]) == ["Urgent", "Other"]


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
async def test_an_update_replaces_the_tags_and_changes_updated_at(
    verb: str, make: Factory, productlift: Client, clock: TestClock
) -> None:
    clock.set(MONDAY)
    one, two, three = [await make.tag(name) for name in ("One", "Two", "Three")]
    created = (await productlift.post("/posts", json={"title": "Idea", "tag_ids": [one, two]})).json()["data"]
    path = f"/posts/{created['id']}"
    clock.set(TUESDAY)

    async def update(sent: dict[str, Any]) -> tuple[list[str], str]:
        changed = await productlift.send_json(verb, path, sent)
        assert changed.status_code == 200, changed.text
        assert (await productlift.get(path)).json() == changed.json()
        return names_of(changed.json()["data"]), changed.json()["data"]["updated_at"]

    monday, tuesday, wednesday = "2023-05-15T09:30:00Z", "2023-05-16T09:30:00Z", "2023-05-17T09:30:00Z"
    assert await update({"tag_ids": [two, one, two]}) == (["One", "Two"], monday)
    assert await update({"tag_ids": None}) == (["One", "Two"], monday)
    assert await update({"tag_ids": ""}) == (["One", "Two"], monday)
    assert await update({"title": "Idea"}) == (["One", "Two"], monday)
    assert await update({"tag_ids": [three, 99, two]}) == (["Two", "Three"], tuesday)
    clock.advance(seconds=24 * 3600)
    assert await update({"tag_ids": []}) == ([], wednesday)
    clock.advance(seconds=24 * 3600)
    assert await update({"tag_ids": []}) == ([], wednesday)
    assert await update({"tag_ids": [99]}) == ([], wednesday)
    assert await make.wrong_counters() == []


@pytest.mark.parametrize("sent", [["x"], ["1.5"], [None], [[1]], "x", [{"id": 1}]])
async def test_an_item_that_is_no_integer_is_rejected_and_nothing_is_stored(
    sent: Any, make: Factory, productlift: Client
) -> None:
    await make.tag("Urgent")
    kept = (await productlift.post("/posts", json={"title": "Idea", "tag_ids": [1]})).json()["data"]
    error = invalid(**{"tag_ids.0": "The tag_ids.0 must be an integer."})

    assert status_and_json(await productlift.post("/posts", json={"title": "Other", "tag_ids": sent})) == error
    assert (
        status_and_json(await productlift.patch(f"/posts/{kept['id']}", json={"title": "New", "tag_ids": sent}))
        == error
    )
    assert (await productlift.get("/posts")).json()["data"] == [kept]


async def test_a_post_with_tags_and_a_file_has_both(make: Factory, productlift: Client) -> None:
    await make.tag("Urgent")

    created = await productlift.post(
        "/posts", data={"title": "Idea", "tag_ids[]": ["1"]}, files={"attachment": ("a.txt", b"text")}
    )

    assert names_of(created.json()["data"]) == ["Urgent"]
    assert await make.value("SELECT count(*) FROM attachments") == 1


async def test_a_post_without_tags_is_created_by_the_same_statements_as_before(make: Factory) -> None:
    tag = await make.tag()

    def submit(title: str, *tag_ids: int) -> Any:
        new_post = NewPost(title=title, description="", author=make.owner, tag_ids=tag_ids)
        return lambda work: create.create_post(work, new_post)

    without, tagged = await statements_of(make, submit("One")), await statements_of(make, submit("Two", tag))

    # One for the tags, one for their number.
    assert len(tagged) == len(without) + 2
    assert not any("post_tags" in statement.compiled(make.server.database.engine).text for statement in without)
    if make.server.database.engine == "postgresql":
        assert len(without) == 1


async def test_tags_are_never_shown_outside_of_this_dialect(
    make: Factory, productlift: Client, astuto: Client, anyone: Client
) -> None:
    tag = await make.tag("Xylophone", color="#a1b2c3")
    created = (await productlift.post("/posts", json={"title": "Idea", "tag_ids": [tag]})).json()["data"]
    await productlift.patch(f"/posts/{created['id']}", json={"title": "Ideas"})
    number = await make.value("SELECT id FROM posts")
    visitor = anyone.of(None, base="")
    page = await visitor.get(created["url"])

    shown = [
        page,
        await visitor.get("/"),
        await visitor.get("/posts/idea"),
        await astuto.get("/posts"),
        await astuto.get(f"/posts/{number}"),
        await astuto.put(f"/posts/{number}", json={"title": "Ideas for all"}),
        await productlift.get("/posts/search_duplicates?title=Ideas"),
    ]

    assert [response.status_code for response in shown] == [200] * len(shown)
    assert "Ideas" in page.text
    for response in shown:
        assert "Xylophone" not in response.text
        assert "a1b2c3" not in response.text
        assert '"tags"' not in response.text
    events = await make.rows("SELECT body FROM facts WHERE body IS NOT NULL")
    assert "Xylophone" not in str(events)
    # An update through the other dialect keeps them.
    assert names_of((await productlift.get(f"/posts/{created['id']}")).json()["data"]) == ["Xylophone"]

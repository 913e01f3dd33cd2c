"""Each decided point of ProductLift's contract, one test a point. docs/contracts/productlift.md, section 8."""

import pytest

from app.application import Application
from app.domain.posts.update import PostUpdate, update_post
from tests.support.clients import Client, status_and_json
from tests.support.factory import Factory
from tests.support.productlift import DELETED, UNKNOWN_TAB, UNKNOWN_UUID, invalid, message_error, owner, unknown, user
from tests.support.servers import Postgres

UNAUTHENTICATED = (401, {"message": "Unauthenticated."})


async def test_8_1_tabs_require_a_key(make: Factory, productlift: Client) -> None:
    anonymous = productlift.of(None)

    for path in ("/tabs/99", "/tabs/99/fetch", "/tabs/roadmap", "/tabs"):
        assert status_and_json(await anonymous.get(path)) == UNAUTHENTICATED
    assert (
        status_and_json(await productlift.get("/tabs/99"))
        == status_and_json(await productlift.get("/tabs/99/fetch"))
        == UNKNOWN_TAB
    )


async def test_8_2_an_unknown_author_returns_404(make: Factory, productlift: Client) -> None:
    administrator = await make.user(name="Ann", email="ann@example.com", role="admin")
    anns = productlift.of(await make.key(administrator, "productlift"))
    uuid = await make.uuid(administrator)

    assert status_and_json(await anns.post("/posts", json={"title": "Idea", "user_id": UNKNOWN_UUID})) == unknown(
        "User", UNKNOWN_UUID
    )
    missing = (await anns.post("/posts", json={"title": "Idea"})).json()["data"]
    null = (await anns.post("/posts", json={"title": "Idea", "user_id": None})).json()["data"]
    anonymous = (await anns.patch(f"/posts/{null['id']}", json={"user_id": None})).json()["data"]

    assert missing["author"] == user(uuid, "Ann", "ann@example.com", role="admin", posts=1)
    assert null["author"] == user(uuid, "Ann", "ann@example.com", role="admin", posts=2)
    assert anonymous["author"] is None
    assert await make.value("SELECT count(*) FROM posts") == 2


async def test_8_3_the_posts_of_a_search_are_always_a_list(make: Factory, productlift: Client) -> None:
    code = await make.code(await make.post(title="Dark mode", description="At night"))
    path = "/posts/search_duplicates"

    assert (await productlift.get(path, params={"title": "Spreadsheet"})).json() == {"count": 0, "posts": []}
    assert (await productlift.get(path, params={"title": "Dark mode"})).json() == {
        "count": 1,
        "posts": [{"id": code, "title": "Dark mode", "description": "At night"}],
    }


async def test_8_4_a_delete_returns_200_with_an_empty_object(make: Factory, productlift: Client) -> None:
    post, voter = await make.post(), await make.uuid(await make.user())
    await make.comment(post)
    await productlift.post(f"/posts/{post}/votes/{voter}")

    for path in (
        f"/posts/{post}/votes/{voter}",
        f"/posts/{post}/comments/1",
        f"/posts/{post}",
        f"/categories/{await make.category()}",
        f"/sections/{await make.section()}",
        f"/statuses/{make.statuses['Rejected']}",
        f"/users/{voter}",
    ):
        response = await productlift.delete(path)
        assert status_and_json(response) == DELETED
        assert response.headers["content-type"] == "application/json"
        assert response.content == b"{}"


async def test_8_5_an_invalid_email_is_reported_under_the_key_email(productlift: Client) -> None:
    response = await productlift.send_json("GET", "/users/find_by_email", {"email": "no address"})

    assert status_and_json(response) == invalid(email="The email must be a valid email address.")


@pytest.mark.parametrize(
    ("color", "text_color"),
    [
        ("#FFCCB6", "#693620"),
        ("#fcb", "#693625"),
        ("#000", "#969696"),
        ("#000000", "#969696"),
        ("#FFFFFF", "#696969"),
        ("#7f7f7f", "#ffffff"),
        ("#808080", "#000000"),
        ("#9437ff", "#ffcdff"),
    ],
)
async def test_8_6_the_text_color_of_a_status_is_computed_from_its_color(
    color: str, text_color: str, make: Factory, productlift: Client
) -> None:
    sent = {"name": "Idea", "color": color, "tab_id": make.tabs["feedback"]}

    created = (await productlift.post("/statuses", json=sent)).json()["data"]

    assert (created["color"], created["text_color"]) == (color, text_color)


async def test_8_6_an_explicit_text_color_takes_precedence(make: Factory, productlift: Client) -> None:
    await make.run("UPDATE statuses SET text_color = '#123456' WHERE name = 'Planned'")

    shown = {each["name"]: each["text_color"] for each in (await productlift.get("/statuses")).json()["data"]}

    assert (shown["Planned"], shown["New"]) == ("#123456", "#00000b")


async def test_8_7_the_email_of_a_user_is_optional_and_a_category_name_required(productlift: Client) -> None:
    nameless = await productlift.post("/users", json={"role": "member"})
    uuid = nameless.json()["data"]["id"]

    assert status_and_json(nameless) == (200, {"data": user(uuid, "User")})
    assert status_and_json(await productlift.get(f"/users/{uuid}")) == (200, {"data": user(uuid, "User")})
    assert status_and_json(await productlift.post("/categories", json={"color": "#fff"})) == invalid(
        name="The name field is required."
    )


async def test_8_8_users_are_listed_in_pages_like_posts(make: Factory, productlift: Client) -> None:
    listed = await productlift.get("/users")

    assert status_and_json(listed) == (
        200,
        {"data": [owner(await make.uuid(make.owner))], "hasMore": False, "total": 1, "skip": 0, "limit": 10},
    )
    assert list(listed.json()) == list((await productlift.get("/posts")).json())


async def test_8_9_votes_are_returned_with_their_voters(make: Factory, productlift: Client) -> None:
    post, uuid = await make.post(), await make.uuid(await make.user(email="jane@example.com"))

    cast = (await productlift.post(f"/posts/{post}/votes/{uuid}")).json()["data"]

    assert list(cast) == ["id", "created_at", "voter"]
    assert cast["voter"] == user(uuid, "Jane Roe", "jane@example.com", votes=1)
    assert (await productlift.get(f"/posts/{post}/votes")).json() == {"data": [cast]}


async def test_8_10_a_second_vote_is_rejected_and_changes_nothing(make: Factory, productlift: Client) -> None:
    post, uuid = await make.post(), await make.uuid(await make.user())
    path = f"/posts/{post}/votes/{uuid}"
    await productlift.post(path)
    before = (await productlift.get(f"/posts/{post}/votes")).json()

    assert status_and_json(await productlift.post(path)) == message_error("User has already voted.")
    assert (await productlift.get(f"/posts/{post}/votes")).json() == before
    assert await make.wrong_counters() == []


async def test_8_11_a_create_returns_200(make: Factory, productlift: Client) -> None:
    post, uuid = await make.post(), await make.uuid(make.owner)
    tab = make.tabs["feedback"]

    for path, sent in (
        ("/posts", {"title": "Idea"}),
        ("/categories", {"name": "Speed"}),
        ("/users", {"role": "member"}),
        ("/statuses", {"name": "Idea", "tab_id": tab}),
        ("/sections", {"title": "Later", "tab_id": tab}),
        (f"/posts/{post}/votes/{uuid}", None),
        (f"/posts/{post}/comments", {"comment": "Yes"}),
    ):
        assert (await productlift.send_json("POST", path, sent)).status_code == 200


async def test_8_12_a_post_is_found_by_code_and_then_by_id(make: Factory, productlift: Client) -> None:
    number = await make.post(title="By number")
    code, uuid = await make.code(number), await make.uuid(make.owner)

    for key in (code, str(number)):
        assert (await productlift.get(f"/posts/{key}")).json()["data"]["id"] == code
        assert (await productlift.patch(f"/posts/{key}", json={})).json()["data"]["id"] == code
        assert (await productlift.post(f"/posts/{key}/votes/{uuid}")).status_code == 200
        assert len((await productlift.get(f"/posts/{key}/votes")).json()["data"]) == 1
        assert status_and_json(await productlift.delete(f"/posts/{key}/votes/{uuid}")) == DELETED
        assert (await productlift.post(f"/posts/{key}/comments", json={"comment": "Yes"})).status_code == 200
    assert len((await productlift.get(f"/posts/{number}/comments")).json()["data"]) == 2
    assert status_and_json(await productlift.get(f"/posts/{code.swapcase()}x")) == unknown(
        "Post", f"{code.swapcase()}x"
    )
    assert status_and_json(await productlift.delete(f"/posts/{number}")) == DELETED


async def test_8_12_a_code_of_digits_takes_precedence_over_an_id(make: Factory, productlift: Client) -> None:
    digits, other = await make.post(title="Has digits for a code"), await make.post(title="Has that number")
    uuid = await make.uuid(make.owner)
    await make.run("UPDATE posts SET id = 123456 WHERE id = :id", id=other)
    await make.run("UPDATE posts SET id = 123457 WHERE id = :id", id=await make.post(title="Has another number"))
    await make.run("UPDATE posts SET code = '123456' WHERE id = :id", id=digits)

    assert (await productlift.get("/posts/123456")).json()["data"]["title"] == "Has digits for a code"
    assert (await productlift.get("/posts/123457")).json()["data"]["title"] == "Has another number"
    for voted, path in ((digits, f"/posts/123456/votes/{uuid}"), (123457, f"/posts/123457/votes/{uuid}")):
        await productlift.post(path)
        assert await make.rows("SELECT post_id FROM votes") == [{"post_id": voted}]
        assert status_and_json(await productlift.delete(path)) == DELETED


async def test_8_13_a_limit_is_from_1_to_100_and_10_by_default(productlift: Client) -> None:
    for path in ("/posts", "/users", "/tabs/roadmap/fetch"):
        assert (await productlift.get(path)).json()["limit"] == 10
        assert (await productlift.get(f"{path}?limit=1")).json()["limit"] == 1
        assert (await productlift.get(f"{path}?limit=100")).json()["limit"] == 100
        assert status_and_json(await productlift.get(f"{path}?limit=0")) == invalid(
            limit="The limit must be at least 1."
        )
        assert status_and_json(await productlift.get(f"{path}?limit=101")) == invalid(
            limit="The limit must not be greater than 100."
        )


async def test_8_14_a_category_update_requires_a_color(make: Factory, productlift: Client) -> None:
    category = await make.category()

    response = await productlift.patch(f"/categories/{category}", json={"name": "Pace"})

    assert status_and_json(response) == invalid(color="The color field is required.")
    assert await make.value("SELECT name FROM categories") == "Speed"


async def test_8_15_only_the_roles_admin_and_member_are_accepted_and_returned(
    make: Factory, productlift: Client
) -> None:
    shown = {}
    for role in ("user", "moderator", "admin"):
        uuid = await make.uuid(await make.user(role=role))
        shown[role] = (await productlift.get(f"/users/{uuid}")).json()["data"]["role"]
    shown["owner"] = (await productlift.get(f"/users/{await make.uuid(make.owner)}")).json()["data"]["role"]

    assert shown == {"user": "member", "moderator": "member", "admin": "admin", "owner": "admin"}
    for role in ("user", "moderator", "owner", "Admin", "guest"):
        assert status_and_json(await productlift.post("/users", json={"role": role})) == invalid(
            role="The selected role is invalid."
        )


async def test_8_16_a_post_has_a_list_of_categories_and_the_first_of_them(make: Factory, productlift: Client) -> None:
    category = await make.category()
    other = await make.category("Other }, {")

    created = (await productlift.post("/posts", json={"title": "Idea", "category_id": category})).json()["data"]

    assert created["categories"] == [{"id": category, "name": "Speed", "color": "#ABDEE6"}]
    assert created["category"] == {"id": category, "name": "Speed", "color": "#ABDEE6"}
    without = (await productlift.post("/posts", json={"title": "Idea"})).json()["data"]
    assert (without["categories"], without["category"]) == ([], None)
    for category_ids, first in (([other, category], category), ([other], other)):
        changed = PostUpdate(category_ids=category_ids)
        await make.act(lambda work, changed=changed: update_post(work, 1, changed))
        row = (await productlift.get("/posts/1")).json()["data"]
        assert [each["id"] for each in row["categories"]] == sorted(category_ids)
        assert row["category"] == next(each for each in row["categories"] if each["id"] == first)


@pytest.mark.parametrize("filter_", ["tab=nothing", "category=99", "section=99"])
async def test_7_15_an_unknown_filter_value_returns_an_empty_list(
    filter_: str, make: Factory, productlift: Client
) -> None:
    await make.post(status="New")

    assert status_and_json(await productlift.get(f"/posts?{filter_}")) == (
        200,
        {"data": [], "hasMore": False, "total": 0, "skip": 0, "limit": 10},
    )


async def test_7_21_the_owner_can_not_be_deleted(make: Factory, productlift: Client) -> None:
    uuid = await make.uuid(make.owner)

    assert status_and_json(await productlift.delete(f"/users/{uuid}")) == message_error(
        "The owner of the portal can not be deleted."
    )
    assert (await productlift.get(f"/users/{uuid}")).status_code == 200


async def test_7_20_only_the_owner_can_change_the_owners_email_and_password(make: Factory, productlift: Client) -> None:
    path = f"/users/{await make.uuid(make.owner)}"
    admin = productlift.of(await make.key(await make.user(role="admin"), "productlift"))

    for sent in ({"email": "mine@example.com"}, {"password": "correct horse"}):
        assert status_and_json(await admin.patch(path, json=sent)) == message_error(
            "The email and password of the owner can only be changed by the owner."
        )
    assert (await productlift.patch(path, json={"password": "correct horse"})).status_code == 200


async def test_votes_and_posts_for_a_blocked_user_are_accepted(make: Factory, productlift: Client) -> None:
    jane, post = await make.user(), await make.post()
    uuid = await make.uuid(jane)
    await make.run("UPDATE users SET blocked_at = created_at WHERE id = :id", id=jane)

    assert (await productlift.post(f"/posts/{post}/votes/{uuid}")).status_code == 200
    assert (await productlift.post("/posts", json={"title": "Idea", "user_id": uuid})).status_code == 200
    shown = (await productlift.get(f"/users/{uuid}")).json()["data"]
    assert (shown["counter_votes"], shown["counter_posts"]) == (1, 1)


async def test_an_unavailable_database_causes_503_until_it_is_available(
    server_without_database: Application, postgres: Postgres
) -> None:
    async with Client(server_without_database, token="1|whoever") as client:
        unavailable = await client.get("/posts")
        postgres.start()
        again = await client.get("/posts")

    assert status_and_json(unavailable) == (503, {"message": "Service Unavailable"})
    assert unavailable.headers["retry-after"] == "2"
    assert status_and_json(again) == UNAUTHENTICATED

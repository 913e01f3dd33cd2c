"""The triggers of Astuto's webhooks, and their variables. docs/contracts/astuto.md, section 3.5."""

import pytest

from app.domain.portals import statuses
from app.domain.posts import moderation, update
from app.domain.users import deletion, sign_on, users
from app.domain.users.sign_on import SignOn
from app.outbox.webhooks.astuto import AstutoExpander
from tests.outbox.webhooks.astuto_calls import (
    AT,
    TENANT,
    add_templates,
    as_texts,
    board,
    dated,
    expander,
    is_same,
    load_variables,
    only_call,
    owner,
    post,
    user,
)
from tests.outbox.webhooks.expansion import expand, forget_events
from tests.support.clients import Client
from tests.support.factory import Factory

__all__ = ["dated", "expander"]


THROUGH = pytest.mark.parametrize("through", ["productlift", "astuto", "operator"])


@THROUGH
async def test_a_new_post_has_author_and_board(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    await add_templates(make)
    if through == "productlift":
        await productlift.post("/posts", json={"title": "Dark mode", "description": 'At "night"\nonly'})
    elif through == "astuto":
        new = {"title": "Dark mode", "description": 'At "night"\nonly', "board_id": make.boards["Feature Requests"]}
        await astuto.post("/posts", json=new)
    else:
        await make.post(title="Dark mode", description='At "night"\nonly')

    sent = await only_call(make, expander, "new_post")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner, description='At "night"\nonly'),
        "post_author": owner(make),
        "board": board(make),
    }
    assert is_same(sent, expected)


@pytest.mark.parametrize(
    ("state", "trigger"),
    [("approved", "new_post"), ("pending", "new_post_pending_approval"), ("rejected", None)],
)
async def test_the_trigger_of_a_post_depends_on_its_first_state(
    state: str, trigger: str | None, make: Factory, expander: AstutoExpander
) -> None:
    await add_templates(make)
    created = await make.post(moderation=state)
    # Decisions before the call is made change nothing.
    await make.act(lambda work: moderation.set(work, created, "approved" if state != "approved" else "pending"))

    assert [delivery.kind for delivery in await expand(make, expander)] == ([] if trigger is None else [trigger])


async def test_a_pending_post_by_the_policy_of_the_portal_is_sent_as_pending(
    make: Factory, expander: AstutoExpander, productlift: Client
) -> None:
    await add_templates(make)
    await make.run("UPDATE portals SET moderation_policy = 'always'")
    jane = await make.user()
    await forget_events(make)

    await productlift.post("/posts", json={"title": "Dark mode", "user_id": await make.uuid(jane)})

    kinds = [delivery.kind for delivery in await expand(make, expander)]
    assert kinds == ["new_post_pending_approval"]


@THROUGH
async def test_a_deleted_post_has_its_id_only(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    created = await make.post()
    await add_templates(make)
    if through == "productlift":
        await productlift.delete(f"/posts/{await make.code(created)}")
    elif through == "astuto":
        await astuto.delete(f"/posts/{created}")
    else:
        await make.act(lambda work: update.delete(work, created))

    assert is_same(await only_call(make, expander, "delete_post"), {"tenant": TENANT, "post": {"id": str(created)}})


@THROUGH
async def test_a_status_change_has_the_new_status(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    created, planned = await make.post(title="Dark mode"), make.statuses["Planned"]
    await add_templates(make)
    if through == "productlift":
        await productlift.put(f"/posts/{await make.code(created)}", json={"status_id": planned})
    elif through == "astuto":
        await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": planned})
    else:
        await make.act(lambda work: update.change_status(work, created, planned, user_id=make.owner))

    sent = await only_call(make, expander, "post_status_change")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner),
        "post_author": owner(make),
        "board": board(make),
        "post_status": as_texts({"id": planned, "name": "Planned", "color": "#0096ff", "show_in_roadmap": True, **AT}),
    }
    assert is_same(sent, expected)


async def test_a_removed_status_has_a_name_and_a_color_but_no_id(
    make: Factory, astuto: Client, expander: AstutoExpander
) -> None:
    created = await make.post(status="Planned")
    await add_templates(make)

    await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": None})

    sent = await only_call(make, expander, "post_status_change")
    assert is_same(sent["post_status"], {"name": "None", "color": "#000000"})


async def test_each_status_change_has_the_status_of_its_time(
    make: Factory, astuto: Client, expander: AstutoExpander
) -> None:
    created = await make.post()
    await add_templates(make)
    for name in ("Planned", "Completed", "Rejected"):
        await astuto.put(f"/posts/{created}/update_status", json={"post_status_id": make.statuses[name]})
    await make.act(lambda work: statuses.delete(work, make.statuses["Completed"]))

    sent = [load_variables(delivery)["post_status"] for delivery in await expand(make, expander)]

    assert [status["name"] for status in sent] == ["Planned", "Completed", "Rejected"]
    assert sent[1] == {"id": str(make.statuses["Completed"]), "name": "Completed", "color": "#6ac47c"}


async def test_posts_of_a_deleted_status_are_sent_with_the_one_that_replaces_it(
    make: Factory, expander: AstutoExpander
) -> None:
    await make.post(status="Completed")
    await add_templates(make)
    default = await make.value("SELECT name FROM statuses WHERE is_default")
    await make.act(lambda work: statuses.delete(work, make.statuses["Completed"]))
    await make.act(lambda work: statuses.make_default(work, make.statuses["Planned"]))
    await make.act(lambda work: statuses.delete(work, make.statuses[default]))

    sent = [load_variables(delivery)["post_status"]["name"] for delivery in await expand(make, expander)]

    # The second deletion moves the post again; the first call has kept the status that is gone by then.
    assert sent == [default, "Planned"]


@THROUGH
async def test_a_comment_has_its_author_and_its_post(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    created = await make.post(title="Dark mode", author=jane)
    await add_templates(make)
    if through == "productlift":
        await productlift.post(f"/posts/{await make.code(created)}/comments", json={"comment": "Well said"})
    elif through == "astuto":
        await astuto.post("/comments", json={"post_id": created, "body": "Well said"})
    else:
        await make.comment(created, body="Well said")

    sent = await only_call(make, expander, "new_comment")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=jane),
        "post_author": user(jane, "jane@example.com", "Jane Roe"),
        "board": board(make),
        "comment": as_texts({"id": 1, "body": "Well said", "user_id": make.owner, "post_id": created, **AT}),
        "comment_author": owner(make),
    }
    assert is_same(sent, expected)


@THROUGH
async def test_a_vote_has_its_voter_and_its_post(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    jane = await make.user(name="Jane Roe", email="jane@example.com")
    created = await make.post(title="Dark mode")
    await add_templates(make)
    if through == "productlift":
        await productlift.post(f"/posts/{await make.code(created)}/votes/{await make.uuid(jane)}")
    elif through == "astuto":
        await astuto.post("/votes", json={"post_id": created, "impersonated_user_id": jane})
    else:
        await make.vote(created, jane)

    sent = await only_call(make, expander, "new_vote")

    expected = {
        "tenant": TENANT,
        "post": post(make, 1, "Dark mode", "dark-mode", author=make.owner),
        "post_author": owner(make),
        "board": board(make),
        "vote_author": user(jane, "jane@example.com", "Jane Roe"),
    }
    assert is_same(sent, expected)


async def test_authors_are_the_impersonated_users(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    jane = await make.user(name="Jane Roe")
    created = await make.post()
    await add_templates(make)
    new_post = {"title": "Dark mode", "board_id": make.boards["Bug Reports"], "impersonated_user_id": jane}
    await astuto.post("/posts", json=new_post)
    await astuto.post("/comments", json={"post_id": created, "body": "Well said", "impersonated_user_id": jane})
    await astuto.post("/votes", json={"post_id": created, "impersonated_user_id": jane})

    sent = {delivery.kind: load_variables(delivery) for delivery in await expand(make, expander)}

    assert sent["new_post"]["post_author"]["full_name"] == "Jane Roe"
    assert sent["new_comment"]["comment_author"]["full_name"] == "Jane Roe"
    assert sent["new_vote"]["vote_author"]["full_name"] == "Jane Roe"
    assert sent["new_vote"]["post_author"]["full_name"] == "Owner"


@pytest.mark.parametrize("through", ["productlift", "astuto", "operator", "sign_on"])
async def test_a_new_user_is_sent_whoever_created_it(
    through: str, dated: Factory, productlift: Client, astuto: Client, expander: AstutoExpander
) -> None:
    make = dated
    await add_templates(make)
    email = "jane@example.com"
    if through == "productlift":
        await productlift.post("/users", json={"name": "Jane Roe", "email": email, "role": "member"})
    elif through == "astuto":
        await astuto.post("/users", json={"full_name": "Jane Roe", "email": email})
    elif through == "operator":
        await make.user(name="Jane Roe", email=email)
    else:
        who = SignOn(email, "j1", "Jane Roe", {})
        await make.act(lambda work: sign_on.sign_on(work, who))

    sent = await only_call(make, expander, "new_user")

    jane = await make.value("SELECT max(id) FROM users")
    assert is_same(sent, {"tenant": TENANT, "user": user(jane, email, "Jane Roe")})


async def test_a_repeated_registration_sends_nothing(make: Factory, astuto: Client, expander: AstutoExpander) -> None:
    await add_templates(make)
    for _ in range(2):
        await astuto.post("/users", json={"full_name": "Jane Roe", "email": "jane@example.com"})

    assert [delivery.kind for delivery in await expand(make, expander)] == ["new_user"]


async def test_a_user_has_its_role_and_its_status(make: Factory, expander: AstutoExpander) -> None:
    await add_templates(make, "new_user")
    created = [await make.user(role=role) for role in ("user", "moderator", "admin", "user", "user")]
    await make.act(lambda work: users.block(work, created[3]))
    await make.act(lambda work: deletion.delete(work, created[4], with_content=False))

    sent = [load_variables(delivery)["user"] for delivery in await expand(make, expander)]

    assert [(one["role"], one["status"]) for one in sent] == [
        ("user", "active"),
        ("moderator", "active"),
        ("admin", "active"),
        ("user", "blocked"),
        ("user", "deleted"),
    ]
    assert sent[4]["full_name"] == "[User Deleted]"
    assert sent[4]["email"] == f"deleted-{created[4]}@deleted.invalid"

"""The export of a user's data."""

import json
from typing import Any

from app.domain import feedback
from app.domain.notifications import choices
from app.domain.permissions import Actor
from app.domain.posts import follows
from app.domain.users import api_keys, own_data, sessions
from app.domain.users import profile as profiles
from tests.support.factory import Factory


async def export(make: Factory, user: int) -> dict[str, Any]:
    exported = await make.act(lambda work: own_data.export_own_data(work, user), actor=Actor(user, "user"))
    # It is ready for JSON.
    loaded: dict[str, Any] = json.loads(json.dumps(exported))
    return loaded


async def test_an_export_has_all_data_of_the_user_and_nobody_elses(make: Factory) -> None:
    user = await make.user(name="Jane Roe", email="jane@example.com", role="admin")
    other = await make.user(name="Jim", email="jim@example.com")
    own = await make.post(title="Dark mode", description="At night", author=user, status="New")
    foreign = await make.post(title="Export", author=other, votes_by=[user, other])
    hidden = await make.post(title="Secret plan", author=other, moderation="pending", votes_by=[user])
    await make.comment(foreign, author=user, body="Mine")
    await make.comment(foreign, author=other, body="Theirs")
    for post in (own, foreign):
        await make.act(lambda work, post=post: follows.add(work, post_id=post, user_id=user))  # type: ignore[misc]
    await make.act(lambda work: choices.set_choice(work, user, "reply", "never"))
    token = await make.act(lambda work: sessions.create(work, user_id=user, method="password", user_agent="Firefox"))
    key = await make.act(
        lambda work: api_keys.issue(work, user_id=user, dialect="astuto", secret=b"secret", name="Report")
    )
    for author, title in ((user, "Slow"), (other, "Broken")):
        await make.act(
            lambda work, author=author, title=title: feedback.create(  # type: ignore[misc]
                work, title=title, description="Since Monday", user_id=author, post_id=own
            )
        )
    for post, name in ((own, "mine"), (foreign, "theirs")):
        await make.run(
            "INSERT INTO attachments (portal_id, post_id, kind, name, original_name, media_type, size, created_at) "
            "SELECT portal_id, id, 'image', CAST(:name AS VARCHAR), 'Screen.png', 'image/png', 7, created_at "
            "FROM posts WHERE id = :id",
            id=post,
            name=f"{name}.png",
        )
    await make.act(lambda work: profiles.set_picture(work, user, "me.webp"))
    codes = {post: await make.code(post) for post in (own, foreign, hidden)}

    data = await export(make, user)

    profile = data["profile"]
    assert (profile["name"], profile["email"], profile["role"], profile["notifications_enabled"]) == (
        "Jane Roe", "jane@example.com", "admin", True,
    )  # fmt: skip
    assert profile["created_at"].endswith("Z")
    (post,) = data["posts"]
    assert (post["code"], post["title"], post["description"], post["status"], post["published"]) == (
        codes[own], "Dark mode", "At night", "New", True,
    )  # fmt: skip
    # The title of a post that the user does not see is left out.
    assert [(vote["post"], vote["title"]) for vote in data["votes"]] == [
        (codes[foreign], "Export"),
        (codes[hidden], None),
    ]
    assert [(comment["post"], comment["body"]) for comment in data["comments"]] == [(codes[foreign], "Mine")]
    assert profile["picture"] == "me.webp"
    assert [(file["post"], file["name"], file["original_name"], file["size"]) for file in data["files"]] == [
        (codes[own], "mine.png", "Screen.png", 7)
    ]
    assert [(each["title"], each["description"], each["post"]) for each in data["feedback"]] == [
        ("Slow", "Since Monday", codes[own])
    ]
    assert [follow["post"] for follow in data["follows"]] == [codes[own], codes[foreign]]
    assert data["notification_choices"] == [{"kind": "reply", "cadence": "never"}]
    assert [(session["method"], session["user_agent"]) for session in data["sessions"]] == [("password", "Firefox")]
    assert [(each["name"], each["dialect"]) for each in data["api_keys"]] == [("Report", "astuto")]
    assert (data["passkeys"], data["identities"], data["is_complete"]) == ([], [], True)
    text = json.dumps(data)
    digests = [
        row["digest"] for row in await make.rows("SELECT digest FROM sessions UNION ALL SELECT digest FROM api_keys")
    ]
    for secret in (token, key.token, *digests, "Theirs", "jim@example.com", "Secret plan"):
        assert secret not in text


async def test_long_lists_are_read_in_chunks_and_the_export_is_bounded(make: Factory) -> None:
    user = await make.user()
    post = await make.post()
    number = own_data.CHUNK + 5
    await make.run(
        "INSERT INTO comments (portal_id, post_id, user_id, body, created_at, updated_at) "
        "WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < :last) "
        "SELECT portal_id, id, CAST(:u AS BIGINT), 'Comment ' || number, created_at, updated_at "
        "FROM posts CROSS JOIN numbers WHERE id = :id",
        id=post,
        u=user,
        last=number - 1,
    )

    data = await export(make, user)

    assert [comment["body"] for comment in data["comments"]] == [f"Comment {index}" for index in range(number)]
    long = "x" * (own_data.MAX_CHARACTERS // 2)
    await make.run("UPDATE comments SET body = :body WHERE body IN ('Comment 0', 'Comment 1', 'Comment 2')", body=long)
    data = await export(make, user)
    assert (data["is_complete"], len(data["comments"])) == (False, 1)

"""The tabs of the account for notifications, the user's own activity, sessions and passkeys."""

import pytest

from app.domain.notifications import choices
from app.domain.posts import follows
from app.domain.users import passkeys, sessions
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.factory import Factory
from tests.web.routes.portal.conftest import SignIn
from tests.web.routes.portal.profile_forms import place, send

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def session(make: Factory, user: int, user_agent: str) -> str:
    return await make.act(lambda work: sessions.create(work, user_id=user, method="email", user_agent=user_agent))


async def passkey(make: Factory, user: int, name: str = "Phone") -> int:
    return await make.act(
        lambda work: passkeys.add(
            work, user_id=user, credential_id=f"of {user}", public_key="key", sign_count=0, name=name
        )
    )


async def test_the_choices_of_notifications_are_saved(make: Factory, sign_in: SignIn) -> None:
    user = await make.user()
    browser = await sign_in(user)
    page = "/profile/notifications"
    assert "New posts" not in (await browser.get(page)).text

    response = await send(browser, page, page, enabled="false", comment="weekly", mention="never")

    assert place(response) == (303, "/profile/notifications?notice=notifications-saved")
    chosen = await make.act(lambda work: choices.get_choices(work, user))
    assert (chosen.enabled, chosen.cadences["comment"], chosen.cadences["reply"]) == (False, "weekly", "at_once")
    shown = (await browser.get(page)).text
    assert '<option value="weekly" selected>' in shown.partition('id="comment"')[2].partition("</select>")[0]


async def test_the_team_chooses_its_kinds_and_the_summary(make: Factory, sign_in: SignIn) -> None:
    user = await make.user(role="moderator")
    browser = await sign_in(user)

    await send(browser, "/profile/notifications", "/profile/notifications", new_post="daily", recap="monthly")

    chosen = await make.act(lambda work: choices.get_choices(work, user))
    assert (chosen.cadences["new_post"], chosen.recap) == ("daily", "monthly")


async def test_a_choice_that_is_none_changes_nothing(make: Factory, sign_in: SignIn) -> None:
    user = await make.user()
    browser = await sign_in(user)

    response = await send(browser, "/profile/notifications", "/profile/notifications", comment="weekly", reply="hourly")

    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert (await make.act(lambda work: choices.get_choices(work, user))).cadences["comment"] == "at_once"


async def test_the_activity_lists_what_is_the_users_own(make: Factory, sign_in: SignIn) -> None:
    user, other = await make.user(), await make.user()
    await make.post(title="Mine in the queue", author=user, moderation="pending")
    voted = await make.post(title="Voted for", author=other)
    await make.vote(voted, user)
    followed = await make.post(title="Followed only", author=other)
    await make.act(lambda work: follows.add(work, post_id=followed, user_id=user))
    commented = await make.post(title="Commented on", author=other)
    await make.comment(commented, author=user, body="It is **bold**")
    await make.comment(commented, author=other, body="Of another user")
    hidden = await make.post(title="Hidden by now", author=other, moderation="rejected")
    await make.comment(hidden, author=user, body="On a hidden post")
    browser = await sign_in(user)

    titles = ("Mine in the queue", "Voted for", "Followed only", "Commented on", "Hidden by now")
    expected = {"posted": {titles[0]}, "voted": {titles[1]}, "followed": {titles[2]}, "commented": {titles[3]}}
    for kind, shown in expected.items():
        page = (await browser.get(f"/profile/activity?show={kind}")).text
        assert {title for title in titles if f">{title}</a>" in page} == shown
    page = (await browser.get("/profile/activity?show=commented")).text
    assert "It is bold" in page
    assert "Of another user" not in page
    assert (await browser.get("/profile/activity?show=x&page=x")).text.count("Mine in the queue") > 0


@pytest.mark.parametrize("kind", ["posted", "commented"])
async def test_the_activity_is_paged(make: Factory, sign_in: SignIn, kind: str) -> None:
    user = await make.user()
    post = await make.post()
    for number in range(21):
        if kind == "posted":
            await make.post(title=f"Number {number:02}", author=user)
        else:
            await make.comment(post, author=user, body=f"Number {number:02}")
    browser = await sign_in(user)

    first = (await browser.get(f"/profile/activity?show={kind}")).text
    second = (await browser.get(f"/profile/activity?show={kind}&page=2")).text

    assert f'href="/profile/activity?show={kind}&amp;page=2"' in first
    assert ("Number 20" in first, "Number 00" in first) == (True, False)
    assert ("Number 20" in second, "Number 00" in second) == (False, True)
    assert 'rel="next"' not in second
    assert "Nothing more" in (await browser.get(f"/profile/activity?show={kind}&page=3")).text


async def test_sessions_have_the_browser_and_the_last_use(make: Factory, sign_in: SignIn, clock: TestClock) -> None:
    user = await make.user()
    await session(make, user, FIREFOX)
    await session(make, user, "x" * 200)
    await session(make, user, "")
    clock.advance(hours=2)
    browser = await sign_in(user)

    page = (await browser.get("/profile/sessions")).text

    assert "Firefox on Linux" in page
    assert "Last used 2 hours ago" in page
    assert "x" * 59 + "…" in page
    assert "Unknown browser" in page
    assert page.count("This browser") == 1
    assert page.count('/end"') == 3


async def test_one_session_is_ended(make: Factory, sign_in: SignIn) -> None:
    user = await make.user()
    browser, other, third = await sign_in(user), await sign_in(user), await sign_in(user)
    ids = [row["id"] for row in await make.rows("SELECT id FROM sessions ORDER BY id")]

    response = await send(browser, f"/profile/sessions/{ids[1]}/end", "/profile/sessions")

    assert place(response) == (303, "/profile/sessions?notice=session-ended")
    assert [(await each.get("/profile")).status_code for each in (browser, other, third)] == [200, 303, 200]
    # A double click.
    assert (await send(browser, f"/profile/sessions/{ids[1]}/end", "/profile/sessions")).status_code == 303


async def test_all_other_sessions_are_ended(make: Factory, sign_in: SignIn) -> None:
    user, stranger = await make.user(), await make.user()
    browser, other, third = await sign_in(user), await sign_in(user), await sign_in(stranger)

    response = await send(browser, "/profile/sessions/end-others", "/profile/sessions")

    assert place(response) == (303, "/profile/sessions?notice=other-sessions-ended")
    assert [(await each.get("/profile")).status_code for each in (browser, other, third)] == [200, 303, 200]


async def test_nobody_ends_what_is_another_users(make: Factory, sign_in: SignIn) -> None:
    user, stranger = await make.user(role="admin"), await make.user()
    browser, other = await sign_in(user), await sign_in(stranger)
    key = await passkey(make, stranger)
    [theirs] = await make.rows("SELECT id FROM sessions WHERE user_id = :id", id=stranger)

    await send(browser, f"/profile/sessions/{theirs['id']}/end", "/profile/sessions")
    await send(browser, f"/profile/passkeys/{key}/delete", "/profile/sessions")
    await send(browser, f"/profile/sessions/{10**30}/end", "/profile/sessions")

    assert (await other.get("/profile")).status_code == 200
    assert await make.value("SELECT count(*) FROM passkeys") == 1
    assert (await browser.post("/profile/sessions/x/end")).status_code == 404


async def test_passkeys_are_listed_and_deleted(make: Factory, sign_in: SignIn) -> None:
    user, stranger = await make.user(), await make.user()
    key = await passkey(make, user, "Laptop")
    await passkey(make, stranger, "Of another user")
    browser = await sign_in(user)
    page = (await browser.get("/profile/sessions")).text
    assert ("Laptop" in page, "Of another user" in page) == (True, False)

    response = await send(browser, f"/profile/passkeys/{key}/delete", "/profile/sessions")

    assert place(response) == (303, "/profile/sessions?notice=passkey-deleted")
    assert "You have no passkey." in (await browser.get("/profile/sessions")).text
    assert await make.value("SELECT count(*) FROM passkeys") == 1


async def test_a_passkey_can_be_added_where_browsers_make_one(visitor: Client, make: Factory, sign_in: SignIn) -> None:
    browser = await sign_in(await make.user())
    by_number = visitor.of(None, base="", host="http://127.0.0.1")
    by_number.cookies.set("earshot_session", browser.cookies["earshot_session"], domain="127.0.0.1")
    local = visitor.of(None, base="", host="http://localhost")
    local.cookies.set("earshot_session", browser.cookies["earshot_session"], domain="localhost.local")

    assert "/profile/passkeys/new" in (await local.get("/profile/sessions")).text
    assert (await by_number.get("/profile/sessions")).status_code == 200
    assert "/profile/passkeys/new" not in (await by_number.get("/profile/sessions")).text


async def test_a_notice_is_only_one_of_the_known_texts(visitor: Client, make: Factory, sign_in: SignIn) -> None:
    browser = await sign_in(await make.user())

    assert "All other browsers are signed out." in (await browser.get("/profile?notice=other-sessions-ended")).text
    assert 'class="notice"' not in (await browser.get("/profile?notice=Send+money")).text

"""The pages of the links in notifications: the choices of one user, and the button that ends the emails."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import httpx
import pytest

from app.adapters.unsubscribe_tokens import NotificationLink, UnsubscribeTokens
from app.domain.notifications import choices
from app.domain.notifications.choices import Choices
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS, RECAP
from app.domain.posts import follows
from app.domain.users import deletion, users
from app.web.portal_pages import PortalPages
from tests.support.clients import Client
from tests.support.database_dump import changed, snapshot
from tests.support.factory import Factory
from tests.support.sql import script

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
pages = pytest.mark.parametrize("path", ["/notifications", "/unsubscribe", "/unsubscribe/undo"])


@pytest.fixture
async def jane(make: Factory) -> int:
    return await make.user(email="jane@example.com")


@pytest.fixture
async def post(make: Factory, jane: int) -> int:
    """A post that Jane follows."""
    post = await make.post(title="Dark <mode>")
    await make.act(lambda work: follows.add(work, post_id=post, user_id=jane))
    return post


def make_token(make: Factory, user: int, kind: str = "comment", post_id: int | None = None) -> str:
    return make.server.services.unsubscribe_tokens.make(NotificationLink(user, kind, post_id))


async def get_choices(make: Factory, user: int) -> Choices:
    return await make.act(lambda work: choices.get_choices(work, user))


async def follow_count(make: Factory) -> int:
    return int(await make.value("SELECT count(*) FROM follows"))


def assert_private(response: httpx.Response) -> None:
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "form-action 'self'" in response.headers["content-security-policy"]


@pages
async def test_get_changes_nothing(visitor: Client, make: Factory, jane: int, post: int, path: str) -> None:
    before = await snapshot(make.server.database)

    for kind in (*NOTIFICATION_KINDS, DIGEST, RECAP):
        for method in ("GET", "HEAD"):
            page = await visitor.request(method, path, params={"token": make_token(make, jane, kind, post)})

            assert page.status_code == 200, kind
            assert_private(page)
    assert changed(before, await snapshot(make.server.database)) == set()


@pytest.mark.parametrize(
    "body", [{"data": ONE_CLICK}, {"files": {name: (None, value) for name, value in ONE_CLICK.items()}}]
)
async def test_a_mail_program_unsubscribes_with_one_click_again_and_again(
    visitor: Client, make: Factory, jane: int, body: Mapping[str, Any]
) -> None:
    """RFC 8058: a POST to the address of the header, with this form, in either encoding, without a cookie."""
    path = f"/unsubscribe?token={make_token(make, jane)}"

    for _ in range(2):
        response = await visitor.post(path, headers={"origin": "https://mail.example.com"}, **body)

        assert response.status_code == 200
        assert_private(response)
        assert (await get_choices(make, jane)).cadences["comment"] == "never"
    assert (await get_choices(make, jane)).cadences["reply"] == "at_once"


@pytest.mark.only_on("sqlite")
async def test_no_other_writer_waits_while_a_page_is_rendered(
    visitor: Client, make: Factory, jane: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, token = str(make.server.settings.database_url), make_token(make, jane)
    render_form, rendered = PortalPages.private_form, []

    def write_and_render(pages: PortalPages, request: Any, viewer: Any, template: str, **values: Any) -> Any:
        script(url, f"UPDATE users SET name = name || '.' WHERE id = {jane}")
        rendered.append(template)
        return render_form(pages, request, viewer, template, **values)

    monkeypatch.setattr(PortalPages, "private_form", write_and_render)
    for path in ("/notifications", "/unsubscribe", "/unsubscribe/undo"):
        assert (await visitor.post(path, data={"token": token})).status_code == 200

    assert rendered == ["portal/notifications.html", "portal/unsubscribe.html", "portal/unsubscribe.html"]


async def test_the_button_of_the_page_unsubscribes(visitor: Client, make: Factory, jane: int, post: int) -> None:
    token = make_token(make, jane, "status_change", post)

    question = await visitor.get(f"/unsubscribe?token={token}")
    answer = await visitor.post("/unsubscribe", data={"token": token})
    again = await visitor.get(f"/unsubscribe?token={token}")

    assert "Updates and changes of the status of the post “Dark &lt;mode&gt;”" in question.text
    assert (
        f'<form method="post" action="/unsubscribe">\n<input type="hidden" name="token" value="{token}">'
        in question.text
    )
    assert "You get no more of these emails" in answer.text
    assert f'href="/notifications?token={token}"' in answer.text
    assert again.status_code == 200
    assert "You get no more of these emails" in again.text
    assert "Updates and changes of the status of the post “Dark &lt;mode&gt;”" in again.text
    assert 'action="/unsubscribe"' not in answer.text + again.text
    assert await follow_count(make) == 0
    assert (await get_choices(make, jane)).cadences["status_change"] == "at_once"


def read_form(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """The path and the hidden fields of the form of a page."""
    fields = re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    (path,) = re.findall('<form method="post" action="([^"]*)">', page.text)
    return path, dict(fields)


@pytest.mark.parametrize("kind", [*NOTIFICATION_KINDS, DIGEST, RECAP])
async def test_what_was_stopped_is_started_again_by_the_form_of_the_page(
    visitor: Client, make: Factory, kind: str
) -> None:
    mia, post = await make.user(role="moderator"), await make.post(title="Dark mode")
    await make.act(lambda work: follows.add(work, post_id=post, user_id=mia))
    for name in ("comment", "new_post", "pending_post"):
        await make.act(lambda work, name=name: choices.set_choice(work, mia, name, "weekly"))
    await make.act(lambda work: choices.set_recap(work, mia, "monthly"))
    before, token = await get_choices(make, mia), make_token(make, mia, kind, post)

    stopped = await visitor.post("/unsubscribe", data={"token": token})
    path, fields = read_form(stopped)
    assert await get_choices(make, mia) != before or await follow_count(make) == 0
    resumed = [await visitor.post(path, data=fields) for _ in range(2)]

    assert path == "/unsubscribe/undo"
    for page in resumed:
        assert page.status_code == 200
        assert_private(page)
        assert "You get these emails again" in page.text
        assert read_form(page) == ("/unsubscribe", {"token": token})
    assert (await get_choices(make, mia), await follow_count(make)) == (before, 1)
    assert "Stop these emails?" in (await visitor.get(f"/unsubscribe?token={token}")).text


async def test_the_page_of_emails_that_are_stopped_already_says_so(
    visitor: Client, make: Factory, jane: int, post: int
) -> None:
    comments, digest = make_token(make, jane), make_token(make, jane, DIGEST)
    await make.act(lambda work: choices.set_choice(work, jane, "comment", "never"))

    pages = [await visitor.get(f"/unsubscribe?token={token}") for token in (comments, digest)]

    for page in pages:
        assert "You get no more of these emails" in page.text
    assert read_form(pages[0]) == ("/unsubscribe/undo", {"token": comments, "comment": "at_once"})
    # Which kinds to collect in a digest has to be chosen.
    assert "<form" not in pages[1].text
    assert f'href="/notifications?token={digest}"' in pages[1].text


@pytest.mark.parametrize("field", [{"comment": "hourly"}, {"comment": "a\0"}])
async def test_an_unknown_cadence_starts_nothing(
    visitor: Client, make: Factory, jane: int, field: dict[str, str]
) -> None:
    before = await snapshot(make.server.database)

    response = await visitor.post("/unsubscribe/undo", data={"token": make_token(make, jane), **field})

    assert response.status_code == 400
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_the_page_does_not_name_a_post_that_visitors_do_not_see(
    visitor: Client, make: Factory, jane: int, post: int
) -> None:
    await make.run("UPDATE posts SET moderation = 'rejected'")

    for path in ("/unsubscribe", "/notifications"):
        assert (
            "Dark" not in (await visitor.get(path, params={"token": make_token(make, jane, "post_update", post)})).text
        )


async def test_choices_are_shown_and_saved(visitor: Client, make: Factory) -> None:
    mia = await make.user(role="moderator")
    token = make_token(make, mia)
    form = dict.fromkeys(NOTIFICATION_KINDS, "weekly") | {"recap": "monthly", "enabled": "false"}

    shown = await visitor.get(f"/notifications?token={token}")
    saved = await visitor.post("/notifications", data={"token": token, **form})

    for kind in (*NOTIFICATION_KINDS, "recap"):
        assert f'<select id="{kind}" name="{kind}">' in shown.text
    assert saved.status_code == 200
    assert "Your choices are saved." in saved.text
    assert "Your choices are saved." not in shown.text
    assert saved.text.count('<option value="weekly" selected>') == len(NOTIFICATION_KINDS)
    assert await get_choices(make, mia) == Choices(False, "monthly", dict.fromkeys(NOTIFICATION_KINDS, "weekly"))


async def test_a_missing_field_changes_nothing(visitor: Client, make: Factory, jane: int, post: int) -> None:
    before = await snapshot(make.server.database)

    response = await visitor.post("/notifications", data={"token": make_token(make, jane, "post_update", post)})

    assert response.status_code == 200
    assert changed(before, await snapshot(make.server.database)) == set()


async def test_a_post_can_be_unfollowed_on_the_page(visitor: Client, make: Factory, jane: int, post: int) -> None:
    token = make_token(make, jane, "post_update", post)
    shown = await visitor.get(f"/notifications?token={token}")

    saved = await visitor.post("/notifications", data={"token": token, "stop_following": "true"})

    assert 'name="stop_following"' in shown.text
    assert 'name="stop_following"' not in saved.text
    assert await follow_count(make) == 0


async def test_users_without_a_role_see_no_choices_of_the_team(visitor: Client, make: Factory, jane: int) -> None:
    token = make_token(make, jane)

    page = await visitor.get(f"/notifications?token={token}")
    response = await visitor.post("/notifications", data={"token": token, "new_post": "daily", "recap": "daily"})

    for kind in ("new_post", "pending_post", "recap"):
        assert f'name="{kind}"' not in page.text
    assert response.status_code == 200
    assert await make.value("SELECT count(*) FROM notification_choices") == 0
    assert await make.value("SELECT recap FROM users WHERE id = :id", id=jane) == "never"


@pytest.mark.parametrize("field", [{"comment": "hourly"}, {"comment": ""}, {"comment": "a\0"}])
async def test_an_unknown_choice_is_rejected_as_a_whole(
    visitor: Client, make: Factory, jane: int, field: dict[str, str]
) -> None:
    form = {"token": make_token(make, jane), "status_change": "never", **field, "enabled": "false"}

    response = await visitor.post("/notifications", data=form)

    assert response.status_code == 400
    assert await get_choices(make, jane) == Choices(
        True, None, {kind.name: kind.default for kind in NOTIFICATION_KINDS.values() if not kind.staff}
    )


@pages
async def test_an_invalid_token_is_rejected(visitor: Client, make: Factory, jane: int, path: str) -> None:
    token = make_token(make, jane)
    gone = await make.user()
    tokens = [
        "", "x", token[:-1], f"{token}x", token.replace(".comment.", ".reply."), f"{jane + 1}{token[1:]}",
        UnsubscribeTokens(b"another secret").make(NotificationLink(jane, "comment", None)), make_token(make, gone),
        make_token(make, 4711), "\0", "é" * 1000,
    ]  # fmt: skip
    await make.act(lambda work: deletion.delete(work, gone, with_content=False))
    before = await snapshot(make.server.database)

    for sent in tokens:
        form = {"token": sent, "comment": "never", "enabled": "false"}
        for page in (
            await visitor.get(path, params={"token": sent}),
            await visitor.post(path, data=form),
            await visitor.post(path, params={"token": sent}, data=ONE_CLICK),
        ):
            assert page.status_code == 404, sent
            assert "This link is not valid" in unescape(page.text)
            assert_private(page)
    assert (await visitor.get(path)).status_code == 404
    assert changed(before, await snapshot(make.server.database)) == set()


@pages
async def test_a_token_is_valid_in_its_portal_only(visitor: Client, make: Factory, jane: int, path: str) -> None:
    await make.new_portal("Other", host="other.example.com", email="x@example.com")
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    token = make_token(make, jane)

    for host, status in (("other", 404), ("unknown", 404), ("feedback", 200)):
        client = visitor.of(None, base="", host=f"http://{host}.example.com")
        before = await snapshot(make.server.database)

        assert (await client.get(path, params={"token": token})).status_code == status
        response = await client.post(path, data={"token": token, "comment": "never"})

        assert response.status_code == status
        assert (changed(before, await snapshot(make.server.database)) == set()) == (status == 404)


async def test_a_token_stays_valid_when_the_user_changes(visitor: Client, make: Factory, jane: int) -> None:
    token = make_token(make, jane)
    await make.act(lambda work: users.update(work, jane, email="roe@example.com", password_hash="x"))
    await make.act(lambda work: users.block(work, jane))

    assert (await visitor.post(f"/unsubscribe?token={token}", data=ONE_CLICK)).status_code == 200


@pytest.mark.parametrize("path", ["/notifications", "/unsubscribe/undo"])
async def test_a_form_of_another_site_changes_no_choices(visitor: Client, make: Factory, jane: int, path: str) -> None:
    form = {"token": make_token(make, jane), "comment": "never"}

    response = await visitor.post(path, data=form, headers={"sec-fetch-site": "cross-site"})

    assert response.status_code == 403
    assert (await get_choices(make, jane)).cadences["comment"] == "at_once"


@pages
async def test_other_methods_are_not_allowed(visitor: Client, make: Factory, jane: int, path: str) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await visitor.request(method, f"{path}?token={make_token(make, jane)}")).status_code == 405

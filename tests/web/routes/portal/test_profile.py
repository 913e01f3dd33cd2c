"""The first tab of the account: name, language, picture, address, password."""

import io
import re

import httpx
import pytest
from PIL import Image

from app.adapters.passwords import hash_password, verify_and_rehash
from app.application import Application
from app.domain.portals import portals
from app.domain.users import profile, sessions, users
from app.settings import Settings
from tests.conftest import TestClock
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.images import encode, make_image
from tests.web.routes.portal.conftest import SignIn, read_csrf
from tests.web.routes.portal.profile_forms import list_files, place, send

PAGES = ("", "/notifications", "/activity", "/sessions", "/keys", "/data", "/export", "/delete")
FORMS = (
    "", "/picture", "/picture/delete", "/confirmation", "/email", "/email/confirm", "/password", "/notifications",
    "/sessions/1/end", "/sessions/end-others", "/passkeys/1/delete", "/keys", "/keys/1/revoke", "/delete",
)  # fmt: skip
PASSWORD = "a-good-password"


async def jane(make: Factory, *, password: str | None = None, role: str = "user") -> int:
    user = await make.user(name="Jane Roe", email="jane@example.com", role=role)
    if password is not None:
        hashed = hash_password(password)
        await make.act(lambda work: users.update(work, user, password_hash=hashed))
    return user


async def picture_of(make: Factory, user: int) -> str | None:
    return (await make.act(lambda work: profile.get(work, user))).picture


@pytest.mark.parametrize("page", PAGES)
async def test_the_account_is_for_signed_in_users(visitor: Client, make: Factory, page: str) -> None:
    response = await visitor.get(f"/profile{page}")

    assert response.status_code == 303
    assert response.headers["location"] == f"/login?next=%2Fprofile{page.replace('/', '%2F')}"


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_of_somebody_who_signed_out_leads_back_to_its_tab(
    visitor: Client, make: Factory, form: str
) -> None:
    response = await visitor.post(f"/profile{form}", data={"name": "Jim"})

    assert response.status_code == 303
    next_path = httpx.URL(response.headers["location"]).params["next"]
    assert next_path in {"/profile", "/profile/notifications", "/profile/sessions", "/profile/keys", "/profile/data"}


@pytest.mark.parametrize("form", FORMS)
async def test_another_site_can_send_no_form(visitor: Client, make: Factory, sign_in: SignIn, form: str) -> None:
    browser = await sign_in(make.owner)
    token = await read_csrf(browser, "/profile")

    response = await browser.post(f"/profile{form}", data={"csrf": token}, headers={"sec-fetch-site": "cross-site"})

    assert response.status_code == 403


@pytest.mark.parametrize("form", FORMS)
async def test_a_form_of_another_session_changes_nothing(
    visitor: Client, make: Factory, sign_in: SignIn, form: str
) -> None:
    user = await jane(make, role="admin")
    browser, other = await sign_in(user), await sign_in(user)
    await make.key(user, "astuto")
    typed = {
        "csrf": await read_csrf(other, "/profile"), "name": "Typed", "dialect": "astuto", "password": PASSWORD,
        "enabled": "false", "content": "delete", "confirmation": "jane@example.com", "new_email": "new@example.com",
    }  # fmt: skip

    response = await browser.post(f"/profile{form}", data=typed)

    if response.status_code == 422:
        assert "Nothing is lost: send it once more." in response.text
    else:
        page = await browser.get(response.headers["location"])
        assert "nothing was changed" in page.text
    row = await make.row(
        "SELECT name, password_hash, deleted_at, notifications_enabled FROM users WHERE id = :id", id=user
    )
    assert (row["name"], row["password_hash"], row["deleted_at"]) == ("Jane Roe", None, None)
    assert row["notifications_enabled"]
    assert await make.value("SELECT count(*) FROM sessions") == 2
    assert await make.value("SELECT count(*) FROM api_keys WHERE user_id = :id AND revoked_at IS NULL", id=user) == 1


@pytest.mark.parametrize("page", [page for page in PAGES if page != "/export"])
async def test_each_page_has_one_heading_and_its_tab(make: Factory, sign_in: SignIn, page: str) -> None:
    browser = await sign_in(make.owner)

    response = await browser.get(f"/profile{page}")

    assert response.status_code == 200
    assert response.headers["cache-control"] == "private, no-store"
    assert response.text.count("<h1") == 1
    tabs = response.text.partition('class="tabs"')[2].partition("</nav>")[0]
    [current] = re.findall(r'href="([^"]+)" aria-current="page"', tabs)
    assert current == ("/profile/data" if page == "/delete" else f"/profile{page}")


async def test_users_change_their_name_and_language(make: Factory, sign_in: SignIn) -> None:
    user = await jane(make)
    browser = await sign_in(user)

    response = await send(browser, "/profile", name="  Jane Doe ", locale="de")

    assert place(response) == (303, "/profile?notice=saved")
    page = await browser.get("/profile")
    assert '<html lang="de"' in page.text
    assert 'value="Jane Doe"' in page.text
    assert '<option value="de" selected lang="de">Deutsch</option>' in page.text
    await send(browser, "/profile", name="Jane Doe", locale="")
    assert (await make.act(lambda work: profile.get(work, user))).locale is None


@pytest.mark.parametrize(
    ("name", "message"),
    [(" ", "Enter your name."), ("x" * 101, "at most 100 characters"), ("a\nb", "can&#39;t be used")],
)
async def test_a_bad_name_comes_back_with_a_message_beside_it(
    make: Factory, sign_in: SignIn, name: str, message: str
) -> None:
    user = await jane(make)

    response = await send(await sign_in(user), "/profile", name=name, locale="de")

    assert response.status_code == 422
    field = response.text.partition('id="field-name"')[2].partition("</div>")[0]
    assert 'aria-describedby="error-name"' in field
    assert message in field
    assert f'value="{name}"' in field
    assert '<option value="de" selected' in response.text
    assert await make.value("SELECT name FROM users WHERE id = :id", id=user) == "Jane Roe"


async def test_a_picture_becomes_a_small_square_and_replaces_the_former_one(
    make: Factory, sign_in: SignIn, server: Application
) -> None:
    user = await jane(make)
    browser = await sign_in(user)
    photo = encode(make_image("RGB", (600, 300)), "JPEG")

    response = await send(browser, "/profile/picture", files={"picture": ("me.jpg", photo)})

    assert place(response) == (303, "/profile?notice=picture-saved")
    first = await picture_of(make, user)
    assert f'src="/files/{first}"' in (await browser.get("/profile")).text
    served = await browser.get(f"/files/{first}")
    assert served.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(served.content)).size == (192, 192)

    await send(browser, "/profile/picture", files={"picture": ("me.jpg", photo)})
    second = await picture_of(make, user)
    assert second != first
    assert (await browser.get(f"/files/{first}")).status_code == 404

    await send(browser, "/profile/picture/delete")
    assert await picture_of(make, user) is None
    assert await list_files(server) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Choose a picture first."),
        (b"no picture", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (b"\x89PNG\r\n\x1a\n broken", "not a picture"),
        (b"\xff\xd8\xff" + b"x" * (11 << 20), "larger than 10 MB"),
    ],
)
async def test_what_is_no_picture_is_named_beside_the_field(
    make: Factory, sign_in: SignIn, content: bytes, message: str
) -> None:
    user = await jane(make)

    response = await send(await sign_in(user), "/profile/picture", files={"picture": ("me.png", content)})

    assert response.status_code == 422
    assert message in response.text.partition('id="error-picture"')[2].partition("</p>")[0]
    assert await picture_of(make, user) is None


async def test_pictures_of_a_private_portal_are_for_signed_in_users(
    visitor: Client, make: Factory, sign_in: SignIn
) -> None:
    user = await jane(make)
    browser = await sign_in(user)
    await send(browser, "/profile/picture", files={"picture": ("me.png", encode(make_image("RGB", (9, 9)), "PNG"))})
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))
    path = f"/files/{await picture_of(make, user)}"
    post = await make.post(author=user)
    await make.run("UPDATE posts SET image = :name WHERE id = :id", name="A" * 22 + ".png", id=post)

    assert (await visitor.get(path)).status_code == 404
    assert (await browser.get(path)).status_code == 200
    assert (await browser.get(path)).headers["cache-control"] == "private, no-store"


async def test_the_address_shows_whether_it_is_confirmed(make: Factory, sign_in: SignIn) -> None:
    user = await jane(make)
    browser = await sign_in(user)
    assert "Not confirmed" in (await browser.get("/profile")).text

    response = await send(browser, "/profile/confirmation")

    assert place(response) == (303, "/profile?notice=confirmation-sent")
    [event] = await make.facts("user.confirmation_requested")
    assert event["subject_id"] == user
    await make.run("UPDATE users SET email_confirmed_at = created_at WHERE id = :id", id=user)
    page = (await browser.get("/profile")).text
    assert "Confirmed" in page
    assert "/profile/confirmation" not in page


async def test_the_first_password_needs_no_other(make: Factory, sign_in: SignIn) -> None:
    user = await jane(make)
    browser = await sign_in(user)
    assert "current_password" not in (await browser.get("/profile")).text

    response = await send(browser, "/profile/password", password=PASSWORD)

    assert place(response) == (303, "/profile?notice=password-set")
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=user)
    assert verify_and_rehash(PASSWORD, stored).is_valid


async def test_a_new_password_ends_all_other_sessions(make: Factory, sign_in: SignIn) -> None:
    user = await jane(make, password=PASSWORD)
    browser, other = await sign_in(user), await sign_in(user)

    response = await send(browser, "/profile/password", current_password=PASSWORD, password="another-password")

    assert place(response) == (303, "/profile?notice=password-changed")
    assert (await browser.get("/profile")).status_code == 200
    assert (await other.get("/profile")).status_code == 303
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=user)
    assert verify_and_rehash("another-password", stored).is_valid
    assert len(await make.facts("user.password_changed")) == 2


@pytest.mark.parametrize(
    ("current", "password", "field", "message"),
    [
        ("wrong", "another-password", "current_password", "not your present password"),
        ("", "another-password", "current_password", "not your present password"),
        (PASSWORD, "short", "password", "at least 8 characters"),
        (PASSWORD, "x" * 101, "password", "at most 100 characters"),
    ],
)
async def test_a_password_is_rejected_beside_its_field(
    make: Factory, sign_in: SignIn, current: str, password: str, field: str, message: str
) -> None:
    user = await jane(make, password=PASSWORD)
    browser, other = await sign_in(user), await sign_in(user)

    response = await send(browser, "/profile/password", current_password=current, password=password)

    assert response.status_code == 422
    assert message in response.text.partition(f'id="error-{field}"')[2].partition("</p>")[0]
    # No page sends a password back.
    assert "another-password" not in response.text
    assert (await other.get("/profile")).status_code == 200
    assert verify_and_rehash(PASSWORD, await make.value("SELECT password_hash FROM users WHERE id = :id", id=user))[0]


async def test_ten_wrong_passwords_stop_the_guessing(settings: Settings, clock: TestClock, make: Factory) -> None:
    user = await jane(make, password=PASSWORD)
    token = await make.act(lambda work: sessions.create(work, user_id=user, method="link", user_agent=""))
    async with (
        running_application(settings, clock, rate_limits=True) as server,
        Client(server, token=None, base="") as client,
    ):

        async def attempt(number: int, password: str) -> httpx.Response:
            browser = client.of(None, base="", peer=f"192.0.2.{number}")
            browser.cookies.set("earshot_session", token, domain="feedback.example.com")
            page = "/profile/delete" if number % 2 else "/profile"
            path = page if number % 2 else "/profile/password"
            return await send(
                browser, path, page, current_password=password, password="another-password", content="keep"
            )

        wrong = [(await attempt(number, "wrong")).text for number in range(10)]
        right = await attempt(10, PASSWORD)

    assert all("not your present password" in text for text in wrong)
    assert "Too many wrong passwords. Try again in 15 minutes" in right.text
    stored = await make.value("SELECT password_hash FROM users WHERE id = :id", id=user)
    assert verify_and_rehash(PASSWORD, stored).is_valid


async def test_a_session_is_for_its_portal(visitor: Client, make: Factory, sign_in: SignIn) -> None:
    await make.run("UPDATE portals SET host = 'feedback.example.com' WHERE id = :id", id=make.portal)
    await make.new_portal("Other", host="other.example.com", email="eve@example.com")
    browser = await sign_in(await jane(make))
    other = visitor.of(None, base="", host="http://other.example.com")
    other.cookies.set("earshot_session", browser.cookies["earshot_session"], domain="other.example.com")

    assert (await browser.get("/profile")).status_code == 200
    assert (await other.get("/profile")).status_code == 303

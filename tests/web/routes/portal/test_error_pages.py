"""The error pages: in the look and language of the portal, also while the database is away, and without the address."""

from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from app.application import Application
from app.domain.errors import Conflict, FieldError, Forbidden, NotFound, ValidationFailed, ValueOutOfRange
from app.domain.permissions import Permission
from app.domain.portals import portals
from app.domain.users import sessions
from tests.conftest import SECRET, TRUNCATE_ALL, TestClock, make_settings
from tests.support.clients import Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.requirements import need
from tests.support.servers import Postgres
from tests.support.sql import script

ERRORS = {
    "forbidden": (Forbidden(Permission.MANAGE_USERS), 403, "Not allowed"),
    "not-found": (NotFound("post"), 404, "Nothing here"),
    "conflict": (Conflict("vote.taken"), 409, "That is not possible any more"),
    "invalid": (ValidationFailed([FieldError("title", "blank")]), 422, "This does not fit"),
    "out-of-range": (ValueOutOfRange(), 422, "This does not fit"),
}


async def sign_in(make: Factory, user: int) -> dict[str, str]:
    token = await make.act(lambda work: sessions.create(work, user_id=user, method="password", user_agent=""))
    return {"cookie": f"earshot_session={token}"}


async def test_an_error_page_has_the_look_of_the_portal_and_of_the_viewer(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="title", value="Ideas & more"))
    jane = await make.user(name="Jane Roe")

    missing = await visitor.get("/nothing?token=secret", headers=await sign_in(make, jane))
    refused = await visitor.post("/theme", data={"theme": "dark"}, headers={"sec-fetch-site": "cross-site"})
    wrong_method = await visitor.delete("/roadmap")

    for page, status, heading in (
        (missing, 404, "Nothing here"),
        (refused, 403, "Not from another site"),
        (wrong_method, 405, "Not like this"),
    ):
        assert page.status_code == status
        assert f"<h1>{heading}</h1>" in page.text
        assert f"<title>{heading} · Ideas &amp; more</title>" in page.text
        assert 'href="/portal.css?v=' in page.text
        assert 'href="/roadmap"' in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
    assert "Jane Roe" in missing.text
    assert "secret" not in missing.text
    assert 'href="/login"' in refused.text


async def test_an_error_page_of_a_private_portal_leads_nowhere_but_to_signing_in(
    make: Factory, visitor: Client
) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True))

    page = await visitor.get("/nothing")

    assert page.status_code == 404
    assert not [path for path in ("/roadmap", "/changelog", "/feed.atom") if f'href="{path}"' in page.text]


async def test_a_host_without_a_portal_has_an_error_page_of_the_server(make: Factory, visitor: Client) -> None:
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")

    for path in ("/", "/nothing", "/roadmap", "/t/roadmap", "/feed.atom", "/notifications"):
        page = await visitor.of(None, base="", host="http://elsewhere.example.com").get(path)

        assert page.status_code == 404, path
        assert "<title>Nothing here · Earshot</title>" in page.text, path


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_of_a_rule_becomes_a_page(server: Application, make: Factory, name: str) -> None:
    error, status, heading = ERRORS[name]

    async def fail(request: Request) -> None:
        raise error

    server.pages.add_api_route("/fail", fail, methods=["GET", "POST"])
    jane = await make.user(name="Jane Roe")
    async with Client(server, token=None, base="") as visitor:
        page = await visitor.get("/fail", headers=await sign_in(make, jane))
        of_visitor = [await visitor.get("/fail?a=b"), await visitor.post("/fail?a=b")]

    assert (page.status_code, f"<h1>{heading}</h1>" in page.text) == (status, True)
    if name == "forbidden":
        assert [each.headers["location"] for each in of_visitor] == ["/login?next=%2Ffail%3Fa%3Db", "/login?next=%2F"]
    else:
        assert [each.status_code for each in of_visitor] == [status, status]


async def test_an_unexpected_error_is_told_in_the_look_of_the_portal(server: Application, make: Factory) -> None:
    async def fail(request: Request) -> None:
        raise RuntimeError("a detail")

    server.pages.add_api_route("/fail", fail)
    transport = httpx.ASGITransport(server, raise_app_exceptions=False)
    await make.run("UPDATE portals SET locale = 'de'")
    async with httpx.AsyncClient(transport=transport, base_url="http://feedback.example.com") as visitor:
        before = await visitor.get("/")
        page = await visitor.get("/fail")

    assert (before.status_code, page.status_code) == (200, 500)
    assert '<html lang="de" dir="ltr">' in page.text
    assert "<title>Etwas ist schiefgegangen · Feedback</title>" in page.text
    assert "detail" not in page.text


async def test_without_a_database_the_pages_have_the_look_of_the_portal(
    postgres: Postgres, postgres_database: str, clock: TestClock, tmp_path: Path
) -> None:
    need("a PostgreSQL of the tests' own", postgres.ours, "it is stopped and started again")
    script(postgres_database, TRUNCATE_ALL)
    async with running_application(make_settings(postgres_database, tmp_path), clock) as server:
        make = Factory(server, SECRET.encode())
        await make.first_portal()
        await make.run("UPDATE portals SET locale = 'de'")
        async with Client(server, token=None, base="") as visitor:
            assert (await visitor.get("/")).status_code == 200
            postgres.stop()
            try:
                pages = [await visitor.get(path) for path in ("/", "/roadmap", "/nothing", "/feed.atom")]
                style = await visitor.get("/static/portal.css")
            finally:
                postgres.start()

    assert [page.status_code for page in pages] == [503, 503, 404, 503]
    for page in pages:
        assert '<html lang="de" dir="ltr">' in page.text
        assert "· Feedback</title>" in page.text
        assert 'href="/portal.css?v=' in page.text
        # The page needs nothing that the database has: neither a form nor who is signed in.
        assert "<form" not in page.text
        assert "script-src" not in page.headers["content-security-policy"]
    assert pages[0].headers["retry-after"] == "2"
    assert style.status_code == 200

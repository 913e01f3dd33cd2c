"""Files are served by the state of their post: to everybody when visitors can see it, else to who has a signed URL."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.adapters.storage.base import generate_name
from app.adapters.storage.signed_urls import FileSigner
from app.application import Application
from app.domain.portals import portals
from app.domain.posts import attachments, moderation, publishing
from app.domain.sql.statement import Statement
from app.domain.unit_of_work import Row, UnitOfWork
from tests.api.productlift.routes.test_uploads import PNG, TEXT, create_post
from tests.conftest import SECRET, TestClock
from tests.support.clients import HOST, Client
from tests.support.factory import Factory

HIDDEN = ("pending", "rejected", "unpublished")
SHARED = "public, max-age=60, must-revalidate"


async def posted(productlift: Client) -> dict[str, Any]:
    """A post with an image and an attachment, as it was answered."""
    return (await create_post(productlift, "Dark mode", image=PNG, attachment=TEXT)).json()["data"]


async def put_into(make: Factory, state: str) -> None:
    post_id, published = (await make.row("SELECT id, published FROM posts")).values()
    is_unpublished = state == "unpublished"
    await make.act(lambda work: moderation.set(work, post_id, "approved" if is_unpublished else state))
    if bool(published) is is_unpublished:
        await make.act(lambda work: publishing.toggle(work, post_id))


async def names(make: Factory) -> list[str]:
    return [row["name"] for row in await make.rows("SELECT name FROM attachments ORDER BY id")]


async def set_private(make: Factory, *, value: bool) -> None:
    """As `earshot portals set private`, once the servers have noticed it."""
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=value))
    make.server.services.authenticator.invalidate()


def visitor(productlift: Client, host: str = HOST) -> Client:
    return productlift.of(None, base="", host=host)


async def address(productlift: Client) -> str:
    """The image's address in the list of posts, from the root on."""
    payload = (await productlift.get("/posts")).json()["data"][0]["image_main"]
    assert payload.startswith(f"{HOST}/files/")
    return str(payload.removeprefix(HOST))


def nothing(response: httpx.Response, missing: httpx.Response) -> bool:
    """Whether it is answered to the letter as what never was."""
    headers = [{**each.headers, "x-request-id": ""} for each in (response, missing)]
    return (response.status_code, response.text, headers[0]) == (404, missing.text, headers[1])


async def test_files_of_an_approved_post_are_public_at_a_stable_url(
    productlift: Client, make: Factory, clock: TestClock
) -> None:
    created = await posted(productlift)
    image, attachment = await names(make)

    assert created["image_main"] == f"{HOST}/files/{image}"
    clock.advance(days=30)
    assert await address(productlift) == f"/files/{image}"
    for name in (image, attachment):
        response = await visitor(productlift).get(f"/files/{name}")
        again = await visitor(productlift).get(f"/files/{name}", headers={"if-none-match": response.headers["etag"]})
        assert (response.status_code, response.headers["cache-control"]) == (200, SHARED)
        assert (again.status_code, again.headers["cache-control"]) == (304, SHARED)


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_files_of_an_unapproved_post_return_404(
    productlift: Client, make: Factory, state: str, method: str
) -> None:
    await posted(productlift)
    await put_into(make, state)
    someone = visitor(productlift)

    missing = await someone.request(method, f"/files/{generate_name()}")
    for name in await names(make):
        for headers in ({}, {"if-none-match": f'"{name}"'}, {"if-none-match": "*"}):
            assert nothing(await someone.request(method, f"/files/{name}", headers=headers), missing)

    await put_into(make, "approved")
    for name in await names(make):
        assert (await someone.request(method, f"/files/{name}")).status_code == 200


@pytest.mark.parametrize("state", HIDDEN)
async def test_responses_have_an_expiring_signed_url_for_an_unapproved_post(
    productlift: Client, make: Factory, clock: TestClock, state: str
) -> None:
    created = await posted(productlift)
    clock.set(datetime(2026, 5, 4, 10, 59, 59, tzinfo=UTC))
    await put_into(make, state)
    someone = visitor(productlift)

    signed = await address(productlift)
    payload = (await productlift.get(f"/posts/{created['id']}")).json()["data"]["image_main"]
    changed = (await productlift.send_json("PATCH", f"/posts/{created['id']}", {"title": "Other"})).json()["data"]
    assert payload == changed["image_main"] == HOST + signed
    assert signed.partition("?")[0] == created["image_main"].removeprefix(HOST)

    first, head = await someone.get(signed), await someone.request("HEAD", signed)
    again = await someone.get(signed, headers={"if-none-match": first.headers["etag"]})
    clock.advance(hours=4)
    late = await someone.get(signed)
    clock.advance(seconds=1)
    expired = await someone.get(signed)

    assert first.content == PNG[1]
    assert [each.status_code for each in (first, head, again, late)] == [200, 200, 304, 200]
    assert {each.headers["cache-control"] for each in (first, head, again, late)} == {"private, no-store"}
    assert nothing(expired, await someone.get(f"/files/{generate_name()}"))
    assert (await someone.get(await address(productlift))).status_code == 200


async def test_lists_with_long_texts_have_the_same_signed_url(productlift: Client, make: Factory) -> None:
    created = await posted(productlift)
    await make.run("UPDATE posts SET description = :text", text="x" * 200_000)
    await put_into(make, "pending")
    payload = (await productlift.get(f"/posts/{created['id']}")).json()["data"]["image_main"]

    for path in ("/posts", "/tabs/feedback/fetch"):
        (post,) = (await productlift.get(path)).json()["data"]

        assert post["image_main"] == payload, path
    assert "signature=" in payload


async def test_a_signed_url_stays_the_same_within_an_hour(productlift: Client, make: Factory, clock: TestClock) -> None:
    await posted(productlift)
    await put_into(make, "pending")
    clock.set(datetime(2026, 5, 4, 10, 0, 0, tzinfo=UTC))

    first = (await productlift.get("/posts")).content
    clock.advance(minutes=59, seconds=59)
    last = (await productlift.get("/posts")).content
    clock.advance(seconds=1)
    next_hour = (await productlift.get("/posts")).content

    assert first == last != next_hour


async def test_a_wrong_signature_returns_404(productlift: Client, make: Factory, server: Application) -> None:
    await posted(productlift)
    await put_into(make, "pending")
    image, attachment = await names(make)
    someone = visitor(productlift)
    signed = await address(productlift)
    query = {name: values[0] for name, values in parse_qs(urlsplit(signed).query).items()}
    expires, signature = query["expires"], query["signature"]
    other = FileSigner(b"another secret " * 4, clock=server.services.clock).path(image)

    missing = await someone.get(f"/files/{generate_name()}")
    for path in (
        f"/files/{image}?expires={expires}",
        f"/files/{image}?signature={signature}",
        f"/files/{image}?expires=&signature=",
        f"/files/{image}?expires={expires}&signature={signature[:-1]}",
        f"/files/{image}?expires={expires}&signature={signature.upper()}x",
        f"/files/{image}?expires={int(expires) + 3600}&signature={signature}",
        f"/files/{image}?expires={expires}0&signature={signature}",
        f"/files/{image}?expires=+{expires}&signature={signature}",
        f"/files/{image}?expires=%ff%00&signature=%ff%ed%a0%80",
        f"/files/{image}?expires={expires}&signature={signature}&signature=x",
        f"/files/{attachment}?expires={expires}&signature={signature}",
        other,
    ):
        assert nothing(await someone.get(path), missing), path
    assert (await someone.get(signed)).status_code == 200


async def test_the_signed_url_of_a_deleted_post_returns_404(productlift: Client, make: Factory) -> None:
    created = await posted(productlift)
    image, attachment = await names(make)
    await put_into(make, "pending")
    signed = await address(productlift)
    someone = visitor(productlift)
    assert (await someone.get(signed)).status_code == 200

    await productlift.delete(f"/posts/{created['id']}")

    missing = await someone.get(f"/files/{generate_name()}")
    for path in (signed, f"/files/{image}", f"/files/{attachment}"):
        assert nothing(await someone.get(path), missing)


async def test_a_file_without_a_post_returns_404(productlift: Client, make: Factory, server: Application) -> None:
    await posted(productlift)
    on_its_way = generate_name("png")
    await server.services.uploads.files.put(on_its_way, b"picture", "image/png")
    await make.run("UPDATE attachments SET post_id = NULL")
    someone = visitor(productlift)

    missing = await someone.get(f"/files/{generate_name()}")
    for name in (on_its_way, *await names(make)):
        for path in (f"/files/{name}", server.services.signer.path(name)):
            assert nothing(await someone.get(path), missing)


async def test_a_signed_url_is_valid_only_on_the_host_of_its_portal(productlift: Client, make: Factory) -> None:
    await posted(productlift)
    await put_into(make, "pending")
    signed = await address(productlift)
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    await make.new_portal("Other", host="other.example.com", email="other@example.com")

    assert (await visitor(productlift).get(signed)).status_code == 200
    assert (await visitor(productlift, "http://other.example.com").get(signed)).status_code == 404


async def test_responses_of_astuto_contain_no_file(productlift: Client, astuto: Client, make: Factory) -> None:
    await posted(productlift)
    for state in ("approved", *HIDDEN):
        await put_into(make, state)
        post_id = await make.value("SELECT id FROM posts")

        for path in ("/posts", f"/posts/{post_id}"):
            response = await astuto.get(path)
            assert response.status_code == 200
            assert "Dark mode" in response.text and "files" not in response.text


async def test_a_file_is_looked_up_with_one_statement(productlift: Client, make: Factory) -> None:
    await posted(productlift)
    image, _ = await names(make)
    run: list[Statement] = []

    class Counted:
        def __init__(self, work: UnitOfWork) -> None:
            self._work = work

        def fetch_one(self, statement: Statement, **values: Any) -> Row | None:
            run.append(statement)
            return self._work.fetch_one(statement, **values)

    result = await make.act(lambda work: attachments.find(Counted(work), image))  # type: ignore[arg-type]

    assert result is not None and tuple(result) == ("image/png", "a.png", True)
    assert len(run) == 1


def test_the_signing_key_is_derived_from_the_secret(clock: TestClock) -> None:
    path = FileSigner(SECRET.encode(), clock=clock).path("a" * 22)

    assert SECRET not in path
    assert path != FileSigner(SECRET.encode() + b"x", clock=clock).path("a" * 22)


async def test_files_of_a_private_portal_need_the_signed_url(productlift: Client, make: Factory) -> None:
    created = await posted(productlift)
    someone = visitor(productlift)
    before = await address(productlift)
    await set_private(make, value=True)

    missing = await someone.get(f"/files/{generate_name()}")
    for name in await names(make):
        assert nothing(await someone.get(f"/files/{name}"), missing)
    signed = await address(productlift)
    payload = (await productlift.get(f"/posts/{created['id']}")).json()["data"]["image_main"]
    public = await someone.get(signed)

    assert before == f"/files/{(await names(make))[0]}"
    assert payload == HOST + signed
    assert signed.startswith(f"{before}?expires=")
    assert (public.status_code, public.content, public.headers["cache-control"]) == (200, PNG[1], "private, no-store")
    await set_private(make, value=False)
    assert await address(productlift) == before
    assert (await someone.get(before)).status_code == 200


async def test_files_of_an_unpublished_post_need_the_signed_url(productlift: Client, make: Factory) -> None:
    await posted(productlift)
    someone = visitor(productlift)
    await make.run("UPDATE posts SET published = false")

    missing = await someone.get(f"/files/{generate_name()}")
    for name in await names(make):
        assert nothing(await someone.get(f"/files/{name}"), missing)
    assert (await someone.get(await address(productlift))).status_code == 200


async def test_the_privacy_of_another_portal_has_no_effect(productlift: Client, make: Factory) -> None:
    await posted(productlift)
    other, _ = await make.new_portal("Ideas", host="ideas.example.com", email="owner@example.com")
    await make.act(lambda work: portals.update_setting(work, setting="host", value="feedback.example.com"))
    await make.act(lambda work: portals.update_setting(work, setting="is_private", value=True), portal=other)

    assert await address(productlift) == f"/files/{(await names(make))[0]}"
    assert (await visitor(productlift).get(await address(productlift))).status_code == 200

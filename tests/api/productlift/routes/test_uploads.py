"""Files that come with a post: kinds, sizes, what is kept, what is gone again. Contract sections 5, 7.9 and 7.11."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.adapters.images import SanitizedImage
from app.adapters.storage.base import generate_name
from app.adapters.storage.uploads import MAX_WAITING, MAX_WORKERS
from app.application import Application, create_app
from app.settings import InvalidSettings, Settings
from tests.conftest import SECRET, TestClock
from tests.support.bucket import bucket_server, make_bucket
from tests.support.clients import HOST, Client
from tests.support.extra_servers import running_application
from tests.support.factory import Factory

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
WHERE = "12 Secret Street"
NO_IMAGE = {"message": "The given data was invalid.", "errors": {"image": ["The image must be an image."]}}
IMAGE_LIMIT, FILE_LIMIT = 20480 * 1024, 5240 * 1024


def picture(form: str, size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "#336699").save(written, form, **options)
    return written.getvalue()


def with_place(form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x010F] = WHERE
    return picture(form, exif=exif)


async def stored(server: Application) -> list[str]:
    """The names of all files that the storage has."""
    later = server.services.clock() + timedelta(days=2)
    return sorted([name async for name in server.services.uploads.files.names(before=later)])


async def got(client: Client, address: str) -> httpx.Response:
    """What an absolute address answers; it must be one of ours."""
    assert address.startswith(HOST + "/files/")
    return await client.of(None, base="").get(address.removeprefix(HOST))


@pytest.mark.parametrize(
    ("form", "media_type", "extension"),
    [
        ("JPEG", "image/jpeg", "jpg"),
        ("PNG", "image/png", "png"),
        ("GIF", "image/gif", "gif"),
        ("BMP", "image/bmp", "bmp"),
        ("WEBP", "image/webp", "webp"),
    ],
)
async def test_a_picture_of_each_kind_becomes_the_main_image(
    productlift: Client, form: str, media_type: str, extension: str
) -> None:
    created = await productlift.post(
        "/posts", data={"title": "Dark mode"}, files={"image": ("what.ever", picture(form), "text/html")}
    )

    assert created.status_code == 200
    address = created.json()["data"]["image_main"]
    assert address.endswith(f".{extension}")
    response = await got(productlift, address)
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert Image.open(io.BytesIO(response.content)).size == (8, 6)
    assert response.headers["content-disposition"] == 'inline; filename="what.ever"'


async def test_a_created_post_shows_its_image_from_then_on(productlift: Client) -> None:
    created = await productlift.post("/posts", data={"title": "Dark mode"}, files={"image": ("a.png", picture("PNG"))})

    shown = await productlift.get(f"/posts/{created.json()['data']['id']}")

    assert shown.json() == created.json()
    assert shown.json()["data"]["image_main"] != ""


async def test_an_image_loses_what_the_camera_knew(productlift: Client) -> None:
    assert WHERE.encode() in with_place()

    created = await productlift.post("/posts", data={"title": "Dark mode"}, files={"image": ("a.jpg", with_place())})

    response = await got(productlift, created.json()["data"]["image_main"])
    assert WHERE.encode() not in response.content


async def test_an_svg_is_kept_as_sent_and_served_in_a_sandbox(productlift: Client) -> None:
    created = await productlift.post("/posts", data={"title": "Dark mode"}, files={"image": ("a.svg", SVG)})

    response = await got(productlift, created.json()["data"]["image_main"])
    assert response.content == SVG
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"%PDF-1.7", b"<html><svg></svg></html>", b"\x89PNG\r\n\x1a\nthis is a lie", picture("PNG")[:-20]],
    ids=["empty", "text", "pdf", "html", "lie", "cut"],
)
async def test_what_is_no_picture_is_refused_and_nothing_stays(
    productlift: Client, server: Application, make: Factory, content: bytes
) -> None:
    refused = await productlift.post("/posts", data={"title": "Dark mode"}, files={"image": ("a.png", content)})

    assert (refused.status_code, refused.json()) == (422, NO_IMAGE)
    assert await stored(server) == []
    assert await make.value("SELECT count(*) FROM posts") == 0


async def test_a_picture_that_lies_leaves_no_attachment_either(productlift: Client, server: Application) -> None:
    refused = await productlift.post(
        "/posts",
        data={"title": "Dark mode"},
        files={"attachment": ("a.txt", b"hello"), "image": ("a.png", b"\x89PNG\r\n\x1a\nthis is a lie")},
    )

    assert (refused.status_code, refused.json()) == (422, NO_IMAGE)
    assert await stored(server) == []


async def test_a_text_in_a_file_field_is_refused(productlift: Client) -> None:
    refused = await productlift.send_json(
        "POST", "/posts", {"title": "Dark mode", "image": "x.png", "attachment": "y.txt"}
    )

    assert refused.status_code == 422
    assert refused.json()["errors"] == {
        "image": ["The image must be an image."],
        "attachment": ["The attachment must be a file."],
    }


async def test_an_image_may_have_20480_kilobytes_and_not_a_byte_more(productlift: Client, server: Application) -> None:
    # What follows a picture's end is not kept, so only the limit is at stake.
    small = picture("PNG")
    largest = small + bytes(IMAGE_LIMIT - len(small))

    accepted = await productlift.post("/posts", data={"title": "Largest"}, files={"image": ("a.png", largest)})
    refused = await productlift.post("/posts", data={"title": "Larger"}, files={"image": ("a.png", largest + b"\0")})

    assert accepted.status_code == 200
    assert refused.status_code == 422
    assert refused.json()["errors"] == {"image": ["The image must not be greater than 20480 kilobytes."]}
    assert len(await stored(server)) == 1


async def test_an_attachment_may_have_5240_kilobytes_and_not_a_byte_more(
    productlift: Client, server: Application
) -> None:
    largest = bytes(FILE_LIMIT)

    accepted = await productlift.post("/posts", data={"title": "Largest"}, files={"attachment": ("a.bin", largest)})
    refused = await productlift.post(
        "/posts", data={"title": "Larger"}, files={"attachment": ("a.bin", largest + b"\0")}
    )

    assert accepted.status_code == 200
    assert refused.status_code == 422
    assert refused.json()["errors"] == {"attachment": ["The attachment must not be greater than 5240 kilobytes."]}
    (name,) = await stored(server)
    kept = await productlift.of(None, base="").get(f"/files/{name}")
    assert kept.content == largest


@pytest.mark.parametrize(
    ("sent_name", "content", "media_type", "disposition"),
    [
        ("notes.txt", b"hello", "application/octet-stream", 'attachment; filename="notes.txt"'),
        ("page.html", b"<script>alert(1)</script>", "application/octet-stream", 'attachment; filename="page.html"'),
        ("drawing.svg", SVG, "application/octet-stream", 'attachment; filename="drawing.svg"'),
        ("shot.exe", picture("PNG"), "image/png", 'inline; filename="shot.exe"'),
        ("C:\\Users\\me\\plan.doc", b"x", "application/octet-stream", 'attachment; filename="plan.doc"'),
        ("../../etc/passwd", b"x", "application/octet-stream", 'attachment; filename="passwd"'),
    ],
)
async def test_an_attachment_is_kept_as_sent_and_served_harmless(
    productlift: Client, server: Application, sent_name: str, content: bytes, media_type: str, disposition: str
) -> None:
    await productlift.post(
        "/posts", data={"title": "Dark mode"}, files={"attachment": (sent_name, content, "text/html")}
    )

    (name,) = await stored(server)
    response = await productlift.of(None, base="").get(f"/files/{name}")
    assert response.content == content
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == disposition
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_attachment_is_in_no_answer_but_recorded_with_all_there_is_to_know(
    productlift: Client, make: Factory, server: Application
) -> None:
    created = await productlift.post(
        "/posts", data={"title": "Dark mode"}, files={"attachment": ("Übersicht\u202e.txt", b"hello")}
    )

    assert created.json()["data"]["image_main"] == ""
    row = dict(await make.row("SELECT kind, name, original_name, media_type, size FROM attachments"))
    assert row == {
        "kind": "attachment",
        "name": (await stored(server))[0],
        "original_name": "Übersicht.txt",
        "media_type": "application/octet-stream",
        "size": 5,
    }


async def test_a_second_image_takes_the_place_of_the_first(
    productlift: Client, server: Application, make: Factory
) -> None:
    files = {"image": ("a.png", picture("PNG"))}
    created = (await productlift.post("/posts", data={"title": "One"}, files=files)).json()
    first = created["data"]["image_main"]

    changed = await productlift.post(
        f"/posts/{created['data']['id']}", data={"_method": "PATCH"}, files={"image": ("b.gif", picture("GIF"))}
    )

    second = changed.json()["data"]["image_main"]
    assert changed.status_code == 200
    assert second.endswith(".gif")
    assert await stored(server) == [second.removeprefix(f"{HOST}/files/")]
    assert (await got(productlift, first)).status_code == 404
    assert (await got(productlift, second)).status_code == 200
    assert await make.value("SELECT count(*) FROM attachments") == 1


async def test_attachments_stand_side_by_side(productlift: Client, server: Application, make: Factory) -> None:
    created = (
        await productlift.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"first")})
    ).json()

    await productlift.request("PATCH", f"/posts/{created['data']['id']}", files={"attachment": ("b.txt", b"second")})

    names = [row["original_name"] for row in await make.rows("SELECT original_name FROM attachments ORDER BY id")]
    assert names == ["a.txt", "b.txt"]
    assert len(await stored(server)) == 2


async def test_an_image_given_later_counts_as_an_edit(productlift: Client, clock: TestClock) -> None:
    created = (await productlift.post("/posts", data={"title": "One"})).json()["data"]
    clock.advance(hours=1)

    changed = (
        await productlift.request("PATCH", f"/posts/{created['id']}", files={"image": ("a.png", picture("PNG"))})
    ).json()["data"]

    assert changed["updated_at"] > created["updated_at"]
    assert {**changed, "image_main": "", "updated_at": ""} == {**created, "updated_at": ""}


async def test_an_update_without_files_keeps_those_there_are(productlift: Client, server: Application) -> None:
    created = (
        await productlift.post("/posts", data={"title": "One"}, files={"image": ("a.png", picture("PNG"))})
    ).json()["data"]

    changed = await productlift.send_json("PATCH", f"/posts/{created['id']}", {"title": "Another title", "image": ""})

    assert changed.json()["data"]["image_main"] == created["image_main"]
    assert len(await stored(server)) == 1


class Held(io.BytesIO):
    """A picture that is read when the gate opens; counts how many are read at once."""

    def __init__(self, content: bytes, gate: threading.Event, held: list[int]) -> None:
        super().__init__(content)
        self._gate, self._held = gate, held

    def read(self, size: int | None = -1) -> bytes:
        self._held.append(1)
        self._gate.wait()
        return super().read(size)


async def test_a_few_pictures_are_drawn_at_once_and_a_few_wait(productlift: Client, server: Application) -> None:
    uploads, gate, held = server.services.uploads, threading.Event(), list[int]()
    drawing = [
        asyncio.ensure_future(uploads.sanitize(Held(picture("PNG"), gate, held)))
        for _ in range(MAX_WORKERS + MAX_WAITING)
    ]
    await asyncio.sleep(0)
    try:
        # Who hangs up leaves the picture behind, so that makes no room for others.
        drawing[0].cancel()
        files = {"image": ("a.png", picture("PNG")), "attachment": ("a.txt", b"hello")}
        refused = await productlift.post("/posts", data={"title": "One too many"}, files=files)
        without = await productlift.post("/posts", data={"title": "No picture"}, files={"attachment": ("a.txt", b"x")})
        at_once = len(held)
    finally:
        gate.set()
    outcomes = await asyncio.gather(*drawing, return_exceptions=True)
    accepted = await productlift.post("/posts", data={"title": "Later"}, files=files)

    assert (refused.status_code, refused.json()) == (503, {"message": "Service Unavailable"})
    assert without.status_code == 200
    assert at_once <= MAX_WORKERS
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [type(outcome) for outcome in outcomes[1:]] == [SanitizedImage] * (MAX_WORKERS + MAX_WAITING - 1)
    assert accepted.status_code == 200


UNKNOWN_USER = "11111111-2222-4333-8444-555555555555"


async def test_a_request_that_fails_leaves_no_file(productlift: Client, server: Application, make: Factory) -> None:
    files = {"image": ("a.png", picture("PNG")), "attachment": ("a.txt", b"hello")}
    post = await make.code(await make.post())

    responses = [
        await productlift.post("/posts", data={"title": "One", "user_id": UNKNOWN_USER}, files=files),
        await productlift.post("/posts", data={"title": "O"}, files=files),
        await productlift.request("PATCH", f"/posts/{post}", data={"user_id": UNKNOWN_USER}, files=files),
        await productlift.request("PATCH", "/posts/zzzzzz", files=files),
        await productlift.of("1|nobody").post("/posts", data={"title": "One"}, files=files),
    ]

    assert [response.status_code for response in responses] == [404, 422, 404, 404, 401]
    assert await stored(server) == []
    assert await make.value("SELECT count(*) FROM attachments") == 0
    assert await make.value("SELECT image FROM posts") is None


async def test_a_post_that_goes_takes_its_files_along(productlift: Client, server: Application, make: Factory) -> None:
    files = {"image": ("a.png", picture("PNG")), "attachment": ("a.txt", b"hello")}
    created = (await productlift.post("/posts", data={"title": "One"}, files=files)).json()["data"]
    assert len(await stored(server)) == 2

    deleted = await productlift.delete(f"/posts/{created['id']}")

    assert deleted.status_code == 200
    assert await stored(server) == []
    assert await make.value("SELECT count(*) FROM attachments") == 0


async def test_a_user_who_goes_with_all_data_takes_the_files_of_his_posts_along(
    productlift: Client, server: Application, make: Factory
) -> None:
    jane = await make.uuid(await make.user())
    files = {"image": ("a.png", picture("PNG")), "attachment": ("a.txt", b"hello")}
    for author in (jane, await make.uuid(make.owner)):
        await productlift.post("/posts", data={"title": "One", "user_id": author}, files=files)

    await productlift.send_json("DELETE", f"/users/{jane}", {"delete_all_data": True})

    kept = await make.rows("SELECT name FROM attachments ORDER BY name")
    assert len(kept) == 2
    assert sorted(await stored(server)) == [row["name"] for row in kept]


async def test_a_post_that_goes_through_astuto_takes_its_files_along(
    productlift: Client, astuto: Client, server: Application, make: Factory
) -> None:
    await productlift.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"hello")})

    deleted = await astuto.delete(f"/posts/{await make.value('SELECT id FROM posts')}")

    assert deleted.status_code == 200
    assert await stored(server) == []


async def test_of_two_images_at_once_one_stays(productlift: Client, server: Application, make: Factory) -> None:
    post = await make.code(await make.post())

    responses = await asyncio.gather(
        *(
            productlift.request("PATCH", f"/posts/{post}", files={"image": (f"{form}.x", picture(form))})
            for form in ("PNG", "GIF", "BMP", "WEBP")
        )
    )

    assert [response.status_code for response in responses] == [200] * 4
    shown = await make.value("SELECT image FROM posts")
    assert await stored(server) == [shown]
    assert [row["name"] for row in await make.rows("SELECT name FROM attachments")] == [shown]


async def test_a_file_of_another_portal_is_not_served(server: Application, make: Factory, productlift: Client) -> None:
    await productlift.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"hello")})
    (name,) = await stored(server)
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    await make.new_portal("Other", host="other.example.com", email="other@example.com")

    own = await productlift.of(None, base="").get(f"/files/{name}")
    others = await productlift.of(None, base="", host="http://other.example.com").get(f"/files/{name}")
    unknown = await productlift.of(None, base="", host="http://nowhere.example.com").get(f"/files/{name}")

    assert (own.status_code, own.content) == (200, b"hello")
    assert (others.status_code, others.text) == (404, "Not found")
    assert (unknown.status_code, unknown.text) == (404, "Not found")


async def test_the_sweep_takes_what_belongs_to_no_post_after_an_hour(
    productlift: Client, server: Application, clock: TestClock
) -> None:
    uploads = server.services.uploads
    await productlift.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"hello")})
    (kept,) = await stored(server)
    lost = generate_name("png")
    await uploads.files.put(lost, b"picture", "image/png")

    assert await uploads.delete_orphans() == 0
    clock.advance(hours=2)
    assert await uploads.delete_orphans() == 1

    assert await stored(server) == [kept]


async def test_a_change_in_doubt_keeps_the_files_that_a_post_has(productlift: Client, server: Application) -> None:
    uploads = server.services.uploads
    await productlift.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"hello")})
    (kept,) = await stored(server)
    lost = generate_name()
    await uploads.files.put(lost, b"lost", "text/plain")

    await uploads.rollback([kept, lost], in_doubt=True)

    assert await stored(server) == [kept]


async def test_who_hangs_up_while_the_post_is_written_leaves_no_file_that_no_post_has(
    productlift: Client, server: Application, make: Factory
) -> None:
    files = {"image": ("a.png", picture("PNG", size=(600, 400)))}

    for patience in (0, 1, 2, 4, 8, 16, 32):
        asking = asyncio.ensure_future(productlift.post("/posts", data={"title": f"After {patience}"}, files=files))
        for _ in range(patience):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])

    await server.services.uploads.close()
    recorded = sorted([row["name"] for row in await make.rows("SELECT name FROM attachments")])
    assert await stored(server) == recorded


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with bucket_server() as address:
        yield address


@pytest.fixture
async def in_bucket(
    s3: str, settings: Settings, clock: TestClock, make: Factory, tmp_path: Path
) -> AsyncIterator[tuple[Application, Client]]:
    """A server that keeps uploads in a bucket, and a client of it."""
    bucket = f"earshot-{tmp_path.name.lower().replace('_', '-')}"[:60].strip("-")
    make_bucket(s3, bucket)
    url = f"s3://key:secret@{bucket}/uploads?endpoint={s3}&region=us-east-1"
    token = await make.key(make.owner, "productlift")
    async with running_application(settings, clock, storage_url=url) as server, Client(server, token=token) as client:
        yield server, client


async def test_a_bucket_serves_as_well_as_a_folder(in_bucket: tuple[Application, Client], make: Factory) -> None:
    server, client = in_bucket
    files = {"image": ("a.png", picture("PNG")), "attachment": ("notes.txt", b"hello")}

    created = (await client.post("/posts", data={"title": "One"}, files=files)).json()["data"]
    image = await got(client, created["image_main"])
    attached = await make.value("SELECT name FROM attachments WHERE kind = 'attachment'")
    attachment = await client.of(None, base="").get(f"/files/{attached}")
    names = await stored(server)
    refused = await client.post("/posts", data={"title": "One", "user_id": UNKNOWN_USER}, files=files)
    after_refusal = await stored(server)
    await client.delete(f"/posts/{created['id']}")

    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert (attachment.status_code, attachment.content) == (200, b"hello")
    assert len(names) == 2
    assert refused.status_code == 404
    assert after_refusal == names
    assert await stored(server) == []


async def test_without_its_bucket_a_post_with_files_is_refused_and_one_without_is_not(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    url = "s3://key:secret@gone?endpoint=http://127.0.0.1:9&region=us-east-1"
    token = await make.key(make.owner, "productlift")
    async with running_application(settings, clock, storage_url=url) as server, Client(server, token=token) as client:
        refused = await client.post("/posts", data={"title": "One"}, files={"attachment": ("a.txt", b"x")})
        accepted = await client.post("/posts", data={"title": "Two"})

    assert (refused.status_code, refused.json()) == (503, {"message": "Service Unavailable"})
    assert accepted.status_code == 200
    assert [row["title"] for row in await make.rows("SELECT title FROM posts")] == ["Two"]


def test_a_storage_that_cannot_be_used_ends_the_start_with_one_line(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path,
        secret_key=SECRET,
        storage_url="ftp://files.example.com",
    )

    with pytest.raises(InvalidSettings) as wrong:
        create_app(settings)

    assert str(wrong.value) == (
        "EARSHOT_STORAGE_URL: give a folder, or a bucket as s3://bucket/prefix?endpoint=…&region=…"
    )

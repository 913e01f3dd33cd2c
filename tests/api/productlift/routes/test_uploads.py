"""Files of a post: types, sizes, and when they are deleted. Contract sections 5, 7.9 and 7.11."""

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
from app.adapters.storage.uploads import MAX_WAITING, MAX_WORKERS
from app.application import Application, create_app
from app.settings import InvalidSettings, Settings
from tests.conftest import SECRET, TestClock
from tests.support.bucket import bucket_server, make_bucket
from tests.support.clients import HOST, Client, status_and_json
from tests.support.extra_servers import running_application
from tests.support.factory import Factory
from tests.support.productlift import UNKNOWN_UUID, invalid

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
CAMERA = "12 Secret Street"
FALSE_PNG = b"\x89PNG\r\n\x1a\nno image"
NO_IMAGE = {"message": "The given data was invalid.", "errors": {"image": ["The image must be an image."]}}
UNAVAILABLE = (503, {"message": "Service Unavailable"})
IMAGE_LIMIT, FILE_LIMIT = 20480 * 1024, 5240 * 1024


def make_image(form: str, size: tuple[int, int] = (8, 6), **options: Any) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", size, "#336699").save(output, form, **options)
    return output.getvalue()


PNG = ("a.png", make_image("PNG"))
TEXT = ("a.txt", b"hello")


async def create_post(client: Client, title: str = "One", **files: Any) -> httpx.Response:
    return await client.post("/posts", data={"title": title}, files=files)


async def list_files(server: Application) -> list[str]:
    """The names of all files in the storage."""
    later = server.services.clock() + timedelta(days=2)
    return sorted([name async for name in server.services.uploads.files.names(before=later)])


async def get_file(client: Client, url: str) -> httpx.Response:
    """The response to an absolute URL of this server, or to the name of a file."""
    path = url.removeprefix(f"{HOST}/files/")
    assert "/" not in path
    return await client.of(None, base="").get(f"/files/{path}")


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
async def test_an_image_of_each_type_becomes_the_main_image(
    productlift: Client, form: str, media_type: str, extension: str
) -> None:
    created = await create_post(productlift, image=("what.ever", make_image(form), "text/html"))

    assert created.status_code == 200
    url = created.json()["data"]["image_main"]
    assert url.startswith(f"{HOST}/files/")
    assert url.endswith(f".{extension}")
    assert (await productlift.get(f"/posts/{created.json()['data']['id']}")).json() == created.json()
    response = await get_file(productlift, url)
    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    assert Image.open(io.BytesIO(response.content)).size == (8, 6)
    assert response.headers["content-disposition"] == 'inline; filename="what.ever"'


async def test_camera_metadata_is_removed_from_an_image(productlift: Client) -> None:
    exif = Image.Exif()
    exif[0x010F] = CAMERA
    content = make_image("JPEG", exif=exif)
    assert CAMERA.encode() in content

    created = await create_post(productlift, image=("a.jpg", content))

    response = await get_file(productlift, created.json()["data"]["image_main"])
    assert CAMERA.encode() not in response.content


async def test_an_svg_is_stored_unchanged_and_served_in_a_sandbox(productlift: Client) -> None:
    created = await create_post(productlift, image=("a.svg", SVG))

    response = await get_file(productlift, created.json()["data"]["image_main"])
    assert response.content == SVG
    assert response.headers["content-type"] == "image/svg+xml"
    assert response.headers["content-security-policy"] == "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"%PDF-1.7", b"<html><svg></svg></html>", FALSE_PNG, PNG[1][:-20]],
    ids=["empty", "text", "pdf", "html", "fake PNG", "truncated"],
)
async def test_a_file_that_is_not_an_image_is_rejected_and_not_stored(
    productlift: Client, server: Application, make: Factory, content: bytes
) -> None:
    response = await create_post(productlift, image=("a.png", content), attachment=TEXT)

    assert (response.status_code, response.json()) == (422, NO_IMAGE)
    assert await list_files(server) == []
    assert await make.value("SELECT count(*) FROM posts") == 0


async def test_a_text_in_a_file_field_is_rejected(productlift: Client) -> None:
    sent = {"title": "Dark mode", "image": "x.png", "attachment": "y.txt"}

    assert status_and_json(await productlift.send_json("POST", "/posts", sent)) == invalid(
        image="The image must be an image.", attachment="The attachment must be a file."
    )


# What follows the end of an image is not stored, so only the limit matters.
@pytest.mark.parametrize(
    ("field", "largest", "kilobytes"),
    [
        ("image", PNG[1] + bytes(IMAGE_LIMIT - len(PNG[1])), 20480),
        ("attachment", bytes(FILE_LIMIT), 5240),
    ],
    ids=["image", "attachment"],
)
async def test_a_file_has_at_most_its_limit_in_bytes(
    productlift: Client, server: Application, field: str, largest: bytes, kilobytes: int
) -> None:
    accepted = await create_post(productlift, **{field: ("a.x", largest)})
    rejected = await create_post(productlift, **{field: ("a.x", largest + b"\0")})

    assert accepted.status_code == 200
    assert status_and_json(rejected) == invalid(
        **{field: f"The {field} must not be greater than {kilobytes} kilobytes."}
    )
    (name,) = await list_files(server)
    if field == "attachment":
        assert (await get_file(productlift, name)).content == largest


@pytest.mark.parametrize(
    ("sent_name", "content", "media_type", "disposition"),
    [
        ("notes.txt", b"hello", "application/octet-stream", 'attachment; filename="notes.txt"'),
        ("page.html", b"<script>alert(1)</script>", "application/octet-stream", 'attachment; filename="page.html"'),
        ("drawing.svg", SVG, "application/octet-stream", 'attachment; filename="drawing.svg"'),
        ("shot.exe", PNG[1], "image/png", 'inline; filename="shot.exe"'),
        ("C:\\Users\\me\\plan.doc", b"x", "application/octet-stream", 'attachment; filename="plan.doc"'),
        ("../../etc/passwd", b"x", "application/octet-stream", 'attachment; filename="passwd"'),
    ],
)
async def test_an_attachment_is_stored_unchanged_and_served_safely(
    productlift: Client, server: Application, sent_name: str, content: bytes, media_type: str, disposition: str
) -> None:
    await create_post(productlift, attachment=(sent_name, content, "text/html"))

    (name,) = await list_files(server)
    response = await get_file(productlift, name)
    assert response.content == content
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == disposition
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_attachment_is_stored_but_not_returned(
    productlift: Client, make: Factory, server: Application
) -> None:
    created = await create_post(productlift, attachment=("Übersicht\u202e.txt", b"hello"))

    assert created.json()["data"]["image_main"] == ""
    row = dict(await make.row("SELECT kind, name, original_name, media_type, size FROM attachments"))
    assert row == {
        "kind": "attachment",
        "name": (await list_files(server))[0],
        "original_name": "Übersicht.txt",
        "media_type": "application/octet-stream",
        "size": 5,
    }


async def test_a_second_image_replaces_the_first(productlift: Client, server: Application, make: Factory) -> None:
    created = (await create_post(productlift, image=PNG)).json()["data"]
    first = created["image_main"]

    changed = await productlift.post(
        f"/posts/{created['id']}", data={"_method": "PATCH"}, files={"image": ("b.gif", make_image("GIF"))}
    )

    second = changed.json()["data"]["image_main"]
    assert changed.status_code == 200
    assert second.endswith(".gif")
    assert await list_files(server) == [second.removeprefix(f"{HOST}/files/")]
    assert (await get_file(productlift, first)).status_code == 404
    assert (await get_file(productlift, second)).status_code == 200
    assert await make.value("SELECT count(*) FROM attachments") == 1


async def test_a_second_attachment_does_not_replace_the_first(
    productlift: Client, server: Application, make: Factory
) -> None:
    created = (await create_post(productlift, attachment=TEXT)).json()["data"]

    await productlift.request("PATCH", f"/posts/{created['id']}", files={"attachment": ("b.txt", b"second")})

    names = [row["original_name"] for row in await make.rows("SELECT original_name FROM attachments ORDER BY id")]
    assert names == ["a.txt", "b.txt"]
    assert len(await list_files(server)) == 2


async def test_adding_an_image_is_an_update_and_keeps_it_until_replaced(
    productlift: Client, server: Application, clock: TestClock
) -> None:
    created = (await create_post(productlift)).json()["data"]
    path = f"/posts/{created['id']}"
    clock.advance(hours=1)

    changed = (await productlift.request("PATCH", path, files={"image": PNG})).json()["data"]

    assert changed["updated_at"] > created["updated_at"]
    assert changed["image_main"] != ""
    assert {**changed, "image_main": "", "updated_at": ""} == {**created, "updated_at": ""}
    again = await productlift.send_json("PATCH", path, {"title": "Another title", "image": ""})
    assert again.json()["data"]["image_main"] == changed["image_main"]
    assert len(await list_files(server)) == 1


class BlockedImage(io.BytesIO):
    """An image that is read when the event is set; records each read."""

    def __init__(self, content: bytes, event: threading.Event, reads: list[int]) -> None:
        super().__init__(content)
        self._event, self._reads = event, reads

    def read(self, size: int | None = -1) -> bytes:
        self._reads.append(1)
        self._event.wait()
        return super().read(size)


async def test_concurrent_image_decodings_and_their_queue_are_limited(productlift: Client, server: Application) -> None:
    uploads, event, reads = server.services.uploads, threading.Event(), list[int]()
    tasks = [
        asyncio.ensure_future(uploads.sanitize(BlockedImage(PNG[1], event, reads), "png"))
        for _ in range(MAX_WORKERS + MAX_WAITING)
    ]
    await asyncio.sleep(0)
    try:
        # The image of a cancelled request is still decoded, so it makes no room for others.
        tasks[0].cancel()
        rejected = await create_post(productlift, image=PNG, attachment=TEXT)
        without_image = await create_post(productlift, attachment=TEXT)
        concurrent_reads = len(reads)
    finally:
        event.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    accepted = await create_post(productlift, image=PNG, attachment=TEXT)

    assert status_and_json(rejected) == UNAVAILABLE
    assert without_image.status_code == 200
    assert concurrent_reads <= MAX_WORKERS
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [type(outcome) for outcome in outcomes[1:]] == [SanitizedImage] * (MAX_WORKERS + MAX_WAITING - 1)
    assert accepted.status_code == 200


async def test_a_file_of_another_portal_is_not_served(server: Application, make: Factory, productlift: Client) -> None:
    await create_post(productlift, attachment=TEXT)
    (name,) = await list_files(server)
    await make.run("UPDATE portals SET host = 'feedback.example.com'")
    await make.new_portal("Other", host="other.example.com", email="other@example.com")

    own = await get_file(productlift, name)
    others = await productlift.of(None, base="", host="http://other.example.com").get(f"/files/{name}")
    unknown = await productlift.of(None, base="", host="http://nowhere.example.com").get(f"/files/{name}")

    assert (own.status_code, own.content) == (200, b"hello")
    assert (others.status_code, others.text) == (404, "Not found")
    assert (unknown.status_code, unknown.text) == (404, "Not found")


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


async def test_files_can_be_stored_in_a_bucket(in_bucket: tuple[Application, Client], make: Factory) -> None:
    server, client = in_bucket

    created = (await create_post(client, image=PNG, attachment=TEXT)).json()["data"]
    image = await get_file(client, created["image_main"])
    attached = await make.value("SELECT name FROM attachments WHERE kind = 'attachment'")
    attachment = await get_file(client, attached)
    names = await list_files(server)
    rejected = await client.post(
        "/posts", data={"title": "One", "user_id": UNKNOWN_UUID}, files={"image": PNG, "attachment": TEXT}
    )
    after_rejection = await list_files(server)
    await client.delete(f"/posts/{created['id']}")

    assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
    assert (attachment.status_code, attachment.content) == (200, b"hello")
    assert len(names) == 2
    assert rejected.status_code == 404
    assert after_rejection == names
    assert await list_files(server) == []


async def test_only_uploads_are_rejected_when_the_bucket_is_unavailable(
    settings: Settings, clock: TestClock, make: Factory
) -> None:
    url = "s3://key:secret@gone?endpoint=http://127.0.0.1:9&region=us-east-1"
    token = await make.key(make.owner, "productlift")
    async with running_application(settings, clock, storage_url=url) as server, Client(server, token=token) as client:
        rejected = await create_post(client, attachment=TEXT)
        accepted = await create_post(client, "Two")

    assert status_and_json(rejected) == UNAVAILABLE
    assert accepted.status_code == 200
    assert [row["title"] for row in await make.rows("SELECT title FROM posts")] == ["Two"]


def test_an_invalid_storage_setting_prevents_the_start(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path,
        secret_key=SECRET,
        storage_url="ftp://files.example.com",
    )

    with pytest.raises(InvalidSettings) as wrong:
        create_app(settings)

    assert str(wrong.value) == (
        "EARSHOT_STORAGE_URL=ftp://files.example.com (from the file .env): must be a folder or a bucket: write the "
        "path of a folder, or s3://bucket/prefix?endpoint=https://host&region=name"
    )

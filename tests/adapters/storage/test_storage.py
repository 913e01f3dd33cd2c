"""File storage: a folder and a bucket behave alike."""

import asyncio
import io
import os
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.adapters.storage import storage_from_url
from app.adapters.storage.base import (
    CHUNK,
    FileStorage,
    StorageUnavailable,
    generate_name,
    is_valid_name,
    probe_storage,
)
from app.adapters.storage.local import LocalStorage
from tests.support.bucket import bucket_server, make_bucket

SOON = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with bucket_server() as address:
        yield address


def bucket_url(server: str, bucket: str, key: str = "AKIAKEY:sec%2Fret@") -> str:
    return f"s3://{key}{bucket}/some/where?endpoint={server}&region=us-east-1"


@pytest.fixture(params=["folder", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> FileStorage:
    if request.param == "folder":
        return LocalStorage(tmp_path / "uploads")
    server = request.getfixturevalue("server")
    bucket = f"bucket-{os.urandom(6).hex()}"
    make_bucket(server, bucket)
    return storage_from_url(bucket_url(server, bucket), tmp_path)


async def read(files: FileStorage, name: str) -> bytes | None:
    stored = await files.open(name)
    if stored is None:
        return None
    content = b"".join([chunk async for chunk in stored.chunks])
    assert len(content) == stored.size
    return content


async def list_names(files: FileStorage, before: timedelta = SOON) -> list[str]:
    return sorted([name async for name in files.names(before=datetime.now(UTC) + before)])


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class PausedSource(io.BytesIO):
    """Sets an event when it is read, and waits for another one."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.started, self.resume = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.started.set()
        assert self.resume.wait(30)
        return super().read(size)


class FailingSource(io.BytesIO):
    """Fails after the first chunk."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == 0 and size and size > 0:
            return super().read(size)
        raise RuntimeError("the source failed")


@pytest.mark.parametrize("content", [b"", b"small", bytes(range(256)) * 4096 + b"end"])
async def test_a_stored_file_is_read_back(files: FileStorage, content: bytes) -> None:
    name, other, source = generate_name("png"), generate_name(), io.BytesIO(b"skipped" + content)
    source.seek(7)

    await files.put(name, content, "image/png")
    await files.put(other, source, "application/pdf")

    assert await read(files, name) == content
    assert await read(files, other) == content
    assert await list_names(files) == sorted([name, other])


async def test_a_large_file_is_read_in_chunks(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x" * (20 * CHUNK), "text/plain")

    stored = await files.open(name)

    assert stored is not None
    sizes = [len(chunk) async for chunk in stored.chunks]
    assert sum(sizes) == 20 * CHUNK
    assert len(sizes) > 1


async def test_an_open_file_can_be_closed_at_any_time_and_twice(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x" * (4 * CHUNK), "text/plain")
    unread, half_read = await files.open(name), await files.open(name)
    assert unread and half_read

    await unread.close()
    await anext(half_read.chunks)
    await half_read.close()
    await half_read.close()

    assert unread.size == half_read.size == 4 * CHUNK


async def test_a_file_can_be_deleted_twice(files: FileStorage) -> None:
    name, other = generate_name(), generate_name()
    await files.put(name, b"one", "text/plain")
    await files.put(other, b"two", "text/plain")

    await files.delete(name)
    await files.delete(name)

    assert await files.open(name) is None
    assert await read(files, other) == b"two"
    assert await list_names(files) == [other]


async def test_an_unknown_file_does_not_exist(files: FileStorage) -> None:
    assert await files.open(generate_name()) is None
    assert await list_names(files) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../secret",
        "/etc/passwd",
        "a" * 22 + "/../../secret",
        "a" * 21,
        "a" * 23,
        "a" * 22 + ".",
        "a" * 22 + ".html",
        "a" * 22 + ".png.part",
        "a" * 22 + ".PNG",
        "a" * 22 + "\n",
        "a" * 21 + "ä",
        "a" * 21 + "٣",
        "a" * 21 + "\0",
        "..%2f..%2fsecret",
    ],
)
async def test_an_invalid_name_is_not_found_and_can_not_be_stored(
    files: FileStorage, name: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")

    assert not is_valid_name(name)
    assert await files.open(name) is None
    await files.delete(name)
    with pytest.raises(ValueError, match="generate_name"):
        await files.put(name, b"x", "text/plain")

    assert list_files(tmp_path) == [tmp_path / "secret"]


async def test_names_are_filtered_by_age(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x", "text/plain")

    assert await list_names(files, before=SOON) == [name]
    assert await list_names(files, before=-SOON) == []


async def test_an_upload_whose_source_fails_leaves_no_file(files: FileStorage, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the source failed"):
        await files.put(generate_name(), FailingSource(b"x" * (3 * CHUNK)), "text/plain")

    assert await list_names(files) == []
    assert list_files(tmp_path) == []


async def test_a_cancelled_upload_leaves_no_file_and_stops_reading(files: FileStorage, tmp_path: Path) -> None:
    source = PausedSource(b"x" * (3 * CHUNK))
    putting = asyncio.create_task(files.put(generate_name(), source, "text/plain"))
    await asyncio.to_thread(source.started.wait, 30)

    putting.cancel()
    await asyncio.sleep(0)
    putting.cancel()  # A second cancellation changes nothing.
    await asyncio.sleep(0)
    assert not putting.done()
    source.resume.set()
    with pytest.raises(asyncio.CancelledError):
        await putting

    source.close()
    assert await list_names(files) == []
    assert list_files(tmp_path) == []


async def test_many_files_are_stored_concurrently(files: FileStorage) -> None:
    contents = {generate_name("png"): os.urandom(1000) for _ in range(20)}

    await asyncio.gather(*(files.put(name, content, "image/png") for name, content in contents.items()))

    assert {name: await read(files, name) for name in await list_names(files)} == contents


async def test_a_probe_of_working_storage_leaves_no_file(files: FileStorage) -> None:
    await probe_storage(files)

    assert await list_names(files) == []


def test_names_are_random_and_only_images_have_an_extension() -> None:
    made = {generate_name("png") for _ in range(1000)}

    assert len(made) == 1000
    assert all(is_valid_name(name) and len(name) == 26 for name in made)
    assert {len(generate_name(extension)) for extension in ("html", "exe", "", None, "../x", "PNG")} == {22}
    assert {letter for name in made for letter in name[:22]} == set(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )


async def test_files_are_private_to_their_owner_whatever_the_umask(tmp_path: Path) -> None:
    files, name = LocalStorage(tmp_path / "deep" / "uploads"), generate_name()

    mask = os.umask(0)
    try:
        await files.put(name, b"x", "text/plain")
    finally:
        os.umask(mask)

    (path,) = list_files(tmp_path)
    assert path == tmp_path / "deep" / "uploads" / name[:2] / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folders = (path.parent, tmp_path / "deep" / "uploads", tmp_path / "deep")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3


async def test_a_file_does_not_exist_before_it_is_complete(tmp_path: Path) -> None:
    files, name, source = LocalStorage(tmp_path), generate_name(), PausedSource(b"x" * CHUNK)
    putting = asyncio.create_task(files.put(name, source, "text/plain"))
    await asyncio.to_thread(source.started.wait, 30)

    before = await files.open(name)
    source.resume.set()
    await putting

    assert before is None
    assert await read(files, name) == b"x" * CHUNK


async def test_an_incomplete_file_is_listed_and_can_be_deleted(tmp_path: Path) -> None:
    files, name = LocalStorage(tmp_path), generate_name("png")
    old = (datetime.now(UTC) - timedelta(days=2)).timestamp()
    (tmp_path / name[:2]).mkdir()
    part = tmp_path / name[:2] / f"{name}.part"
    part.write_bytes(b"half")
    os.utime(part, (old, old))
    (tmp_path / name[:2] / "notes.txt").write_bytes(b"x")
    (tmp_path / "README").write_bytes(b"x")

    names = await list_names(files, before=-timedelta(days=1))
    assert await files.open(name) is None
    await files.delete(name)

    assert names == [name]
    assert not part.exists()
    assert len(list_files(tmp_path)) == 2


async def test_an_unusable_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_bytes(b"this is a file")
    files = LocalStorage(tmp_path / "uploads")

    with pytest.raises(StorageUnavailable) as error:
        await files.put(generate_name(), b"x", "text/plain")
    with pytest.raises(StorageUnavailable):
        await probe_storage(files)

    assert str(error.value) == (
        f"folder {tmp_path}/uploads: could not store a file (File exists): "
        "make this user the owner of the folder, and check that its disk has space"
    )


async def test_a_bucket_stores_all_files_under_its_prefix(server: str, tmp_path: Path) -> None:
    make_bucket(server, "prefixes")
    files = storage_from_url(bucket_url(server, "prefixes"), tmp_path)
    root = storage_from_url(bucket_url(server, "prefixes").replace("/some/where", ""), tmp_path)
    inner, outer = generate_name(), generate_name()

    await files.put(inner, b"inner", "text/plain")
    await root.put(outer, b"outer", "text/plain")

    assert await list_names(files) == [inner]
    assert await files.open(outer) is None
    assert await root.open(inner) is None
    assert repr(files) == f"bucket prefixes/some/where at {server}"


OPERATIONS: dict[str, Callable[[FileStorage], Awaitable[Any]]] = {
    "put": lambda files: files.put(generate_name(), b"x", "text/plain"),
    "open": lambda files: files.open(generate_name()),
    "delete": lambda files: files.delete(generate_name()),
    "names": list_names,
}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_error_of_a_bucket_is_reported_without_secrets(operation: str, tmp_path: Path) -> None:
    body = (
        b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAKEY</AWSAccessKeyId>"
        b"<StringToSign>sec/ret</StringToSign></Error>"
    )
    async with serve_response(b"403 Forbidden", body, len(body)) as address:
        files = storage_from_url(bucket_url(address, "closed"), tmp_path)

        with pytest.raises(StorageUnavailable) as error:
            await OPERATIONS[operation](files)

    message = str(error.value)
    assert message.startswith(f"bucket closed/some/where at {address}: could not ")
    assert " a file (SignatureDoesNotMatch): check bucket, endpoint, region and key" in message
    assert error.value.__context__ is None and error.value.__cause__ is None
    assert "AKIAKEY" not in repr(files) and "sec/ret" not in repr(files)


@asynccontextmanager
async def serve_response(status: bytes, body: bytes, length: int) -> AsyncIterator[str]:
    """A server that sends this response to every request and closes the connection; `length` is its Content-Length."""

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n" % (status, length)
        writer.write(head + b'ETag: "1"\r\nLast-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\n\r\n' + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_lost_connection_to_a_bucket_does_not_end_the_file(tmp_path: Path) -> None:
    async with serve_response(b"200 OK", b"half", length=8) as address:
        stored = await storage_from_url(bucket_url(address, "ailing"), tmp_path).open(generate_name())
        assert stored is not None and stored.size == 8

        with pytest.raises(StorageUnavailable, match="could not read a file"):
            assert not [chunk async for chunk in stored.chunks]


async def test_the_probe_reports_a_missing_bucket(server: str, tmp_path: Path) -> None:
    files = storage_from_url(bucket_url(server, "never-made"), tmp_path)

    with pytest.raises(StorageUnavailable, match="could not store a file \\(NoSuchBucket"):
        await probe_storage(files)

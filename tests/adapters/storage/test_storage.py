"""Storage of uploads: the same promises kept by a folder and by a bucket."""

import asyncio
import io
import os
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.adapters.storage import storage_from_url
from app.adapters.storage.base import (
    CHUNK,
    FileStorage,
    InvalidStorageUrl,
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


async def names(files: FileStorage, before: timedelta = SOON) -> list[str]:
    return sorted([name async for name in files.names(before=datetime.now(UTC) + before)])


async def everything(found: AsyncIterator[str]) -> list[str]:
    return [name async for name in found]


def all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class Source(io.BytesIO):
    """Says that it is being read, and waits until it may go on."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.begun.set()
        assert self.go_on.wait(30)
        return super().read(size)


class Broken(io.BytesIO):
    """Breaks off after the first piece."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() == 0 and size and size > 0:
            return super().read(size)
        raise RuntimeError("the source broke off")


@pytest.mark.parametrize("content", [b"", b"small", bytes(range(256)) * 4096 + b"end"])
async def test_what_was_put_is_read_back(files: FileStorage, content: bytes) -> None:
    name, other = generate_name("png"), generate_name()

    await files.put(name, content, "image/png")
    await files.put(other, io.BytesIO(content), "application/pdf")

    assert await read(files, name) == content
    assert await read(files, other) == content
    assert await names(files) == sorted([name, other])


async def test_a_source_is_read_from_where_it_stands(files: FileStorage) -> None:
    name, source = generate_name(), io.BytesIO(b"head and body")
    source.seek(5)

    await files.put(name, source, "text/plain")

    assert await read(files, name) == b"and body"


async def test_a_large_file_comes_in_pieces(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x" * (20 * CHUNK), "text/plain")

    stored = await files.open(name)

    assert stored is not None
    sizes = [len(chunk) async for chunk in stored.chunks]
    assert sum(sizes) == 20 * CHUNK
    assert len(sizes) > 1


async def test_an_opened_file_can_be_closed_unread_half_read_and_twice(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x" * (4 * CHUNK), "text/plain")
    unread, half_read = await files.open(name), await files.open(name)
    assert unread and half_read

    await unread.close()
    await anext(half_read.chunks)
    await half_read.close()
    await half_read.close()

    assert unread.size == half_read.size == 4 * CHUNK


async def test_a_deleted_file_is_gone_and_deleting_again_is_fine(files: FileStorage) -> None:
    name, other = generate_name(), generate_name()
    await files.put(name, b"one", "text/plain")
    await files.put(other, b"two", "text/plain")

    await files.delete(name)
    await files.delete(name)

    assert await files.open(name) is None
    assert await read(files, other) == b"two"
    assert await names(files) == [other]


async def test_what_was_never_put_is_not_there(files: FileStorage) -> None:
    assert await files.open(generate_name()) is None
    assert await names(files) == []


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
async def test_a_name_of_another_form_is_not_found_and_cannot_be_put(
    files: FileStorage, name: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")

    assert not is_valid_name(name)
    assert await files.open(name) is None
    await files.delete(name)
    with pytest.raises(ValueError, match="generate_name"):
        await files.put(name, b"x", "text/plain")

    assert all_files(tmp_path) == [tmp_path / "secret"]


async def test_names_are_told_by_age(files: FileStorage) -> None:
    name = generate_name()
    await files.put(name, b"x", "text/plain")

    assert await names(files, before=SOON) == [name]
    assert await names(files, before=-SOON) == []


async def test_a_source_that_breaks_off_leaves_nothing(files: FileStorage, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broke off"):
        await files.put(generate_name(), Broken(b"x" * (3 * CHUNK)), "text/plain")

    assert await names(files) == []
    assert all_files(tmp_path) == []


async def test_a_cancelled_put_leaves_nothing_and_reads_no_further(files: FileStorage, tmp_path: Path) -> None:
    source = Source(b"x" * (3 * CHUNK))
    putting = asyncio.create_task(files.put(generate_name(), source, "text/plain"))
    await asyncio.to_thread(source.begun.wait, 30)

    putting.cancel()
    await asyncio.sleep(0)
    putting.cancel()  # Impatience changes nothing.
    await asyncio.sleep(0)
    assert not putting.done()
    source.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await putting

    source.close()
    assert await names(files) == []
    assert all_files(tmp_path) == []


async def test_a_put_that_runs_out_of_time_leaves_nothing(files: FileStorage, tmp_path: Path) -> None:
    source = Source(b"x" * (3 * CHUNK))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(None) as limit:
            task = asyncio.create_task(asyncio.to_thread(source.begun.wait, 30))
            task.add_done_callback(lambda _: limit.reschedule(asyncio.get_running_loop().time()))
            task.add_done_callback(lambda _: source.go_on.set())
            await files.put(generate_name(), source, "text/plain")

    assert await names(files) == []
    assert all_files(tmp_path) == []


async def test_many_put_at_once_and_each_is_read_back(files: FileStorage) -> None:
    wanted = {generate_name("png"): os.urandom(1000) for _ in range(20)}

    await asyncio.gather(*(files.put(name, content, "image/png") for name, content in wanted.items()))

    assert {name: await read(files, name) for name in await names(files)} == wanted


async def test_storage_that_works_passes_the_check_and_is_left_as_it_was(files: FileStorage) -> None:
    await probe_storage(files)

    assert await names(files) == []


def test_names_are_random_and_bear_the_extensions_of_pictures_alone() -> None:
    made = {generate_name("png") for _ in range(1000)}

    assert len(made) == 1000
    assert all(is_valid_name(name) and len(name) == 26 for name in made)
    assert {len(generate_name(extension)) for extension in ("html", "exe", "", None, "../x", "PNG")} == {22}
    assert {letter for name in made for letter in name[:22]} == set(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )


async def test_files_are_spread_and_for_their_owner_alone_whatever_the_mask(tmp_path: Path) -> None:
    files, name = LocalStorage(tmp_path / "deep" / "uploads"), generate_name()

    mask = os.umask(0)
    try:
        await files.put(name, b"x", "text/plain")
    finally:
        os.umask(mask)

    (path,) = all_files(tmp_path)
    assert path == tmp_path / "deep" / "uploads" / name[:2] / name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    folders = (path.parent, tmp_path / "deep" / "uploads", tmp_path / "deep")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3


async def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    files, name, source = LocalStorage(tmp_path), generate_name(), Source(b"x" * CHUNK)
    putting = asyncio.create_task(files.put(name, source, "text/plain"))
    await asyncio.to_thread(source.begun.wait, 30)

    before = await files.open(name)
    source.go_on.set()
    await putting

    assert before is None
    assert await read(files, name) == b"x" * CHUNK


async def test_what_a_crash_left_half_written_is_told_and_can_be_deleted(tmp_path: Path) -> None:
    files, name, old = LocalStorage(tmp_path), generate_name("png"), datetime.now(UTC) - timedelta(days=2)
    (tmp_path / name[:2]).mkdir()
    left = tmp_path / name[:2] / f"{name}.part"
    left.write_bytes(b"half")
    os.utime(left, (old.timestamp(), old.timestamp()))
    (tmp_path / name[:2] / "somebody's notes.txt").write_bytes(b"x")
    (tmp_path / "README").write_bytes(b"x")

    found = await everything(files.names(before=datetime.now(UTC) - timedelta(days=1)))
    assert await files.open(name) is None
    await files.delete(name)

    assert found == [name]
    assert not left.exists()
    assert len(all_files(tmp_path)) == 2


async def test_a_folder_that_cannot_be_used_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_bytes(b"this is a file")
    files = LocalStorage(tmp_path / "uploads")

    with pytest.raises(StorageUnavailable) as refusal:
        await files.put(generate_name(), b"x", "text/plain")
    with pytest.raises(StorageUnavailable):
        await probe_storage(files)

    assert str(refusal.value) == f"folder {tmp_path}/uploads: could not store a file: File exists"


@pytest.mark.parametrize("url", [None, ""])
def test_without_a_setting_files_are_in_the_data_directory(url: str | None, tmp_path: Path) -> None:
    files = storage_from_url(url, tmp_path)

    assert isinstance(files, LocalStorage)
    assert files.root == tmp_path / "uploads"
    assert not files.root.exists()


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("/srv/uploads", "/srv/uploads"),
        ("some where/uploads", "some where/uploads"),
        ("file:///srv/some%20where", "/srv/some where"),
        ("file://localhost/srv", "/srv"),
        ("FILE:///srv", "/srv"),
    ],
)
def test_a_folder_is_given_by_path_or_url(url: str, root: str, tmp_path: Path) -> None:
    files = storage_from_url(url, tmp_path)

    assert isinstance(files, LocalStorage)
    assert files.root == Path(root)


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "gs://bucket",
        "https://KEYKEY:SECRETSECRET@host/bucket",
        "file://otherhost/srv",
        "file:///",
        "s3://",
        "s3:///prefix",
        "s3://x",
        "s3://bucket:99/prefix",
        "s3://KEYKEY@bucket",
        "s3://KEYKEY:SECRET/SECRET@bucket",
        "s3://KEYKEY:SECRETSECRET@bucket?endpoint=ftp://host",
        "s3://KEYKEY:SECRETSECRET@bucket?endpoint=host:9000",
        "s3://bucket?endpoint=https://KEYKEY:SECRETSECRET@host",
        "s3://KEYKEY:SECRETSECRET@bucket?secret=SECRETSECRET",
        "s3://KEYKEY:SECRETSECRET@bucket?nonsense",
        "s3://KEYKEY:SECRETSECRET@bucket?endpoint=http://[::1",
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_without_secrets(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidStorageUrl) as refusal:
        storage_from_url(url, tmp_path)

    words = str(refusal.value)
    assert words.startswith("EARSHOT_STORAGE_URL")
    assert "\n" not in words and "KEYKEY" not in words and "SECRET" not in words
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_bucket_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from pathlib import Path\n"
        "from app.adapters.storage import InvalidStorageUrl, storage_from_url\n"
        "assert 'app.adapters.storage.s3' not in sys.modules\n"
        "storage_from_url('folder', Path())\n"
        "try: storage_from_url('s3://bucket', Path())\n"
        "except InvalidStorageUrl as refusal: print(refusal)\n"
    )

    output = run_python(program)

    assert output == ("EARSHOT_STORAGE_URL names a bucket, and its client is not installed: pip install obstore\n")


def run_python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


async def test_a_bucket_keeps_all_under_its_prefix(server: str, tmp_path: Path) -> None:
    make_bucket(server, "prefixes")
    files = storage_from_url(bucket_url(server, "prefixes"), tmp_path)
    root = storage_from_url(bucket_url(server, "prefixes").replace("/some/where", ""), tmp_path)
    inner, outer = generate_name(), generate_name()

    await files.put(inner, b"inner", "text/plain")
    await root.put(outer, b"outer", "text/plain")

    assert await names(files) == [inner]
    assert await files.open(outer) is None
    assert await root.open(inner) is None
    assert repr(files) == f"bucket prefixes/some/where at {server}"


@pytest.mark.parametrize("operation", ["put", "open", "delete", "names"])
async def test_a_bucket_that_refuses_is_named_without_secrets(operation: str, tmp_path: Path) -> None:
    refusal_of_s3 = (
        b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAKEY</AWSAccessKeyId>"
        b"<StringToSign>sec/ret</StringToSign></Error>"
    )
    async with answering(b"403 Forbidden", refusal_of_s3, len(refusal_of_s3)) as address:
        files = storage_from_url(bucket_url(address, "closed"), tmp_path)

        with pytest.raises(StorageUnavailable) as refusal:
            await acted(files, operation)

    words = str(refusal.value)
    assert words.startswith(f"bucket closed/some/where at {address}: could not ")
    assert words.endswith(" a file: SignatureDoesNotMatch")
    assert refusal.value.__context__ is None and refusal.value.__cause__ is None
    assert "AKIAKEY" not in repr(files) and "sec/ret" not in repr(files)


async def acted(files: FileStorage, operation: str) -> None:
    if operation == "put":
        await files.put(generate_name(), b"x", "text/plain")
    elif operation == "delete":
        await files.delete(generate_name())
    elif operation == "names":
        await names(files)
    else:
        await files.open(generate_name())


@asynccontextmanager
async def answering(status: bytes, body: bytes, length: int) -> AsyncIterator[str]:
    """A server that answers every request so and hangs up; `length` is what it announces of the body."""

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n" % (status, length)
        writer.write(head + b'ETag: "1"\r\nLast-Modified: Sun, 22 Nov 2026 09:00:00 GMT\r\n\r\n' + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(response, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_bucket_that_hangs_up_halfway_is_no_end_of_the_file(tmp_path: Path) -> None:
    async with answering(b"200 OK", b"half", length=8) as address:
        stored = await storage_from_url(bucket_url(address, "ailing"), tmp_path).open(generate_name())
        assert stored is not None and stored.size == 8

        with pytest.raises(StorageUnavailable, match="could not read a file"):
            assert not [chunk async for chunk in stored.chunks]


async def test_a_missing_bucket_is_told_by_the_check(server: str, tmp_path: Path) -> None:
    files = storage_from_url(bucket_url(server, "never-made"), tmp_path)

    with pytest.raises(StorageUnavailable, match="could not store a file: NoSuchBucket"):
        await probe_storage(files)


def test_each_storage_says_where_it_is(tmp_path: Path) -> None:
    storages: list[FileStorage] = [LocalStorage(tmp_path), storage_from_url("s3://bucket", tmp_path)]

    assert [repr(each) for each in storages] == [f"folder {tmp_path}", "bucket bucket"]

"""`EARSHOT_STORAGE_URL`: a folder, a bucket, or an error without secrets."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.storage import storage_from_url
from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.adapters.storage.local import LocalStorage
from tests.support.messages import is_documented


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
def test_a_folder_can_be_a_path_or_a_url(url: str, root: str, tmp_path: Path) -> None:
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
def test_an_invalid_url_is_rejected_in_one_line_without_secrets(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidStorageUrl) as error:
        storage_from_url(url, tmp_path)

    message = str(error.value)
    assert is_documented(error.value.state)
    assert error.value.remedy
    assert "\n" not in message and "KEYKEY" not in message and "SECRET" not in message
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_bucket_without_the_extra_is_rejected_with_install_instructions() -> None:
    program = (
        "import sys; sys.modules['obstore'] = None\n"
        "from pathlib import Path\n"
        "from app.adapters.storage import InvalidStorageUrl, storage_from_url\n"
        "assert 'app.adapters.storage.s3' not in sys.modules\n"
        "storage_from_url('folder', Path())\n"
        "try: storage_from_url('s3://bucket', Path())\n"
        "except InvalidStorageUrl as error: print(error)\n"
    )

    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert output == "names a bucket, and the client of buckets is not installed: pip install obstore\n"


def test_each_storage_describes_its_location(tmp_path: Path) -> None:
    storages: list[FileStorage] = [LocalStorage(tmp_path), storage_from_url("s3://bucket", tmp_path)]

    assert [repr(storage) for storage in storages] == [f"folder {tmp_path}", "bucket bucket"]

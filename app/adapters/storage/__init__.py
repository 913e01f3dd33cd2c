"""The storage of uploads, a folder or an S3-compatible bucket, from `EARSHOT_STORAGE_URL`."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.adapters.storage.local import LocalStorage


def storage_from_url(url: str | None, data_dir: Path) -> FileStorage:
    """The storage of a URL; without one, the folder `uploads` of the data directory. Opens no file or connection.

    A folder is a path or a `file:` URL. A bucket is `s3://bucket/prefix?endpoint=https://host&region=name`, with
    `key:secret@` before the bucket unless the usual `AWS_…` variables are set. Raises InvalidStorageUrl.
    """
    if not url:
        return LocalStorage(data_dir / "uploads")
    if url.lower().startswith("s3:"):
        # Also if slashes are missing: a folder with the secret in its name would be created and printed.
        return _s3_storage(url)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "file":
        place = urlsplit(url)
        if place.netloc not in ("", "localhost") or place.path in ("", "/"):
            raise InvalidStorageUrl(
                "a file: URL must have no host, and a path", "write a folder as file:///path/to/folder"
            )
        return LocalStorage(Path(unquote(place.path)))
    if scheme:
        raise InvalidStorageUrl(
            "must be a folder or a bucket",
            "write the path of a folder, or s3://bucket/prefix?endpoint=https://host&region=name",
        )
    return LocalStorage(Path(url).expanduser())


def _s3_storage(url: str) -> FileStorage:
    try:
        from app.adapters.storage.s3 import s3_storage
    except ModuleNotFoundError:
        raise InvalidStorageUrl(
            "names a bucket, and the client of buckets is not installed", "pip install obstore"
        ) from None
    return s3_storage(url)

"""Where uploads are stored: a folder or an S3-compatible bucket, as `EARSHOT_STORAGE_URL` says."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.adapters.storage.base import FileStorage, InvalidStorageUrl
from app.adapters.storage.local import LocalStorage


def storage_from_url(url: str | None, data_dir: Path) -> FileStorage:
    """The storage that `EARSHOT_STORAGE_URL` asks for; without one, the folder `uploads` of the data directory.

    A folder is given by its path or a `file:` URL. A bucket is given as
    `s3://bucket/prefix?endpoint=https://host&region=name`, optionally with `key:secret@` before the bucket;
    without, the usual `AWS_…` variables count. Nothing is touched yet. Raises InvalidStorageUrl.
    """
    if not url:
        return LocalStorage(data_dir / "uploads")
    if url.lower().startswith("s3:"):
        # Also with slashes missing: a folder of that name would be made and named, with the secret in it.
        return _s3_storage(url)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme == "file":
        place = urlsplit(url)
        if place.netloc not in ("", "localhost") or place.path in ("", "/"):
            raise InvalidStorageUrl("EARSHOT_STORAGE_URL: write a folder as file:///path/to/folder")
        return LocalStorage(Path(unquote(place.path)))
    if scheme:
        raise InvalidStorageUrl(
            "EARSHOT_STORAGE_URL: give a folder, or a bucket as s3://bucket/prefix?endpoint=…&region=…"
        )
    return LocalStorage(Path(url).expanduser())


def _s3_storage(url: str) -> FileStorage:
    try:
        from app.adapters.storage.s3 import s3_storage
    except ModuleNotFoundError as missing:
        if missing.name != "obstore":
            raise
        raise InvalidStorageUrl(
            "EARSHOT_STORAGE_URL names a bucket, and its client is not installed: pip install obstore"
        ) from None
    return s3_storage(url)

"""Uploads in an S3-compatible bucket. Imported only when configured: obstore is an extra."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from app.adapters.storage.base import (
    CHUNK,
    InvalidStorageUrl,
    OpenFile,
    StorageUnavailable,
    complete_or_undo,
    is_valid_name,
)

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Config

T = TypeVar("T")

_ADVICE: Final = "write s3://bucket/prefix?endpoint=https://host&region=name"
# A client waits for the response, so retry less often and for a shorter time than obstore's defaults.
_RETRIES: Final[RetryConfig] = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
_TIMEOUTS: Final[ClientConfig] = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=30)}
# What obstore documents, and the built-in errors that it raises instead of some of them.
_MISSING: Final = (NotFoundError, FileNotFoundError)
_FAILURES: Final = (BaseError, OSError)
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_REASON: Final = re.compile(r"<Code>(\w{1,64})</Code>|\bstatus:? (\d{3})\b|(error sending request|timed out)")


def s3_storage(url: str) -> S3Storage:
    """The bucket of an `s3://` URL. Opens no connection. Raises InvalidStorageUrl."""
    try:
        parts = urlsplit(url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        endpoint = urlsplit(params.pop("endpoint", ""))
        has_port = parts.port is not None
        readable = url.count("@") == parts.netloc.count("@")
    except ValueError:
        readable = False
    if not readable:
        # A secret with an unescaped slash would be parsed as the bucket's name and a prefix.
        raise InvalidStorageUrl(
            "its key, secret and bucket can't be parsed", "in key and secret write : / ? # @ as %3A %2F %3F %23 %40"
        )
    region = params.pop("region", "")
    name = parts.hostname or ""
    if has_port or not _BUCKET.fullmatch(name):
        raise InvalidStorageUrl("has no bucket, or one with a name or port that is not allowed", _ADVICE)
    if params or parts.fragment:
        raise InvalidStorageUrl("may have endpoint and region after the question mark, and nothing else", _ADVICE)
    if endpoint.geturl() and (endpoint.scheme not in ("http", "https") or not endpoint.hostname or endpoint.username):
        raise InvalidStorageUrl("its endpoint must be an http or https address without a user", _ADVICE)
    if bool(parts.username) != bool(parts.password):
        raise InvalidStorageUrl(
            "has only one of key and secret", "write s3://key:secret@bucket, or neither and set the AWS_… variables"
        )
    config: S3Config = {"disable_bulk_delete": True}  # Not every compatible server knows how to delete in bulk.
    if endpoint.geturl():
        config["endpoint"] = endpoint.geturl().rstrip("/")
    if region:
        config["region"] = region
    if parts.username and parts.password:
        config["access_key_id"], config["secret_access_key"] = unquote(parts.username), unquote(parts.password)
    prefix = unquote(parts.path).strip("/")
    options: ClientConfig = {**_TIMEOUTS, "allow_http": endpoint.scheme == "http"}
    try:
        store = S3Store(name, prefix=prefix or None, config=config, client_options=options, retry_config=_RETRIES)
    except (BaseError, ValueError):
        store = None
    if store is None:
        raise InvalidStorageUrl("the client of the bucket rejects this combination of values", _ADVICE)
    where = f" at {endpoint.scheme}://{endpoint.netloc}" if endpoint.netloc else ""
    return S3Storage(store, f"bucket {'/'.join(filter(None, (name, prefix)))}{where}")


class S3Storage:
    """Files as objects of a bucket, all under one prefix; `label` names the place in messages."""

    def __init__(self, store: ObjectStore, label: str) -> None:
        self._store = store
        self._label = label

    def __repr__(self) -> str:
        return self._label

    async def put(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        if not is_valid_name(name):
            raise ValueError("a name for a new file is made by generate_name")
        await complete_or_undo(self._keep(name, source, media_type), lambda: self.delete(name))

    async def _keep(self, name: str, source: BinaryIO | bytes, media_type: str) -> None:
        content = source if isinstance(source, bytes) else await asyncio.to_thread(source.read)
        # In one request: an interrupted multipart upload leaves invisible parts in the bucket, which cost money.
        putting = obstore.put_async(
            self._store, name, content, attributes={"Content-Type": media_type}, use_multipart=False
        )
        await self._run("store", putting)

    async def open(self, name: str) -> OpenFile | None:
        if not is_valid_name(name):
            return None
        result = await self._run("open", _unless_missing(obstore.get_async(self._store, name)))
        if result is None:
            return None
        chunks = self._chunks(result)
        return OpenFile(result.meta["size"], chunks, chunks.aclose)

    async def _chunks(self, result: GetResult) -> AsyncGenerator[bytes, None]:
        stream = result.stream(min_chunk_size=CHUNK)
        while chunk := await self._run("read", anext(stream, b"")):
            yield bytes(chunk)

    async def delete(self, name: str) -> None:
        if is_valid_name(name):
            await self._run("remove", _unless_missing(obstore.delete_async(self._store, name)))

    async def names(self, *, before: datetime) -> AsyncIterator[str]:
        pages = obstore.list(self._store)
        while page := await self._run("list", anext(pages, [])):
            for entry in page:
                if is_valid_name(entry["path"]) and entry["last_modified"] < before:
                    yield entry["path"]

    async def _run(self, verb: str, operation: Awaitable[T]) -> T:
        try:
            return await operation
        except _FAILURES as failure:
            reason = _reason(failure)
        # Raised outside of the handler, because obstore's messages contain the signed text and the key's id.
        raise StorageUnavailable(
            f"{self}: could not {verb} a file ({reason})",
            "check bucket, endpoint, region and key in EARSHOT_STORAGE_URL, and that the bucket is writable",
        )


async def _unless_missing(operation: Awaitable[T]) -> T | None:
    try:
        return await operation
    except _MISSING:
        return None


def _reason(failure: Exception) -> str:
    match = _REASON.search(str(failure))
    return next(filter(None, match.groups())) if match else type(failure).__name__

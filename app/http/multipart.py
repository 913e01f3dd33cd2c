"""Reads multipart/form-data as it arrives, with PHP's leniency. Independent of ASGI and of the dialects."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MAX_BOUNDARY_LENGTH, MultipartParser, parse_options_header
from starlette.datastructures import Headers, UploadFile

MAX_FIELDS = 1000
MAX_FILES = 20
# Parts without a name or a file are ignored, but cost time, so they count.
MAX_PARTS = MAX_FIELDS + MAX_FILES
# A larger file goes to disk.
SPOOL_BYTES = 1024 * 1024


class BodyTooLarge(Exception):
    """The body is longer than the server accepts."""


class Upload(UploadFile):
    """A file from the client. `is_complete` is False when the body ended, or had a syntax error, within it."""

    is_complete: bool = True


@dataclass(slots=True)
class _Part:
    """What has been read of a part. It is skipped without a name."""

    name: str | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    header_name: bytes = b""
    header_value: bytes = b""
    text: bytearray = field(default_factory=bytearray)
    upload: Upload | None = None


class MultipartReader:
    """Reads one multipart body.

    `fields` has the parts so far, in order; a file that was cut off is an `Upload` that is not complete.
    `is_malformed` means that reading stopped: wrong syntax, no closing line, more than MAX_FIELDS texts or MAX_FILES
    files, or more than MAX_PARTS parts of any kind. Starlette's own parser is not used, because it drops a file that
    was cut off silently.
    """

    def __init__(self, *, max_text_bytes: int) -> None:
        self.fields: list[tuple[str, str | Upload]] = []
        self.is_malformed = True
        self._text_left = max_text_bytes
        self._counts = Counter[str]()
        self._part = _Part()
        self._unwritten: list[tuple[Upload, bytes]] = []

    async def read(self, boundary: bytes, chunks: AsyncIterator[bytes]) -> None:
        """Read the body to its end. Raises BodyTooLarge, also when the texts together are too long."""
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_text,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
            async for chunk in chunks:
                parser.write(chunk)
                await self._write_files()
        except FormParserError:
            await self._write_files()
            # The limit of the body holds for the rest, too.
            async for _ in chunks:
                pass
        if self._part.upload is not None:
            self._part.upload.is_complete = False
            self._keep(self._part.upload)
        for _, value in self.fields:
            if isinstance(value, Upload):
                await value.seek(0)

    def close(self) -> None:
        """Close the files; without a thread, because the request has failed or was cancelled."""
        for _, value in [*self.fields, ("", self._part.upload)]:
            if isinstance(value, Upload):
                value.file.close()

    async def _write_files(self) -> None:
        """Write in a thread what the parser's callbacks collected, because they are not async."""
        for upload, data in self._unwritten:
            await upload.write(data)
        self._unwritten.clear()

    def _begin(self) -> None:
        self._count("any", MAX_PARTS)
        self._part = _Part()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers.append((part.header_name.lower(), part.header_value))
        part.header_name = part.header_value = b""

    def _headers_finished(self) -> None:
        part = self._part
        disposition = dict(part.headers).get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        name = options.get(b"name")
        if name is None:
            return
        # Older clients send a name outside ASCII only as `filename*`, which the parser ignores.
        is_file = b"filename" in options or b"filename*=" in disposition.lower()
        self._count("file" if is_file else "text", MAX_FILES if is_file else MAX_FIELDS)
        filename = options.get(b"filename", b"upload").decode("utf-8", "replace")
        if is_file and not filename:
            # A file input of a form without a file.
            return
        part.name = name.decode("utf-8", "replace")
        if is_file:
            spool = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  closed by close()
            part.upload = Upload(file=spool, size=0, filename=filename, headers=Headers(raw=part.headers))  # type: ignore[arg-type]

    def _count(self, kind: str, limit: int) -> None:
        self._counts[kind] += 1
        if self._counts[kind] > limit:
            raise FormParserError(f"More than {limit} parts of the kind {kind}.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        if part.upload is not None:
            self._unwritten.append((part.upload, data[start:end]))
        elif part.name is not None:
            self._text_left -= end - start
            if self._text_left < 0:
                raise BodyTooLarge
            part.text += data[start:end]

    def _end(self) -> None:
        if self._part.name is not None:
            self._keep(self._part.upload or self._part.text.decode("utf-8", "replace"))

    def _keep(self, value: str | Upload) -> None:
        assert self._part.name is not None
        self.fields.append((self._part.name, value))
        self._part = _Part()

    def _finish(self) -> None:
        self.is_malformed = False


def boundary_from_header(content_type: str) -> bytes | None:
    """The boundary in the header, or None."""
    _, options = parse_options_header(content_type)
    return options.get(b"boundary") or None


def guess_boundary(head: bytes) -> bytes | None:
    """The boundary in the first line of a body; None while more of it is needed, empty when there is no boundary."""
    line, newline, _ = head.lstrip(b"\r\n").partition(b"\n")
    if not newline:
        return None if len(head) < 2 * MAX_BOUNDARY_LENGTH else b""
    line = line.rstrip(b"\r \t")
    return line[2:] if line.startswith(b"--") and len(line) <= MAX_BOUNDARY_LENGTH + 2 else b""

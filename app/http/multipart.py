"""Reads multipart/form-data as it arrives, with PHP's leniency. Independent of ASGI and of the dialects."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from functools import cached_property
from tempfile import SpooledTemporaryFile

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MAX_BOUNDARY_LENGTH, MultipartParser, parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser

from app.adapters.image_types import sniff_image_file

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

    @cached_property
    def image_type(self) -> str | None:
        """The type of the image, by the beginning of the file; None if it is none."""
        return sniff_image_file(self.file)


class MultipartReader(MultiPartParser):
    """Reads one multipart body. The headers of its parts are read by Starlette.

    `fields` has the parts so far, in order; a file that was cut off is an `Upload` that is not complete.
    `is_malformed` means that reading stopped: wrong syntax, no closing line, more than MAX_FIELDS texts or MAX_FILES
    files, or more than MAX_PARTS parts of any kind. Starlette's own `parse` is not used, because it drops a file that
    was cut off silently.
    """

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, max_text_bytes: int) -> None:
        super().__init__(Headers(), chunks)
        self.fields: list[tuple[str, str | Upload]] = []
        self.is_malformed = True
        self._text_left = max_text_bytes
        self._counts = Counter[str]()
        self._name: str | None = None
        """The name of the part that is being read. It is skipped without a name."""
        self._upload: Upload | None = None
        self._unwritten: list[tuple[Upload, bytes]] = []

    async def read(self, boundary: bytes, chunk: bytes) -> None:
        """Read the body to its end, from its first chunk on.

        Raises BodyTooLarge, also when the texts together are too long.
        """
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self.on_part_begin,
                    "on_header_field": self.on_header_field,
                    "on_header_value": self.on_header_value,
                    "on_header_end": self.on_header_end,
                    "on_headers_finished": self.on_headers_finished,
                    "on_part_data": self.on_part_data,
                    "on_part_end": self.on_part_end,
                    "on_end": self.on_end,
                },
            )
            while chunk:
                parser.write(chunk)
                await self._write_files()
                chunk = await anext(self.stream, b"")
        except FormParserError:
            await self._write_files()
            # The limit of the body holds for the rest, too.
            async for _ in self.stream:
                pass
        if self._upload is not None:
            self._upload.is_complete = False
            self.on_part_end()
        for _, value in self.fields:
            if isinstance(value, Upload):
                await value.seek(0)

    def close(self) -> None:
        """Close the files; without a thread, because the request has failed or was cancelled."""
        for _, value in [*self.fields, ("", self._upload)]:
            if isinstance(value, Upload):
                value.file.close()

    async def _write_files(self) -> None:
        """Write in a thread what the parser's callbacks collected, because they are not async."""
        for upload, data in self._unwritten:
            await upload.write(data)
        self._unwritten.clear()

    def on_part_begin(self) -> None:
        self._count("any", MAX_PARTS)
        super().on_part_begin()

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        name = options.get(b"name")
        if name is None:
            return
        # Older clients send a name outside ASCII only as `filename*`, which the parser ignores.
        is_file = b"filename" in options or b"filename*=" in (part.content_disposition or b"").lower()
        self._count("file" if is_file else "text", MAX_FILES if is_file else MAX_FIELDS)
        filename = options.get(b"filename", b"upload").decode("utf-8", "replace")
        if is_file and not filename:
            # A file input of a form without a file.
            return
        self._name = name.decode("utf-8", "replace")
        if is_file:
            spool = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  closed by close()
            headers = Headers(raw=part.item_headers)
            self._upload = Upload(file=spool, size=0, filename=filename, headers=headers)  # type: ignore[arg-type]

    def _count(self, kind: str, limit: int) -> None:
        self._counts[kind] += 1
        if self._counts[kind] > limit:
            raise FormParserError(f"More than {limit} parts of the kind {kind}.")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._unwritten.append((self._upload, data[start:end]))
        elif self._name is not None:
            self._text_left -= end - start
            if self._text_left < 0:
                raise BodyTooLarge
            self._current_part.data += data[start:end]

    def on_part_end(self) -> None:
        if self._name is not None:
            self.fields.append((self._name, self._upload or self._current_part.data.decode("utf-8", "replace")))
        self._name = self._upload = None

    def on_end(self) -> None:
        self.is_malformed = False


def guess_boundary(head: bytes) -> bytes | None:
    """The boundary in the first line of a body; None while more of it is needed, empty when there is no boundary."""
    line, newline, _ = head.lstrip(b"\r\n").partition(b"\n")
    if not newline:
        return None if len(head) < 2 * MAX_BOUNDARY_LENGTH else b""
    line = line.rstrip(b"\r \t")
    return line[2:] if line.startswith(b"--") and len(line) <= MAX_BOUNDARY_LENGTH + 2 else b""

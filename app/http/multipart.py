"""Reads multipart/form-data as it arrives, with PHP's leniency. Independent of ASGI and of the dialects."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers, UploadFile

MAX_FIELDS = 1000
MAX_FILES = 20
# Parts without a name or a file are ignored, but cost time, so they count.
MAX_PARTS = MAX_FIELDS + MAX_FILES
# A larger file goes to disk.
SPOOL_BYTES = 1024 * 1024
# RFC 2046 allows 70 bytes; the parser rejects more than 256.
MAX_BOUNDARY_BYTES = 256


class FieldsTooLarge(Exception):
    """The text fields together are longer than allowed."""


class Upload(UploadFile):
    """A file from the client. `is_complete` is False when the body ended, or had a syntax error, within it."""

    is_complete: bool = True


class MultipartReader:
    """Reads a multipart body chunk by chunk.

    `has_data` is True after the first byte. `fields` has the parts so far, in order; a file that was cut off is an
    `Upload` that is not complete. `is_malformed` means that reading stopped: wrong syntax, no closing line, more than
    MAX_FIELDS texts or MAX_FILES files, or more than MAX_PARTS parts of any kind. Starlette's own parser is not used,
    because it drops a file that was cut off silently.
    """

    def __init__(self, boundary: bytes, *, max_text_bytes: int) -> None:
        self.fields: list[tuple[str, str | Upload]] = []
        self.has_data = False
        self.is_malformed = False
        self._closed = False
        self._text_left = max_text_bytes
        self._counts = {"any": 0, "text": 0, "file": 0}
        self._header_name = b""
        self._header_value = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._name: str | None = None
        self._text = bytearray()
        self._upload: Upload | None = None
        self._is_empty_file = False
        self._unwritten: list[tuple[Upload, bytes]] = []
        self._complete: list[Upload] = []
        try:
            self._parser = MultipartParser(
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
        except FormParserError:
            self.is_malformed = True

    async def feed(self, chunk: bytes) -> None:
        """Read one chunk. Raises FieldsTooLarge; bad syntax only sets `is_malformed`."""
        if not chunk:
            return
        self.has_data = True
        if self.is_malformed:
            return
        try:
            self._parser.write(chunk)
        except FormParserError:
            self.is_malformed = True
        # The parser's callbacks are not async, so their data is written here, in a thread.
        for upload, data in self._unwritten:
            await upload.write(data)
        self._unwritten.clear()
        for upload in self._complete:
            await upload.seek(0)
        self._complete.clear()

    async def finish(self) -> None:
        """Call after the last chunk: a body without its closing line is malformed."""
        if not self._closed:
            self.is_malformed = True
        if self._upload is not None:
            self._upload.is_complete = False
            await self._upload.seek(0)
            self._keep(self._upload)

    def close(self) -> None:
        """Close the files; without a thread, because the request has failed or was cancelled."""
        if self._upload is not None:
            self._upload.file.close()
        for _, value in self.fields:
            if isinstance(value, Upload):
                value.file.close()

    def _begin(self) -> None:
        self._count("any", MAX_PARTS)
        self._header_name = self._header_value = b""
        self._headers = []
        self._name = None
        self._text = bytearray()
        self._upload = None
        self._is_empty_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_text(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        self._headers.append((self._header_name.lower(), self._header_value))
        self._header_name = self._header_value = b""

    def _headers_finished(self) -> None:
        disposition = dict(self._headers).get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        name = options.get(b"name")
        if name is None:
            return
        # Older clients send a name outside ASCII only as `filename*`, which the parser ignores.
        is_file = b"filename" in options or b"filename*=" in disposition.lower()
        self._count("file" if is_file else "text", MAX_FILES if is_file else MAX_FIELDS)
        self._name = name.decode("utf-8", "replace")
        if not is_file:
            return
        filename = options.get(b"filename", b"upload").decode("utf-8", "replace")
        if not filename:
            # A file input of a form without a file.
            self._is_empty_file = True
            return
        spool = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  closed by close()
        self._upload = Upload(file=spool, size=0, filename=filename, headers=Headers(raw=self._headers))  # type: ignore[arg-type]

    def _count(self, kind: str, limit: int) -> None:
        self._counts[kind] += 1
        if self._counts[kind] > limit:
            raise FormParserError(f"More than {limit} parts of the kind {kind}.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._unwritten.append((self._upload, data[start:end]))
            return
        if self._name is None or self._is_empty_file:
            return
        self._text_left -= end - start
        if self._text_left < 0:
            raise FieldsTooLarge
        self._text += data[start:end]

    def _end(self) -> None:
        if self._upload is not None:
            self._complete.append(self._upload)
            self._keep(self._upload)
        elif self._name is not None and not self._is_empty_file:
            self._keep(self._text.decode("utf-8", "replace"))

    def _keep(self, value: str | Upload) -> None:
        assert self._name is not None
        self.fields.append((self._name, value))
        self._name = self._upload = None

    def _finish(self) -> None:
        self._closed = True


def boundary_from_header(content_type: str) -> bytes | None:
    """The boundary in the header, or None."""
    try:
        _, options = parse_options_header(content_type)
    except ValueError:
        return None
    return options.get(b"boundary") or None


def guess_boundary(head: bytes) -> tuple[bytes | None, bool]:
    """Read the boundary from the body's beginning: (boundary, True), (None, True) if there is none, or
    (None, False) while more of the body is needed.
    """
    line, newline, _ = head.lstrip(b"\r\n").partition(b"\n")
    if not newline and len(head) < 2 * MAX_BOUNDARY_BYTES:
        return None, False
    line = line.rstrip(b"\r \t")
    if not newline or not line.startswith(b"--") or not 2 < len(line) <= MAX_BOUNDARY_BYTES + 2:
        return None, True
    return line[2:], True

"""Reads multipart/form-data as it streams in, in PHP's forgiving manner; knows nothing of ASGI or of dialects."""

from __future__ import annotations

from tempfile import SpooledTemporaryFile

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers, UploadFile

MAX_FIELDS = 1000
MAX_FILES = 20
# With those that have no name or no file, which cost time and are nothing.
MAX_PARTS = MAX_FIELDS + MAX_FILES
# Kept in memory up to this size, on disk beyond it.
SPOOL_BYTES = 1024 * 1024
# RFC 2046 allows 70; the parser refuses more than 256.
MAX_BOUNDARY = 256


class FieldsTooLarge(Exception):
    """The text fields together are longer than allowed."""


class Upload(UploadFile):
    """A file sent by the client. `whole` is False when the body ended, or became unreadable, in the middle of it."""

    is_complete: bool = True


class MultipartReader:
    """Takes a multipart body piece by piece and keeps what it holds.

    `begun` says that there was anything at all. `fields` has the parts read so far, in order, and a file that was
    cut off as an `Upload` that is not whole. `broken` says that the body can't be read any further: wrong syntax,
    no closing line, more than MAX_FIELDS texts or MAX_FILES files, or more than MAX_PARTS parts of any kind.
    Starlette's own parser is not used, because it drops a file that was cut off without a word.
    """

    def __init__(self, boundary: bytes, *, text_cap: int) -> None:
        self.fields: list[tuple[str, str | Upload]] = []
        self.has_data = False
        self.is_malformed = False
        self._closed = False
        self._text_left = text_cap
        self._counts = {"any": 0, "text": 0, "file": 0}
        self._header_name = b""
        self._header_value = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._name: str | None = None
        self._text = bytearray()
        self._upload: Upload | None = None
        self._nameless_file = False
        self._unwritten: list[tuple[Upload, bytes]] = []
        self._unwound: list[Upload] = []
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

    async def feed(self, piece: bytes) -> None:
        """Read one piece. Raises FieldsTooLarge; bad syntax only sets `broken`."""
        if not piece:
            return
        self.has_data = True
        if self.is_malformed:
            return
        try:
            self._parser.write(piece)
        except FormParserError:
            self.is_malformed = True
        # The parser's callbacks can't wait, so what they found for the disk is written here, in a thread.
        for upload, data in self._unwritten:
            await upload.write(data)
        self._unwritten.clear()
        for upload in self._unwound:
            await upload.seek(0)
        self._unwound.clear()

    async def finish(self) -> None:
        """Call after the last piece: a body without its closing line is broken."""
        if not self._closed:
            self.is_malformed = True
        if self._upload is not None:
            self._upload.is_complete = False
            await self._upload.seek(0)
            self._keep(self._upload)

    def close(self) -> None:
        """Drop the files; without a thread, because the request has failed already or was cancelled."""
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
        self._nameless_file = False

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
        # Older clients send a name outside ASCII as `filename*` alone, which the parser ignores.
        is_file = b"filename" in options or b"filename*=" in disposition.lower()
        self._count("file" if is_file else "text", MAX_FILES if is_file else MAX_FIELDS)
        self._name = name.decode("utf-8", "replace")
        if not is_file:
            return
        filename = options.get(b"filename", b"upload").decode("utf-8", "replace")
        if not filename:
            # A form's file input that was left empty.
            self._nameless_file = True
            return
        spool = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115  closed by close()
        self._upload = Upload(file=spool, size=0, filename=filename, headers=Headers(raw=self._headers))  # type: ignore[arg-type]

    def _count(self, kind: str, most: int) -> None:
        self._counts[kind] += 1
        if self._counts[kind] > most:
            raise FormParserError(f"More than {most} parts of the kind {kind}.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._unwritten.append((self._upload, data[start:end]))
            return
        if self._name is None or self._nameless_file:
            return
        self._text_left -= end - start
        if self._text_left < 0:
            raise FieldsTooLarge
        self._text += data[start:end]

    def _end(self) -> None:
        if self._upload is not None:
            self._unwound.append(self._upload)
            self._keep(self._upload)
        elif self._name is not None and not self._nameless_file:
            self._keep(self._text.decode("utf-8", "replace"))

    def _keep(self, value: str | Upload) -> None:
        assert self._name is not None
        self.fields.append((self._name, value))
        self._name = self._upload = None

    def _finish(self) -> None:
        self._closed = True


def boundary_from_header(content_type: str) -> bytes | None:
    """The boundary that the header names, or None."""
    try:
        _, options = parse_options_header(content_type)
    except ValueError:
        return None
    return options.get(b"boundary") or None


def guess_boundary(head: bytes) -> tuple[bytes | None, bool]:
    """Guess the boundary from the body's beginning: (boundary, True), (None, True) if there is none, or
    (None, False) while more of the body is needed to tell.
    """
    line, ended, _ = head.lstrip(b"\r\n").partition(b"\n")
    if not ended and len(head) < 2 * MAX_BOUNDARY:
        return None, False
    line = line.rstrip(b"\r \t")
    if not ended or not line.startswith(b"--") or not 2 < len(line) <= MAX_BOUNDARY + 2:
        return None, True
    return line[2:], True

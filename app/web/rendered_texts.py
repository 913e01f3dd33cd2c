"""The texts of pages, formatted beside the event loop, each once, and remembered within bounds."""

import asyncio
import hashlib
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Final

from markupsafe import Markup

from app.domain.errors import ServiceUnavailable
from app.web import markdown

MAX_THREADS: Final = 1
"""Formatting holds Python's lock: a second thread would make nothing faster, and could format a text a second time."""
MAX_QUEUED: Final = 16
MAX_CACHED_BYTES: Final = 16 << 20
ENTRY_BYTES: Final = 200
"""What the cache itself needs for one text, about."""
MAX_PAGE_LENGTH: Final = 200_000
"""Characters of one page that are formatted; what goes beyond is shown as it was written."""
MAX_PAGE_MARKUP: Final = 30_000
"""As `text.count_markup` counts, of one page."""


class RenderedTexts:
    """Formats the texts of pages. What a text looks like depends on nothing but the texts of its page."""

    def __init__(self) -> None:
        self.cache = MarkupCache()
        self._threads = ThreadPoolExecutor(MAX_THREADS, "texts")
        self._under_way = 0
        self._closed = False

    async def format(self, texts: Sequence[str]) -> list[Markup]:
        """The texts of one page as HTML, in their order. Raises Unavailable when too many pages wait."""
        keys = [_key(one) for one in texts[: _count_formatted(texts)]]
        formatted = {key: markup for key in keys if (markup := self.cache.get(key)) is not None}
        missing = {key: one for key, one in zip(keys, texts, strict=False) if key not in formatted}
        if missing:
            formatted |= await self._in_turn(missing)
        return [formatted[key] for key in keys] + [markdown.markdown_to_text(one) for one in texts[len(keys) :]]

    def close(self) -> None:
        """Begin nothing any more; the text that is being formatted takes less than a second."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_turn(self, missing: Mapping[bytes, str]) -> dict[bytes, Markup]:
        if self._closed or self._under_way >= MAX_THREADS + MAX_QUEUED:
            raise ServiceUnavailable("too many pages that are being formatted")
        self._under_way += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._format, missing)
        # A client that disconnects leaves its page in the queue: it counts until it is done.
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, done: "asyncio.Future[dict[bytes, Markup]]") -> None:
        self._under_way -= 1
        # Nobody waits for it after a disconnect, and then nobody else looks at its error.
        if not done.cancelled():
            done.exception()

    def _format(self, missing: Mapping[bytes, str]) -> dict[bytes, Markup]:
        formatted = {}
        for key, one in missing.items():
            if self._closed:
                raise ServiceUnavailable("the server is ending")
            # A page before this one in the queue may have had the same text.
            markup = self.cache.get(key)
            if markup is None:
                markup = markdown.render_markdown(one)
                self.cache.put(key, markup)
            formatted[key] = markup
        return formatted


class MarkupCache:
    """Formatted texts by the digest of what was written, those used last, of bounded size in bytes.

    The key is the content alone: a portal finds what it would have made itself.
    """

    def __init__(self) -> None:
        self.size = 0
        self._entries: OrderedDict[bytes, Markup] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Markup | None:
        """The formatted text, or None."""
        with self._lock:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: bytes, markup: Markup) -> None:
        """Remember the text, and forget those not used for longest beyond MAX_CACHED_BYTES."""
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = markup
            self.size += _size(key, markup)
            while self.size > MAX_CACHED_BYTES:
                self.size -= _size(*self._entries.popitem(last=False))


def _size(key: bytes, markup: Markup) -> int:
    return sys.getsizeof(key) + sys.getsizeof(markup) + ENTRY_BYTES


def _key(written: str) -> bytes:
    return hashlib.sha256(written.encode()).digest()


def _count_formatted(texts: Sequence[str]) -> int:
    """How many of a page's texts, from the first on, are within what one page may cost."""
    length = markup = 0
    for count, one in enumerate(texts):
        length += len(one)
        cost = markdown.count_markup(one)
        # What is over the bound of a text is not formatted and costs nothing.
        markup += cost if cost <= markdown.MAX_MARKUP else 0
        if length > MAX_PAGE_LENGTH or markup > MAX_PAGE_MARKUP:
            return count
    return len(texts)

"""Renders the texts of pages in a thread, and caches them within bounds."""

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
"""Rendering holds the GIL: a second thread would make nothing faster, and could render the same text again."""
MAX_QUEUED: Final = 16
MAX_CACHED_BYTES: Final = 16 << 20
ENTRY_BYTES: Final = 200
"""The approximate overhead of a cache entry."""
MAX_PAGE_LENGTH: Final = 200_000
"""Characters of one page that are rendered; texts beyond it are shown as plain text."""
MAX_PAGE_MARKUP: Final = 30_000
"""As `markdown.count_markup` counts, of one page."""


class RenderedTexts:
    """Renders the texts of pages. The result depends on nothing but the texts of the page."""

    def __init__(self) -> None:
        self.cache = MarkupCache()
        self._threads = ThreadPoolExecutor(MAX_THREADS, "texts")
        self._pending = 0
        self._closed = False

    async def format(self, texts: Sequence[str]) -> list[Markup]:
        """The texts of one page as HTML, in their order. Raises ServiceUnavailable if too many pages wait."""
        keys = [_key(one) for one in texts[: _count_formatted(texts)]]
        formatted = {key: markup for key in keys if (markup := self.cache.get(key)) is not None}
        missing = {key: one for key, one in zip(keys, texts, strict=False) if key not in formatted}
        if missing:
            formatted |= await self._format_in_thread(missing)
        return [formatted[key] for key in keys] + [markdown.markdown_to_text(one) for one in texts[len(keys) :]]

    def close(self) -> None:
        """Start no more work; the text that is being rendered takes less than a second."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _format_in_thread(self, missing: Mapping[bytes, str]) -> dict[bytes, Markup]:
        if self._closed or self._pending >= MAX_THREADS + MAX_QUEUED:
            raise ServiceUnavailable("too many pages that are being formatted")
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._format, missing)
        # A client that disconnects leaves its page in the queue: it counts until it is done.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[dict[bytes, Markup]]") -> None:
        self._pending -= 1
        # After a disconnect nothing awaits it, so its error has to be retrieved here.
        if not future.cancelled():
            future.exception()

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
    """An LRU cache of rendered texts by the digest of their source, bounded in bytes.

    The key is the content alone, so portals share entries, which are the same for all of them.
    """

    def __init__(self) -> None:
        self.size = 0
        self._entries: OrderedDict[bytes, Markup] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Markup | None:
        """The rendered text, or None."""
        with self._lock:
            markup = self._entries.get(key)
            if markup is not None:
                self._entries.move_to_end(key)
            return markup

    def put(self, key: bytes, markup: Markup) -> None:
        """Store the text, and delete the least recently used ones beyond MAX_CACHED_BYTES."""
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = markup
            self.size += _size(key, markup)
            while self.size > MAX_CACHED_BYTES:
                self.size -= _size(*self._entries.popitem(last=False))


def _size(key: bytes, markup: Markup) -> int:
    return sys.getsizeof(key) + sys.getsizeof(markup) + ENTRY_BYTES


def _key(source: str) -> bytes:
    return hashlib.sha256(source.encode()).digest()


def _count_formatted(texts: Sequence[str]) -> int:
    """How many of a page's texts, from the first on, fit into the bounds of a page."""
    length = markup = 0
    for count, one in enumerate(texts):
        length += len(one)
        cost = markdown.count_markup(one)
        # A text over its own bound is not rendered and costs nothing.
        markup += cost if cost <= markdown.MAX_MARKUP else 0
        if length > MAX_PAGE_LENGTH or markup > MAX_PAGE_MARKUP:
            return count
    return len(texts)

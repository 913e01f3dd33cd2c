"""Renders the texts of pages in a thread, and caches them within bounds."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Sequence
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
        count = _count_formatted(texts)
        formatted = {one: markup for one in texts[:count] if (markup := self.cache.get(one)) is not None}
        missing = {one for one in texts[:count] if one not in formatted}
        if missing:
            formatted |= await self._format_in_thread(missing)
        return [formatted[one] for one in texts[:count]] + list(map(markdown.markdown_to_text, texts[count:]))

    def close(self) -> None:
        """Start no more work; the text that is being rendered takes less than a second."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _format_in_thread(self, missing: set[str]) -> dict[str, Markup]:
        if self._closed or self._pending >= MAX_THREADS + MAX_QUEUED:
            raise ServiceUnavailable("too many pages that are being formatted")
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, self._format, missing)
        # A client that disconnects leaves its page in the queue: it counts until it is done.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: "asyncio.Future[dict[str, Markup]]") -> None:
        self._pending -= 1
        # After a disconnect nothing awaits it, so its error has to be retrieved here.
        if not future.cancelled():
            future.exception()

    def _format(self, missing: set[str]) -> dict[str, Markup]:
        formatted = {}
        for one in missing:
            if self._closed:
                raise ServiceUnavailable("the server is ending")
            # A page before this one in the queue may have had the same text.
            markup = self.cache.get(one)
            if markup is None:
                markup = markdown.render_markdown(one)
                self.cache.put(one, markup)
            formatted[one] = markup
        return formatted


class MarkupCache:
    """An LRU cache of rendered texts by their source, bounded in bytes, of which the source counts as well.

    The key is the content alone, so portals share entries, which are the same for all of them.
    """

    def __init__(self) -> None:
        self.size = 0
        self._entries: OrderedDict[str, Markup] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, source: str) -> Markup | None:
        """The rendered text, or None."""
        with self._lock:
            markup = self._entries.get(source)
            if markup is not None:
                self._entries.move_to_end(source)
            return markup

    def put(self, source: str, markup: Markup) -> None:
        """Store a text that is not stored, and delete the least recently used ones beyond MAX_CACHED_BYTES."""
        with self._lock:
            self._entries[source] = markup
            self.size += _size(source, markup)
            while self.size > MAX_CACHED_BYTES:
                self.size -= _size(*self._entries.popitem(last=False))


def _size(source: str, markup: Markup) -> int:
    return sys.getsizeof(source) + sys.getsizeof(markup) + ENTRY_BYTES


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

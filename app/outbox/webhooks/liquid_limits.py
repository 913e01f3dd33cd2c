"""What bounds a Liquid template: the time of its rendering, its loops, and the size of every value that it makes.

The library bounds nested loops, nested blocks and the output. Here is the rest: a filter may make a long text of short
ones, a range may stand for any number of items, and loops may follow each other.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from io import StringIO
from typing import Any, Final, TextIO

from liquid import BoundTemplate, RenderContext, Token
from liquid.builtin import for_tag, tablerow_tag
from liquid.builtin.expressions import LoopExpression
from liquid.exceptions import ResourceLimitError
from liquid.output import LimitedStringIO
from liquid.stringify import to_liquid_string

MAX_SECONDS: Final = 0.2
"""Of processor time, so that a busy machine renders what an idle one renders. Common templates take a millisecond."""
MAX_CHARACTERS: Final = 8 * 1024 * 1024
"""Of a value that a filter makes, and of all variables of a template together."""
MAX_ITEMS: Final = 10_000
"""Of a list or range, and steps of nested loops."""
MAX_DISTINCT_ITEMS: Final = 1_000
"""Of a list for the filter `uniq`, which compares each item with each."""
MAX_NUMBER_BITS: Final = 256
MAX_DATE: Final = 100
"""Characters of a text that is read as a date."""

_TEXT_ARGUMENTS: Final = frozenset(
    {
        *("append", "prepend", "remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last"),
        *("split", "join", "truncate", "truncatewords"),
    }
)
"""Filters that the library gives `None` and `True` as text in Python's form."""

Filter = Callable[..., Any]


class LimitReached(ResourceLimitError):
    """A template exceeds a limit; the message says which."""

    def __init__(self, message: str, token: Token | None = None) -> None:
        super().__init__(message, token=token)


class BoundedContext(RenderContext):
    """The state of one rendering, which ends when its time is over or a value is too large."""

    __slots__ = ("_deadline", "_weights")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline = time.thread_time() + MAX_SECONDS
        self._weights: dict[str, int] = {}

    def check_time(self) -> None:
        """Raise LimitReached once the time is over."""
        if time.thread_time() > self._deadline:
            raise LimitReached("it takes too long")

    def filter(self, name: str, token: Token | None) -> Filter:
        """The filter, which checks what it is given and what it makes."""
        self.check_time()
        filter_ = super().filter(name, token)

        def apply(left: Any, *arguments: Any, **options: Any) -> Any:
            values = [left, *arguments]
            for value in values:
                _check_items(value, MAX_DISTINCT_ITEMS if name == "uniq" else MAX_ITEMS)
            if name in _TEXT_ARGUMENTS:
                values = [value if _is_plain(value) else to_liquid_string(value, False) for value in values]
            _check_product(name, values)
            if name == "date" and isinstance(left, str) and len(left) > MAX_DATE:
                return left
            result = filter_(*values, **options)
            weigh(result)
            return result

        return apply

    def assign(self, key: str, val: Any) -> None:
        """Set a variable of the template."""
        self.check_time()
        self._weights[key] = weigh(val)
        if sum(self._weights.values()) > MAX_CHARACTERS:
            raise LimitReached("its variables are too long")
        super().assign(key, val)

    def loop(self, namespace: Mapping[str, object], forloop: Any) -> Any:
        """Repeat a block."""
        forloop.it = self._watch(forloop.it)
        return super().loop(namespace, forloop)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """The output of a block, which keeps line breaks as they are."""
        limit = self.env.output_stream_limit or 0
        return LimitedStringIO(limit - (buf.size if isinstance(buf, LimitedStringIO) else 0), newline="")

    def _watch(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self.check_time()
            yield item


class BoundedTemplate(BoundTemplate):
    """A template that is rendered in a BoundedContext."""

    context_class = BoundedContext

    def _get_buffer(self) -> StringIO:
        return LimitedStringIO(self.env.output_stream_limit or 0, newline="")


class _BoundedLoop(LoopExpression):
    """What a loop repeats, counted before the library lists it."""

    __slots__ = ()

    def _to_iter(self, obj: object, context: RenderContext) -> tuple[Iterator[Any], int]:
        _check_items(obj, MAX_ITEMS)
        return super()._to_iter(obj, context)


def _bound_loop(node: Any) -> Any:
    loop = node.expression
    node.expression = _BoundedLoop(
        loop.token,
        loop.identifier,
        loop.iterable,
        limit=loop.limit,
        offset=loop.offset,
        reversed_=loop.reversed,
        cols=loop.cols,
    )
    return node


class BoundedFor(for_tag.ForTag):
    """`for` over at most MAX_ITEMS items."""

    def parse(self, stream: Any) -> Any:
        """The node of the tag."""
        return _bound_loop(super().parse(stream))


class BoundedTableRow(tablerow_tag.TablerowTag):
    """`tablerow` over at most MAX_ITEMS items."""

    def parse(self, stream: Any) -> Any:
        """The node of the tag."""
        return _bound_loop(super().parse(stream))


def weigh(value: Any) -> int:
    """The approximate number of characters of the value as text. Raises LimitReached."""
    weight = _weigh(value)
    if weight > MAX_CHARACTERS:
        raise LimitReached("a value is too long")
    return weight


def _weigh(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        raise LimitReached("a number is too large")
    if not isinstance(value, dict | list | tuple):
        return 1
    _check_items(value, MAX_ITEMS)
    weight = len(value)
    for item in value.values() if isinstance(value, dict) else value:
        weight += _weigh(item)
        if weight > MAX_CHARACTERS:
            break
    return weight


def _check_items(value: Any, maximum: int) -> None:
    # A range may have more items than `len` can return.
    if isinstance(value, range):
        count = max(0, value.stop - value.start)
    elif isinstance(value, list | tuple):
        count = len(value)
    else:
        return
    if count > maximum:
        raise LimitReached(f"a list or loop has more than {maximum} items")


def _check_product(name: str, values: list[Any]) -> None:
    """Check the length of what a filter makes that inserts a text many times."""
    if name == "replace" and len(values) > 1:
        text, old = str(values[0]), str(values[1])
        new = str(values[2]) if len(values) > 2 else ""
        length = len(text) + (text.count(old) * (len(new) - len(old)) if len(new) > len(old) else 0)
    elif name == "join" and len(values) > 1 and isinstance(values[0], list | tuple | range):
        length = len(values[0]) * len(str(values[1]))
    else:
        return
    if length > MAX_CHARACTERS:
        raise LimitReached("a value is too long")


def _is_plain(value: Any) -> bool:
    """Whether the library writes the value as Liquid does, or does not write it as a whole."""
    return value is not None and not isinstance(value, bool)

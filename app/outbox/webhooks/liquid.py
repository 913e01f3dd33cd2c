"""Renders the Liquid templates of webhooks. docs/contracts/astuto.md, section 3.5.

A template has the variables that it is given, and no access to anything else: no other templates, files or attributes
of objects. `liquid_limits` bounds its time and its memory.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from liquid import Environment, Token
from liquid.exceptions import LiquidError
from liquid.filter import liquid_filter
from liquid.stringify import to_liquid_string

from app.outbox.webhooks.liquid_limits import MAX_CHARACTERS, MAX_ITEMS, BoundedFor, BoundedTableRow, BoundedTemplate

MAX_TEMPLATE: Final = 64 * 1024
"""Characters."""
MAX_TAGS: Final = 2_000
MAX_SPACE: Final = 250
"""White-space characters in a row. The library's parser takes the square of their number."""
MAX_OUTPUT_BYTES: Final = MAX_CHARACTERS
MAX_REASON: Final = 250

_CACHED_TEMPLATES: Final = 128
_TAG: Final = re.compile(r"\{\{|\{%")
_RAW: Final = re.compile(r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_SPACE: Final = re.compile(rf"\s{{{MAX_SPACE + 1}}}")


class TemplateError(Exception):
    """A template can't be parsed or rendered. The text says why and, if it is known, in which line."""

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        # A reason may quote a value, and no text in the database has a NUL.
        text = reason[:MAX_REASON].replace("\0", "")
        super().__init__(text if line is None else f"line {line}: {text}")


class _Environment(Environment):
    template_class = BoundedTemplate
    loop_iteration_limit = MAX_ITEMS
    output_stream_limit = MAX_OUTPUT_BYTES


@liquid_filter
def escape_json(value: Any) -> str:
    """The text as it stands between the quotes of a JSON string; nothing for nil."""
    return json.dumps(to_liquid_string(value, False), ensure_ascii=False)[1:-1]


@liquid_filter
def strip_html(value: Any) -> str:
    """The text without tags, comments, scripts and styles; in linear time, unlike the library's filter."""
    text = to_liquid_string(value, False)
    parts, position, unclosed = [], 0, set()
    while (start := text.find("<", position)) >= 0:
        end = -1
        for opening, closing in (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), ("<", ">")):
            if text.startswith(opening, start) and closing not in unclosed:
                found = text.find(closing, start)
                if found >= 0:
                    end = found + len(closing)
                    break
                unclosed.add(closing)
        if end < 0:
            break
        parts.append(text[position:start])
        position = end
    return "".join((*parts, text[position:]))


def _make_environment() -> Environment:
    environment = _Environment()
    for tag in ("include", "render"):
        del environment.tags[tag]
    environment.add_tag(BoundedFor)
    environment.add_tag(BoundedTableRow)
    environment.add_filter("escape_json", escape_json)
    environment.add_filter("strip_html", strip_html)
    return environment


_ENVIRONMENT: Final = _make_environment()


def validate_template(text: str) -> None:
    """Raise TemplateError unless the text is a template within the limits that uses known tags and filters."""
    _parse(text)


def render(text: str, variables: Mapping[str, Any]) -> str:
    """Render a template. What a variable does not have is empty. Raises TemplateError."""
    template = _parse(text)
    try:
        return template.render(variables)
    except LiquidError as error:
        raise _describe(error, text) from None
    except RecursionError:
        raise TemplateError("it is nested too deeply") from None
    except Exception as error:
        # The library lets some errors of Python through, such as those of a filter that can't handle its input.
        raise TemplateError(f"a filter or tag can't handle its input ({type(error).__name__})") from None


def is_static(text: str) -> bool:
    """Whether a template is the same text for all variables."""
    return _TAG.search(text) is None


@lru_cache(_CACHED_TEMPLATES)
def _parse(text: str) -> BoundedTemplate:
    _check_size(text)
    try:
        template = _ENVIRONMENT.from_string(text)
        assert isinstance(template, BoundedTemplate)
        _check_filters(template, text)
    except LiquidError as error:
        if isinstance(error.__cause__, RecursionError):
            raise TemplateError("it is nested too deeply") from None
        raise _describe(error, text) from None
    except RecursionError:
        raise TemplateError("it is nested too deeply") from None
    return template


def _check_size(text: str) -> None:
    """Refuse what would keep the library's parser busy for seconds."""
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"it has more than {MAX_TEMPLATE} characters")
    space = _SPACE.search(text)
    if space is not None:
        raise TemplateError(f"more than {MAX_SPACE} white-space characters in a row", line=_line(text, space.start()))
    if sum(1 for _ in _TAG.finditer(text)) > MAX_TAGS:
        raise TemplateError(f"it has more than {MAX_TAGS} tags")
    # What is raw has no tags. It is replaced by as many lines.
    outside = _RAW.sub(lambda raw: "\n" * raw[0].count("\n"), text)
    for opening, closing in (("{{", "}}"), ("{%", "%}")):
        start = outside.find(opening, outside.rfind(closing) + 1)
        if start >= 0:
            raise TemplateError(f"'{opening}' without '{closing}'", line=_line(outside, start))


def _check_filters(template: BoundedTemplate, text: str) -> None:
    for name, spans in template.analyze().filters.items():
        if name not in _ENVIRONMENT.filters:
            raise TemplateError(f"unknown filter '{name}'", line=_line(text, spans[0].index))


def _describe(error: LiquidError, text: str) -> TemplateError:
    reason = " ".join(str(error.message or "it is not valid").split())
    line = _find_line(error.token, text)
    if line is None:
        reason = reason.replace("end of expression", "the end of the template")
    return TemplateError(reason, line=line)


def _find_line(token: Token | None, text: str) -> int | None:
    if token is None or token.start_index < 0:
        return None
    return _line(text, token.start_index)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1

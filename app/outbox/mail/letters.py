"""Converts the content of an email to what its templates show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

from app.adapters.translations import Translation
from app.domain.notifications.content import Content, Item
from app.domain.notifications.kinds import DIGEST, NOTIFICATION_KINDS
from app.outbox.mail import colors
from app.outbox.mail.texts import MAX_EXCERPT, MAX_QUOTED, clean_line, clean_text, shorten, to_html, to_plain
from app.outbox.mail.words import Words

MAX_PREVIEW: Final = 120
LINK: Final = "%link%"
"""What the link replaces in the message of an invitation."""


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """The name of a status on its colour."""

    name: str
    color: str
    text_color: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification about a post, with the text that it quotes."""

    lead: str
    html: Markup | None
    plain: str | None
    status: StatusLabel | None


@dataclass(frozen=True, slots=True)
class PostSection:
    """A post with its notifications."""

    title: str
    url: str
    notices: Sequence[Notice]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph in both forms."""

    html: Markup
    plain: str


def make_context(content: Content, words: Words, translation: Translation) -> tuple[str, dict[str, Any]]:
    """The name of the template without its suffix, and all that it shows except the link to unsubscribe."""
    is_right_to_left = translation.direction == "rtl"
    context = {
        "words": words,
        "language": translation.language,
        "direction": translation.direction,
        "start": "right" if is_right_to_left else "left",
        "base_url": content.base_url,
        "button_url": _find_button_url(content),
        "colors": {
            "light": colors.accent_on_light(content.accent_color),
            "dark": colors.accent_on_dark(content.accent_color),
            "sheet": colors.DARK_SHEET,
        },
    }
    if content.kind == DIGEST or content.kind in NOTIFICATION_KINDS:
        posts = _group_by_post(content, words)
        first = posts[0].notices[0]
        preview = f"{first.lead} {posts[0].title}"
        template = "digest" if content.kind == DIGEST else "notification"
        return template, {**context, "posts": posts, "preview": shorten(preview, MAX_PREVIEW)}
    paragraphs = _write_paragraphs(content, words)
    return "message", {**context, "paragraphs": paragraphs, "preview": shorten(paragraphs[0].plain, MAX_PREVIEW)}


def _group_by_post(content: Content, words: Words) -> list[PostSection]:
    """The notifications by post, in the order of the first one of each."""
    max_length = MAX_EXCERPT if content.kind == DIGEST else MAX_QUOTED
    by_post: dict[int, list[Item]] = {}
    for item in content.items:
        by_post.setdefault(item.post.id, []).append(item)
    return [
        PostSection(
            clean_line(items[0].post.title),
            items[0].post.url,
            [_make_notice(item, words, content.base_url, max_length) for item in items],
        )
        for items in by_post.values()
    ]


def _make_notice(item: Item, words: Words, base_url: str, max_length: int) -> Notice:
    status = None
    if item.status is not None:
        name, color = item.status
        ground = colors.clean_color(color, colors.NEUTRAL)
        status = StatusLabel(clean_line(name), ground, colors.text_on(ground))
    if not item.text:
        return Notice(words.introduce(item), None, None, status)
    html = to_html(item.text, base_url=base_url, max_length=max_length)
    return Notice(words.introduce(item), html, to_plain(item.text, max_length=max_length), status)


def _find_button_url(content: Content) -> str | None:
    if content.account is not None:
        return content.account.link
    if content.recap is not None:
        return content.recap.url
    if content.kind == DIGEST:
        return content.base_url
    item = content.items[0]
    return item.post.url if item.comment_id is None else f"{item.post.url}#comment-{item.comment_id}"


def _write_paragraphs(content: Content, words: Words) -> list[Paragraph]:
    account = content.account
    message = clean_text(account.message or "").strip() if account is not None else ""
    if account is None or not message:
        return [Paragraph(escape(text), text) for text in words.paragraphs]
    link = account.link or content.base_url
    anchor = Markup('<a class="accent" href="{}" style="color:{};">{}</a>').format(
        link, colors.accent_on_light(content.accent_color), link
    )
    blocks = [block.strip("\n") for block in message.split("\n\n") if block.strip()]
    paragraphs = [Paragraph(_to_markup(block, anchor), block.replace(LINK, link)) for block in blocks]
    return [*paragraphs, *(Paragraph(escape(text), text) for text in words.validity)]


def _to_markup(block: str, anchor: Markup) -> Markup:
    lines = [anchor.join(escape(part) for part in line.split(LINK)) for line in block.split("\n")]
    return Markup("<br>\n").join(lines)

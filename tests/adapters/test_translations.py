"""The catalogues: complete, current, compiled, and chosen by the locale of a portal."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment

from app.adapters.translations import FOLDER, SOURCE_LANGUAGE, list_languages, load_translation
from app.web.templating import TEMPLATES
from tests.support.checkout import ROOT

LANGUAGES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
PLACEHOLDER = re.compile(r"%\(\w+\)s")
UNTRANSLATED = {"widget_error.html"}
"""It says nothing about the portal, not even its language."""
TERMS = {"API", "Website"}
"""The same in every language, or for programs alone."""


def read_catalogue(language: str) -> Catalog:
    with (FOLDER / language / "LC_MESSAGES" / "earshot.po").open("rb") as file:
        return read_po(file, locale=language)


def to_tuple(text: object) -> tuple[str, ...]:
    return tuple(map(str, text)) if isinstance(text, tuple | list) else (str(text),)


def find_sources() -> set[tuple[str, ...]]:
    """The texts of the code and of the templates."""
    with (FOLDER / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT / "app", methods, options)
    return {to_tuple(message) for _, _, message, _, _ in found}


def list_messages(language: str) -> list[Message]:
    return [message for message in read_catalogue(language) if message.id]


def test_german_is_there() -> None:
    assert LANGUAGES == ["de"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_has_every_text_of_the_code_and_no_other(language: str) -> None:
    assert {to_tuple(message.id) for message in list_messages(language)} == find_sources()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_complete_and_has_the_same_placeholders(language: str) -> None:
    messages = list_messages(language)

    assert len(messages) > 50
    assert [message.id for message in messages if message.fuzzy or not all(to_tuple(message.string))] == []
    for message in messages:
        expected = set(PLACEHOLDER.findall(to_tuple(message.id)[-1]))
        for text in to_tuple(message.string):
            assert set(PLACEHOLDER.findall(text)) == expected, text
            assert len(re.findall("%", text)) == len(PLACEHOLDER.findall(text)), text


def test_the_pages_have_no_text_outside_the_catalogues() -> None:
    """What is left of a template without its expressions and the tags of HTML has no letters."""
    environment = Environment(extensions=["jinja2.ext.i18n"])
    paths = [path for path in TEMPLATES.glob("portal/*.html") if path.name not in UNTRANSLATED]
    assert len(paths) >= 30

    for path in paths:
        tokens = environment.lex(path.read_text())
        text = "".join(value if kind == "data" else "=" for _, kind, value in tokens if kind != "comment")
        # A command is the same in all languages.
        words = re.sub(r"<code>[^<]*</code>|<[^>]*>", "", text)
        assert {*re.findall(r"[^\W\d_]+", words)} <= TERMS, path.name
        assert re.findall(r'(?:title|alt|placeholder|aria-label)="[^"]*[a-z]', text) == [], path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_compiled(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(language))

    assert (FOLDER / language / "LC_MESSAGES" / "earshot.mo").read_bytes() == compiled.getvalue(), "./manage messages"


@pytest.mark.parametrize(
    ("locale", "language", "text"),
    [
        ("de", "de", "Neuer Status"),
        ("de-AT", "de", "Neuer Status"),
        ("de_AT", "de", "Neuer Status"),
        ("DE", "de", "Neuer Status"),
        ("en", "en", "New status"),
        ("en-GB", "en", "New status"),
        ("fr", "en", "New status"),
        ("", "en", "New status"),
        ("../de", "en", "New status"),
        ("de/../de", "en", "New status"),
        ("deutsch", "en", "New status"),
    ],
)
def test_the_locale_chooses_the_most_specific_language_or_english(locale: str, language: str, text: str) -> None:
    translation = load_translation(locale)

    assert (translation.language, translation.direction) == (language, "ltr")
    assert translation.catalogue.gettext("New status") == text


def test_the_languages_are_listed(tmp_path: Path) -> None:
    assert list_languages() == [SOURCE_LANGUAGE, *LANGUAGES]
    assert list_languages(tmp_path) == [SOURCE_LANGUAGE]


def test_a_language_is_written_in_its_direction(tmp_path: Path) -> None:
    for language in ("ar", "pt_BR"):
        path = tmp_path / language / "LC_MESSAGES" / "earshot.mo"
        path.parent.mkdir(parents=True)
        with path.open("wb") as file:
            write_mo(file, Catalog(language))

    found = {locale: load_translation(locale, tmp_path) for locale in ("ar-EG", "pt-BR", "pt")}

    assert {locale: (each.language, each.direction) for locale, each in found.items()} == {
        "ar-EG": ("ar", "rtl"),
        "pt-BR": ("pt-BR", "ltr"),
        "pt": ("en", "ltr"),
    }

"""Translations of the texts that readers see: gettext catalogues in `app/locale`, which `./manage messages` updates."""

import re
from dataclasses import dataclass
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent.parent / "locale"
DOMAIN: Final = "earshot"
SOURCE_LANGUAGE: Final = "en"
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_RIGHT_TO_LEFT: Final = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


@dataclass(frozen=True, slots=True)
class Translation:
    """The texts of one language."""

    language: str
    """As `lang` of HTML has it, such as `de`; that of the texts, which may not be that of the portal."""
    catalogue: NullTranslations

    @property
    def direction(self) -> str:
        """The direction of the language as `dir` of HTML has it: `ltr` or `rtl`."""
        return "rtl" if self.language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"


@lru_cache(maxsize=64)
def load_translation(locale: str, folder: Path = FOLDER) -> Translation:
    """The translation for a locale such as `de` or `de-AT`: the most specific one that exists, or English."""
    parts = re.split("[-_]", locale) if _LOCALE.fullmatch(locale) else []
    for length in range(len(parts), 0, -1):
        name = "_".join([parts[0].lower(), *parts[1:length]])
        path = folder / name / "LC_MESSAGES" / f"{DOMAIN}.mo"
        if path.is_file():
            with path.open("rb") as file:
                return Translation(name.replace("_", "-"), GNUTranslations(file))
    return Translation(SOURCE_LANGUAGE, NullTranslations())


def list_languages(folder: Path = FOLDER) -> list[str]:
    """The languages of the texts, such as `de`, with that of the source first."""
    paths = folder.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return [SOURCE_LANGUAGE, *sorted(path.parent.parent.name.replace("_", "-") for path in paths)]


def is_translated(locale: str) -> bool:
    """Whether there are texts for the locale, which may have a region, such as `de-AT`."""
    language = re.split("[-_]", locale)[0].lower()
    return _LOCALE.fullmatch(locale) is not None and language in (SOURCE_LANGUAGE, load_translation(locale).language)


def N_(message: str) -> str:
    """Mark a text that is translated where it is used, so that `./manage messages` finds it."""
    return message

"""A text is found in titles in any letter case, and a wildcard of either engine is a plain character."""

import string

import pytest

from app.adapters.database import PortalContext
from app.domain.models import Post
from app.domain.permissions import OPERATOR
from app.domain.posts import create
from app.domain.posts.create import NewPost
from app.domain.posts.filters import PostFilter
from app.domain.posts.queries import PostQuery
from app.domain.sql.text_patterns import MAX_PATTERN_TEXT
from app.domain.unit_of_work import UnitOfWork
from tests.support.factory import Factory

TITLES = PostQuery((Post.id, Post.title))
PRINTABLE = string.digits + string.ascii_letters + string.punctuation + " "
LETTERS = "ÄäÉéØøŁłÇçßẞΣσЖжԱա日本語🐜İı"


async def make_posts(make: Factory, *titles: str) -> None:
    def create_all(work: UnitOfWork) -> None:
        for title in titles:
            create.create_post(work, NewPost(title=title, description=None, author=make.owner))

    await make.act(create_all)


async def find(make: Factory, *texts: str) -> list[list[str]]:
    """The titles that contain each text, sorted."""

    def read(work: UnitOfWork, text: str) -> list[str]:
        found = TITLES.page(
            work, PostFilter(title=text), order="created_at", descending=False, offset=0, limit=len(PRINTABLE)
        )
        return sorted(row[1] for row in found)

    context = PortalContext(make.portal, OPERATOR)
    return [await make.server.database.read(lambda work, text=text: read(work, text), context) for text in texts]


async def test_every_printable_character_finds_itself_in_both_cases_and_nothing_else(make: Factory) -> None:
    await make_posts(make, *(f"<{character}>" for character in PRINTABLE.replace("<", "").replace(">", "")))
    characters = PRINTABLE.replace("<", "").replace(">", "")

    found = await find(make, *(f"<{character}>" for character in characters))

    expected = [sorted({f"<{character.lower()}>", f"<{character.upper()}>"}) for character in characters]
    assert found == expected


async def test_letters_of_every_language_are_found_in_both_cases(make: Factory) -> None:
    await make_posts(make, *(f"a{letter}b" for letter in LETTERS))

    found = dict(zip(LETTERS, await find(make, *LETTERS), strict=True))

    pairs = ("Ää", "Éé", "Øø", "Łł", "Çç", "ẞß", "Σσ", "Жж", "Աա")
    for upper, lower in pairs:
        assert found[upper] == sorted([f"a{upper}b", f"a{lower}b"]), upper
    assert found["ä"] == sorted(["aÄb", "aäb"])
    assert found["ж"] == sorted(["aЖb", "aжb"])
    for letter in "日本語🐜":
        assert found[letter] == [f"a{letter}b"]


@pytest.mark.parametrize(
    "text", ["100%", "a_b", "a*b", "a?b", "[a]", "[!a]", "[^a]", "[a-c]", "a\\", "\\%", "(a|b)", "a.c", "'"]
)
async def test_wildcards_are_plain_characters(make: Factory, text: str) -> None:
    decoys = ["100 percent", "axb", "a", "b", "abc", "1000"]
    await make_posts(make, f"Is {text.upper()} found?", *decoys)

    assert await find(make, text) == [[f"Is {text.upper()} found?"]]


async def test_a_text_that_is_longer_than_any_title_is_in_none(make: Factory) -> None:
    longest = "x" * 255
    await make_posts(make, longest)

    found = await find(make, longest, "x" * MAX_PATTERN_TEXT, "x" * 100_000)

    assert found == [[longest], [], []]

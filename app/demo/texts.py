"""The texts of the sample portal, read from the files in `posts/`, and its catalogue.

The product is Halyard, an application for small studios: time tracking, projects and invoices.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

TITLE: Final = "Halyard"
"""The title of the portal."""
WELCOME: Final = "What should Halyard do next? Share an idea, vote for those of others, and see what we are working on."
WIDGET: Final = "Feedback button"
"""The name of the widget."""

FEATURES: Final = "Feature Requests"
BUGS: Final = "Bug Reports"
INTEGRATIONS: Final = "Integrations"
BOARD_FILES: Final = {FEATURES: "features.toml", BUGS: "bugs.toml", INTEGRATIONS: "integrations.toml"}

CATEGORIES: Final = (
    ("Performance", "#FFAEA5"),
    ("Accessibility", "#CBAACB"),
    ("Security", "#FFD8A8"),
    ("Automation", "#ABDEE6"),
    ("Collaboration", "#B6CFB6"),
    ("Localization", "#F3B0C3"),
    ("Data export", "#C6DBDA"),
    ("Design", "#D4C2FC"),
)
"""Name and color. They are independent of the section of a post."""

TAGS: Final = (("Large customer", "#FFB7B2"), ("Quick win", "#B5EAD7"), ("Needs design", "#C7CEEA"))
"""Name and color of the labels that only the team sees."""

GROUPS: Final = ("Design partners", "Advisory board")

SECTIONS: Final = {
    "feedback": (
        *(("Time tracking", None), ("Projects", None), ("Invoicing", None), ("Reports", None)),
        *(("Apps", None), ("iOS", "Apps"), ("Android", "Apps"), ("Desktop", "Apps"), ("Account", None)),
    ),
    "roadmap": (("This quarter", None), ("Next quarter", None)),
    "changelog": (("New", None), ("Connections", None), ("Fixes", None)),
}
"""Title of each section and of its parent, by the URL key of the tab."""

COMPANIES: Final = (
    ("Studio Lindgren", "Studio"),
    ("Papier & Co", "Free"),
    ("North Quay Design", "Agency"),
    ("Atelier Rosa", "Studio"),
)
"""Name and plan."""

FEEDBACK: Final = (
    (
        "Invoices take too long",
        "It takes me an hour at the end of each month to put the hours of all projects together.",
    ),
    ("The app is quick", "Starting a timer on the phone takes a second. Please keep it so."),
    ("Where are my archived projects?", "I found them in the settings after a while. I had expected them in the list."),
)
"""Title and description, oldest first."""

VISION: Final = {
    "title": "Halyard in three years",
    "content": "Small studios spend a minute a day on their hours, and none of them loses a billable one.",
    "vision": "No studio loses a billable hour.",
    "target_group": "Studios of two to twenty people who sell their time.",
    "needs": "To know what a project costs while it runs, and to send invoices without a spreadsheet.",
    "product": "Time tracking, projects and invoices in one application.",
    "business_goals": "A thousand studios that pay for the product.",
}
"""The texts of the product vision."""

_SECTIONS_BY_STATUS: Final = {
    "Planned": dict.fromkeys(BOARD_FILES, "Next quarter"),
    "In Progress": dict.fromkeys(BOARD_FILES, "This quarter"),
    "Completed": {FEATURES: "New", BUGS: "Fixes", INTEGRATIONS: "Connections"},
}

TEAM_PREFIX: Final = "Team: "
"""A comment that begins with this is written by the team, and stored without it."""


@dataclass(frozen=True, slots=True)
class SamplePost:
    """A post of the sample, with all that happens to it."""

    board: str
    title: str
    description: str
    section: str | None
    categories: tuple[str, ...]
    tags: tuple[str, ...]
    votes: int | None
    """The number of votes; None for one of the many posts with few votes."""
    moderation: str
    image: str | None
    attachment: tuple[str, str] | None
    """The name and the content of an attached text file."""
    history: tuple[tuple[str, str], ...]
    """The later statuses, each with the official comment about it, or with an empty text."""
    threads: tuple[tuple[str, ...], ...]
    """Comments before the last change of status, each with the replies below it."""
    reactions: tuple[tuple[str, ...], ...]
    """Comments after the last change of status."""


def load_posts() -> list[SamplePost]:
    """The posts of all boards."""
    folder = resources.files("app.demo") / "posts"
    return [
        _parse_post(board, entry)
        for board, name in BOARD_FILES.items()
        for entry in tomllib.loads((folder / name).read_text("utf-8"))["posts"]
    ]


def find_section(post: SamplePost, status: str) -> str | None:
    """The section of a post that has this status."""
    return _SECTIONS_BY_STATUS.get(status, {}).get(post.board, post.section)


def _parse_post(board: str, entry: Mapping[str, Any]) -> SamplePost:
    attachment = entry.get("attachment")
    return SamplePost(
        board=board,
        title=entry["title"],
        description=entry.get("text", "").strip(),
        section=entry.get("section"),
        categories=tuple(entry.get("categories", ())),
        tags=tuple(entry.get("tags", ())),
        votes=entry.get("votes"),
        moderation=entry.get("moderation", "approved"),
        image=entry.get("image"),
        attachment=None if attachment is None else (attachment["name"], attachment["content"]),
        history=tuple((status, text) for status, text in entry.get("history", ())),
        threads=tuple(tuple(thread) for thread in entry.get("comments", ())),
        reactions=tuple(tuple(thread) for thread in entry.get("reactions", ())),
    )

"""What the people of the sample portal say."""

from typing import Final

PEOPLE: Final = (
    ("nora.lindqvist@example.com", "Nora Lindqvist", "moderator"),
    ("tomas.reyes@example.com", "Tomás Reyes", "user"),
    ("aiko.tanaka@example.com", "Aiko Tanaka", "user"),
)
"""Beside the owner: address, name, role."""

CATEGORIES: Final = (
    ("Mobile", "#ABDEE6"),
    ("Speed", "#FFAEA5"),
    ("Reporting", "#B6CFB6"),
    ("Accessibility", "#CBAACB"),
)

INTEGRATIONS: Final = "Integrations"
"""The third board."""

THINGS: Final = (
    "invoices",
    "reports",
    "customers",
    "projects",
    "messages",
    "dashboards",
    "notes",
    "tasks",
    "orders",
    "calendars",
)
WISHES: Final = (
    "Export {} as CSV",
    "Bulk edit for {}",
    "Filter {} by date",
    "Pin favourite {} to the top",
    "Share {} by a private link",
    "Undo after deleting {}",
    "Search {} by keyword",
    "Templates for recurring {}",
    "Keyboard shortcuts for {}",
    "Print {} on one page",
)
FAULTS: Final = (
    "Sorting {} forgets my choice",
    "Long lists of {} load slowly",
    "Deleted {} come back after a refresh",
    "Dates of {} are off by one day",
    "Can't open {} on Android",
    "Copying {} loses the formatting",
)
SERVICES: Final = (
    "Slack",
    "Google Sheets",
    "GitHub",
    "Microsoft Teams",
    "Notion",
    "Zapier",
    "Outlook",
    "Trello",
    "Stripe",
    "Zendesk",
)
CONNECTIONS: Final = (
    "Connect to {}",
    "Two-way sync with {}",
    "Weekly summary in {}",
    "Import from {}",
)

REASONS: Final = (
    "We do this by hand every Monday, and it takes the better part of an hour.",
    "Our team of twelve asks for it again and again. Today we keep a spreadsheet beside the product.",
    "It works for a handful, but with a few hundred entries it becomes tedious.",
    "Three of our customers have asked for it this month. It would help us to keep them.",
    "Steps to see it:\n\n1. open the page\n2. change anything\n3. go back\n\nIt happens in Firefox and in Chrome.",
    "Not urgent, but it would make my day a little **nicer**.",
    "Most tools that we use have this. Its absence surprised several new colleagues.",
    "I looked through the settings and the documentation and found no way to do it.",
)
REMARKS: Final = (
    "Yes please! This would save us a lot of time.",
    "We would use this every day.",
    "As a workaround we copy everything into a spreadsheet. It isn't pretty.",
    "Same here, and it got worse since the last release.",
    "Would a simple version do, without the extra options?",
    "For us the mobile app matters most in this.",
    "How would this work for people with read-only access?",
    "I can live without it, but my colleagues keep asking.",
    "Happy to test it early if that helps.",
)
REPLIES: Final = (
    "Good question, we are thinking about that, too.",
    "Thank you, that helps a lot!",
    "The simple version would be enough for us.",
    "Agreed.",
)
UPDATES: Final = {
    "Planned": "We have put this on the roadmap. It comes after what is in progress now.",
    "In Progress": "We have begun to build this. The first version will cover the common cases.",
    "Completed": "This is out! Tell us what you think of it.",
    "Rejected": "We won't do this for now: it would make the common case harder. Thank you for the idea all the same.",
}


def titles() -> list[tuple[str, str]]:
    """Two hundred pairs of board and title."""
    return [
        *(("Feature Requests", wish.format(thing)) for wish in WISHES for thing in THINGS),
        *(("Bug Reports", fault.format(thing)) for fault in FAULTS for thing in THINGS),
        *((INTEGRATIONS, connection.format(service)) for connection in CONNECTIONS for service in SERVICES),
    ]

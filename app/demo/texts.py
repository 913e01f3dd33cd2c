"""The users and texts of the sample portal."""

from typing import Final

PEOPLE: Final = (
    ("nora.lindqvist@example.com", "Nora Lindqvist", "moderator"),
    ("tomas.reyes@example.com", "Tomás Reyes", "user"),
    ("aiko.tanaka@example.com", "Aiko Tanaka", "user"),
)
"""The users besides the owner: e-mail address, name, role."""

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

FEATURES: Final = "Feature Requests"
BUGS: Final = "Bug Reports"

REASONS: Final = {
    FEATURES: (
        "We do this by hand every Monday, and it takes the better part of an hour.",
        "Our team of twelve asks for it again and again. Today we keep a spreadsheet beside the product.",
        "What is there works for a handful, but with a few hundred entries it becomes tedious.",
        "Three of our customers have asked for it this month. It would help us to keep them.",
        "Not urgent, but it would make my day a little **nicer**.",
        "Most tools that we use have this. Its absence surprised several new colleagues.",
    ),
    BUGS: (
        "Steps to see it:\n\n1. open the page\n2. change anything\n3. go back\n\nIt happens in Firefox and in Chrome.",
        "It began with the last release. Before that it worked for us for a year.",
        "It does not happen every time, perhaps one time in five. A colleague sees it, too.",
        "I expected it to just work, and found out only when a customer called.",
        "It is the same on my laptop and on the phone, and after signing out and in again.",
    ),
    INTEGRATIONS: (
        "Our whole team lives there all day, and looks in here once a week.",
        "Today somebody copies everything over by hand, and on Fridays that somebody is me.",
        "An official connection would spare us a script that breaks every other month.",
        "Even one direction would help us: from here to there.",
    ),
}
"""The descriptions of posts, by board."""

TALK: Final = {
    FEATURES: (
        ("Yes please! This would save us a lot of time.", ("Agreed.", "For us, too.")),
        ("We would use this every day.", ("So would we.", "Good to know, thank you!")),
        ("Would a simple version do, without the extra options?", ("The simple version would be enough for us.",)),
        ("For us the mobile app matters most in this.", ("For us it is the desktop.", "Thank you, that helps a lot!")),
        (
            "How would this work for people with read-only access?",
            ("Good question, we are thinking about that, too.", "They should see it, but not change it, I think."),
        ),
        ("I can live without it, but my colleagues keep asking.", ("Same with mine.",)),
        ("Happy to test it early if that helps.", ("It does, thank you! We will come back to you.",)),
    ),
    BUGS: (
        ("Same here, and it got worse since the last release.", ("Which browser do you use?", "Same for us.")),
        ("I can't see this with Safari. Perhaps it hangs on the browser?", ("I see it in Safari as well.",)),
        ("As a workaround we reload the page. It isn't pretty.", ("That helps for now, thank you!",)),
        ("We lost half an hour of work to this yesterday.", ("I am sorry to hear that. We are looking into it.",)),
        ("Does it happen with a new account as well?", ("Yes, I have just tried it.", "No, only with our old one.")),
    ),
    INTEGRATIONS: (
        ("We would switch it on the day it is there.", ("So would we.",)),
        ("Would it need an administrator to set it up?", ("Only once, I should think.",)),
        ("For now we do it with the API and twenty lines of Python.", ("Would you share them?",)),
        ("One direction would be enough for us.", ("We would need both.", "For us, too.")),
    ),
}
"""Comments, each with the possible replies to it, by board."""

UPDATES: Final = {
    FEATURES: {
        "Planned": "We have put this on the roadmap. It comes after what is in progress now.",
        "In Progress": "We have begun to build this. The first version will cover the common cases.",
        "Completed": "This is out! Tell us what you think of it.",
        "Rejected": "We won't do this for now: it would make the common case harder. Thank you all the same.",
    },
    BUGS: {
        "Planned": "We can see it, too, and will fix it in one of the next releases.",
        "In Progress": "We have found the cause and are working on it.",
        "Completed": "This is fixed in today's release. Tell us if you still see it.",
        "Rejected": "We can't bring this about on any of our machines. Post it again when it comes back.",
    },
    INTEGRATIONS: {
        "Planned": "We have put this connection on the roadmap.",
        "In Progress": "We have begun to build this, first in one direction.",
        "Completed": "The connection is there: you find it in the settings.",
        "Rejected": "We won't build this ourselves for now; the API has all that it takes. Thank you for the idea.",
    },
}
"""The official comment at a change of status, by board and status."""


TITLES: Final = (
    *((FEATURES, wish.format(thing)) for wish in WISHES for thing in THINGS),
    *((BUGS, fault.format(thing)) for fault in FAULTS for thing in THINGS),
    *((INTEGRATIONS, connection.format(service)) for connection in CONNECTIONS for service in SERVICES),
)
"""Two hundred pairs of board and title."""

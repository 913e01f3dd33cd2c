"""A hundred thousand titles as people write them on a feedback portal, the same ones each time.

The words follow Zipf's law: a few hundred feature words carry most titles, six thousand others make the long tail. Each
title of the test set has twenty near neighbours that differ from it by one to three words, and one title in twelve has
a misspelling of its own, so that a search has something to be mistaken about.
"""

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
NEIGHBOURS: Final = 20
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

VERBS: Final = """
add support allow show export import sort filter search edit delete archive hide rename copy move share print sync
upload download attach embed highlight merge split group pin mute snooze schedule automate remember restore undo compare
convert translate assign track limit lock unlock disable enable customize resize preview mark change set choose send
receive notify remind connect integrate validate scan round duplicate clone bulk reorder collapse expand zoom
"""

THINGS: Final = """
email board post dashboard report user team project task file folder calendar invoice notification comment customer
setting account page list table chart button widget template field tag status label column row filter view mode theme
password login role permission link image attachment video message channel chat reply thread inbox contact form survey
question answer quiz course lesson lecture student parent child teacher homework grade certificate order product price
discount code coupon cart checkout payment card gift shipping delivery address stock warehouse barcode supplier contract
tax currency receipt expense budget bank transaction credit note subscription plan trial seat license webhook endpoint
token key audit log event trigger rule workflow automation script plugin app mobile phone tablet desktop browser
keyboard shortcut mouse drag drop screen reader font size color contrast language timezone date week month quarter year
day hour minute night morning reminder deadline milestone sprint backlog story point estimate effort subtask dependency
assignee owner member guest visitor group workspace portal domain backup version history draft editor heading footnote
citation document word sheet drawing photo camera recording sensor battery light heating room door garage car route
station map location address watch step heart rate meal blood pressure patient doctor appointment prescription class
booking slot meeting attendee agenda minutes vote category section roadmap changelog release feature idea request bug
error crash speed loading cache offline sync device session cookie consent privacy data export import csv pdf excel json
xml api google slack teams zoom jira github gitlab okta outlook gmail stripe paypal zapier salesforce hubspot shopify
wordpress android iphone linux windows mac safari chrome firefox
"""

QUALITIES: Final = """
dark custom new public private shared bulk multiple single default weekly monthly daily automatic manual better faster
larger smaller mobile offline recurring scheduled internal external archived completed pending overdue nested inline
advanced simple optional required read-only starred pinned favourite recent last first active blocked hidden global
personal anonymous two-factor password-protected real-time full same different several
"""

TEMPLATES: Final = [
    "{verb} {thing} {thing}",
    "{verb} {quality} {thing}",
    "{verb} {thing} by {thing}",
    "{verb} {thing} to {thing} {tail}",
    "Allow {things} to {verb} {quality} {thing}",
    "{quality} {thing} for {things}",
    "{thing} {thing} in the {tail} {thing}",
    "Ability to {verb} {tail} {things}",
    "{verb} {things} when {tail} is {tail}",
    "{tail} {thing} {thing}",
    "Please {verb} the {thing} of {things}",
    "{verb} the {tail} of a {thing}",
    "Option to {verb} {things} from {thing}",
    "{thing} {tail} should {verb} {things}",
    "Integrate {tail} with {thing}",
    "Integration with {tail}",
    "{thing} is too {tail} on {thing}",
    "Can't {verb} {thing} after {tail}",
    "{verb} all {things} of the {tail} at once",
    "Let {things} {verb} their own {quality} {thing}",
    "{thing}: {verb} {tail} and {tail}",
    "{quality} {tail} {thing} view",
    "Add {thing} {tail} to {quality} {things}",
    "{verb} {thing} per {thing}",
    "When I {verb} a {thing} the {tail} is gone",
    "Show {tail} of {thing} on the {thing} page",
    "{tail} {tail} for {thing}",
    "{verb} more than one {thing}",
    "Send {thing} {tail} by e-mail",
    "{thing} without {tail}",
    "Sort {things} by {tail}",
    "Why is the {thing} {tail}?",
    "{verb} {thing} before {tail} {thing} expires",
    "Make {thing} {tail} {quality}",
    "{quality} {things} and {things}",
]


class Rewording(NamedTuple):
    """What somebody types, and the title of the post that they mean."""

    title: str
    typed: str


class Zipf:
    """Words of which the n-th comes up in proportion to 1/(n+3)."""

    def __init__(self, words: list[str], *, power: float = 1.0) -> None:
        self.words = words
        self.weights = list(accumulate(1 / (rank + 3) ** power for rank in range(len(words))))

    def pick(self, chance: random.Random) -> str:
        return chance.choices(self.words, cum_weights=self.weights)[0]


def rewordings() -> list[Rewording]:
    """The test set: a hundred titles, and how people ask for them."""
    lines = (HERE / "rewordings.txt").read_text("utf-8").splitlines()
    pairs = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    return [Rewording(title.strip(), typed.strip()) for title, typed in pairs]


def titles(count: int, *, seed: int = 20) -> list[str]:
    """`count` titles, among them those of the test set and their neighbours, in no order that means anything."""
    chance = random.Random(seed)
    wanted = [pair.title for pair in rewordings()]
    words = sorted({word for title in wanted for word in title.split() if len(word) > 3 and word.isalpha()})
    tail = (HERE / "words.txt").read_text("utf-8").split()
    things = [*THINGS.split(), *(word.lower() for word in words)]
    for each in (things, tail):
        chance.shuffle(each)
    pools = {
        "verb": Zipf(VERBS.split()), "thing": Zipf(things, power=0.8), "quality": Zipf(QUALITIES.split()),
        "tail": Zipf(tail, power=0.7),
    }  # fmt: skip
    made = wanted + [near for title in wanted for near in _neighbours(chance, title, pools)]
    made = made[:count] + list(_written(chance, pools, count - len(made)))
    chance.shuffle(made)
    return made


def _written(chance: random.Random, pools: dict[str, Zipf], count: int) -> Iterator[str]:
    for _ in range(count):
        parts = []
        for part in chance.choice(TEMPLATES).split(" "):
            name = part.strip("{}:?").removesuffix("}")
            if name == "things":
                part = part.replace("{things}", pools["thing"].pick(chance) + "s")
            elif name in pools:
                part = part.replace("{" + name + "}", pools[name].pick(chance))
            parts.append(part)
        title = " ".join(parts)
        if chance.random() < 1 / 12:
            title = misspelt(chance, title)
        yield title[0].upper() + title[1:]


def _neighbours(chance: random.Random, title: str, pools: dict[str, Zipf]) -> Iterator[str]:
    for _ in range(NEIGHBOURS):
        parts = title.split()
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(parts))
            kind = chance.choice(["thing", "tail", "quality", "drop"])
            if kind != "drop":
                parts[place] = pools[kind].pick(chance)
            elif len(parts) > 3:
                del parts[place]
        near = " ".join(parts)
        # One that came out the same would be a second right answer.
        yield near if near != title else f"{near} {pools['tail'].pick(chance)}"


def misspelt(chance: random.Random, title: str) -> str:
    """The title with one slip in the middle of one of its longer words."""
    parts = title.split()
    long = [place for place, part in enumerate(parts) if len(part) > 4 and part.isalpha()]
    if not long:
        return title
    place = chance.choice(long)
    parts[place] = slipped(chance, parts[place])
    return " ".join(parts)


def slipped(chance: random.Random, word: str) -> str:
    """The word with two letters swapped, or one left out, doubled or mistaken; its first and last letter stay."""
    at = chance.randrange(1, len(word) - 2)
    return chance.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + chance.choice(LETTERS) + word[at + 1 :],
        ]
    )

"""The people of the sample portal: the team, those who write, and those who only vote."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Final

WRITERS: Final = 46
"""This many users write posts and comments, and vote."""
VOTERS: Final = 430
"""This many further users only vote."""

_FIRST_NAMES: Final = (
    *("Amara", "Anselm", "Beatriz", "Callum", "Chiara", "Dariusz", "Dilnoza", "Edith", "Elif", "Farid", "Fiona"),
    *("Gabriel", "Hana", "Henrik", "Imani", "Ingrid", "Jonas", "José", "Kavya", "Keiko", "Lamin", "Leonie", "Lucía"),
    *("Malik", "Mateo", "Mei", "Nadia", "Niamh", "Oksana", "Oliver", "Priya", "Quentin", "Rafael", "Renée", "Rosa"),
    *("Samuel", "Sanne", "Tariq", "Thandiwe", "Una", "Viktor", "Wanjiru", "Yusuf", "Zoë"),
)
_LAST_NAMES: Final = (
    *("Abbott", "Achterberg", "Adeyemi", "Bauer", "Bianchi", "Castillo", "Chowdhury", "Dubois", "Eriksson", "Fischer"),
    *("Fontaine", "Gallagher", "Haddad", "Hughes", "Ivanova", "Jansen", "Kamau", "Kaya", "Kowalski", "Laurent"),
    *("MacLeod", "Mbeki", "Moreau", "Müller", "Nakamura", "Novák", "O'Brien", "Okafor", "Pereira", "Petrov"),
    *("Quispe", "Rahman", "Romano", "Sato", "Schneider", "Silva", "Takahashi", "Usman", "Vargas", "Wright", "Zhang"),
)
_DOMAINS: Final = ("example.com", "example.net", "example.org")
DOCUMENTED_EMAIL: Final = "yusuf.moreau@example.com"
"""The user of the examples in the document of ProductLift's API."""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A user to create."""

    email: str
    name: str
    role: str = "user"


TEAM: Final = (
    SamplePerson("nora.lindqvist@example.com", "Nora Lindqvist", "admin"),
    SamplePerson("tomas.reyes@example.com", "Tomás Reyes", "moderator"),
    SamplePerson("aiko.tanaka@example.com", "Aiko Tanaka", "moderator"),
)
"""The users who answer for the product."""


def generate_people(random: Random, count: int) -> Iterator[SamplePerson]:
    """Users with different names and addresses."""
    names = random.sample(list(product(_FIRST_NAMES, _LAST_NAMES)), count)
    for first_name, last_name in names:
        local_part = f"{_to_ascii(first_name)}.{_to_ascii(last_name)}".lower()
        yield SamplePerson(f"{local_part}@{random.choice(_DOMAINS)}", f"{first_name} {last_name}")


def _to_ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if char.isascii() and char.isalpha())

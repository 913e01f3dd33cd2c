"""The server killed in the midst of writes, again and again: what was acknowledged stands, once, and all counts agree.

KILLS=40 ./manage test tests/faults/test_killed.py -n 0 -s        # more kills than the suite has time for
"""

import json
import os
import random
import re
import signal
import time
from contextlib import closing

import pytest

from app.adapters.database import Standing, database_for
from app.domain import recount
from app.domain.policy import OPERATOR
from app.domain.recount import Difference
from tests.support.commands import Earshot, Serving
from tests.support.journal import Journal
from tests.support.sql import answered, rows
from tests.support.writers import Caller, writing

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def keys_of(serving: Serving) -> dict[str, str]:
    """The keys that a first start tells."""
    productlift, astuto = re.findall(r"Bearer (\S+)'", serving.told)
    return {"productlift": productlift, "astuto": astuto}


def url_of(earshot: Earshot) -> str:
    return earshot.settings.get("EARSHOT_DATABASE_URL", f"sqlite:///{earshot.folder}/data/earshot.db")


def await_the_end_of_its_work(url: str) -> None:
    """Until the database has noticed that its client is dead: what was sent before the kill may yet be committed."""
    deadline = time.monotonic() + 60
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'earshot'"
    while url.startswith("postgresql") and rows(url, asked) != [(0,)]:
        assert time.monotonic() < deadline, "a connection of the dead server stays"


def wrong_counters(url: str) -> list[Difference]:
    """Every kept number that is not what a recount gives."""

    async def count() -> list[Difference]:
        database = database_for(url)
        await database.open()
        try:
            return await database.reading(recount.differences, Standing(1, OPERATOR), snapshot=True)
        finally:
            await database.close()

    found: list[Difference] = answered(count())
    return found


@pytest.mark.timeout(60 + 30 * KILLS)
def test_what_was_acknowledged_outlives_a_kill_and_stands_once(earshot: Earshot, engine: str) -> None:
    chance = random.Random(SEED)
    journal = Journal()
    url = url_of(earshot)
    earshot.settings["EARSHOT_RATE_LIMITS"] = "off"
    keys: dict[str, str] = {}

    for kill in range(KILLS + 1):
        with earshot.serving() as serving:
            keys = keys or keys_of(serving)
            if kill:
                assert journal.differences(url) == [], f"SEED={SEED}, kill {kill}"
                assert wrong_counters(url) == [], f"SEED={SEED}, kill {kill}"
            if kill == KILLS:
                with closing(Caller(serving.port, keys)) as caller:
                    assert caller.ask("astuto", "GET", "/posts").status == 200
                assert serving.end() == 0
                break
            with writing(serving.port, keys, url, journal, seed=SEED + kill):
                # In the midst of work, and then at any moment of it: the pause is what makes it random.
                journal.await_outcomes("acknowledged", chance.randrange(20, 120))
                time.sleep(chance.uniform(0, 0.02))
                serving.process.send_signal(signal.SIGKILL)
            serving.process.wait()
        await_the_end_of_its_work(url)

    assert json.loads(earshot.run("counters", "--json").out) == {"differences": [], "repaired": False}
    if engine == "sqlite":
        assert rows(url, "PRAGMA integrity_check") == [("ok",)]
    assert journal.wrong == []
    assert journal.acknowledged >= 20 * KILLS
    print(f"\n{engine}: {KILLS} kills, SEED={SEED}: {dict(journal.outcomes)}; 0 lost, 0 doubled, 0 counters differ")

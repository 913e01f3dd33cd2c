"""The server killed in the midst of writes, again and again: what was acknowledged stands, once, and all counts agree.

KILLS=40 ./manage test tests/faults/test_crash_recovery.py -n 0 -s        # more kills than the suite has time for
"""

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from app.adapters.database import PortalContext, create_database
from app.domain.counters import audit
from app.domain.counters.audit import CounterMismatch
from app.domain.permissions import OPERATOR
from tests.server.test_serve import until
from tests.support.commands import Earshot, Serving
from tests.support.continuous_writers import Caller, writing
from tests.support.sql import rows, run_coroutine
from tests.support.write_journal import CUT_BY, Journal

KILLS = int(os.environ.get("KILLS", "3"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


def keys_of(serving: Serving) -> dict[str, str]:
    """The keys that a first start tells."""
    productlift, astuto = re.findall(r"Bearer (\S+)'", serving.output)
    return {"productlift": productlift, "astuto": astuto}


def url_of(earshot: Earshot) -> str:
    return earshot.settings.get("EARSHOT_DATABASE_URL", f"sqlite:///{earshot.folder}/data/earshot.db")


def await_the_end_of_its_work(url: str, *, under_way: bool = False) -> None:
    """Until the database has noticed that its client is dead: what was sent before the kill may yet be committed.

    While others live, wait for what is `under_way` alone.
    """
    deadline = time.monotonic() + 60
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'earshot'"
    if under_way:
        asked += " AND state <> 'idle'"
    while url.startswith("postgresql") and rows(url, asked) != [(0,)]:
        assert time.monotonic() < deadline, "a connection of the dead server stays"


def wrong_counters(url: str) -> list[CounterMismatch]:
    """Every kept number that is not what a recount gives."""

    async def count() -> list[CounterMismatch]:
        database = create_database(url)
        await database.open()
        try:
            return await database.read(audit.find_mismatches, PortalContext(1, OPERATOR), snapshot=True)
        finally:
            await database.close()

    found: list[CounterMismatch] = run_coroutine(count())
    return found


def assert_all_stands(journal: Journal, url: str, when: str) -> None:
    """Nothing lost, nothing doubled, and the counters right."""
    assert journal.differences(url) == [], when
    assert wrong_counters(url) == [], when


def assert_sound(earshot: Earshot, journal: Journal) -> None:
    """What the operator is told, and what the clients were."""
    url = url_of(earshot)
    assert json.loads(earshot.run("counters", "--json").out) == {"differences": [], "repaired": False}
    if url.startswith("sqlite"):
        assert rows(url, "PRAGMA integrity_check") == [("ok",)]
    assert journal.wrong == []
    assert journal.acknowledged >= 20 * KILLS
    told = dict(journal.outcomes)
    print(f"\n{url.partition(':')[0]}: {KILLS} kills, SEED={SEED}: {told}; 0 lost, 0 doubled, 0 counters differ")


Kill = Callable[[Serving], None]


def killed_again_and_again(earshot: Earshot, workers: str, kills: Sequence[Kill]) -> None:
    """Each time the next of these kills, in turn; then all must be there when the server has started again."""
    chance = random.Random(SEED)
    journal = Journal()
    url = url_of(earshot)
    earshot.settings["EARSHOT_RATE_LIMITS"] = "off"
    keys: dict[str, str] = {}

    for number in range(KILLS + 1):
        with earshot.serving("--workers", workers) as serving:
            keys = keys or keys_of(serving)
            if number:
                assert_all_stands(journal, url, f"SEED={SEED}, kill {number}")
            if number == KILLS:
                with closing(Caller(serving.port, keys)) as caller:
                    assert caller.send("astuto", "GET", "/posts").status == 200
                assert serving.end() == 0
                break
            with writing(serving.port, keys, url, journal, seed=SEED + number) as clients:
                journal.await_a_moment(chance)
                kills[number % len(kills)](serving)
                for client in clients:
                    client.join()
            serving.process.wait()
        await_the_end_of_its_work(url)
    assert_sound(earshot, journal)


@pytest.mark.timeout(60 + 30 * KILLS)
def test_acknowledged_writes_survive_a_kill_and_are_stored_once(earshot: Earshot) -> None:
    killed_again_and_again(earshot, "1", [Serving.kill])


@pytest.mark.timeout(60 + 30 * KILLS)
def test_acknowledged_writes_survive_a_kill_of_all_or_of_the_parent(on_postgres: Earshot) -> None:
    """The first alone: the others notice and end."""
    killed_again_and_again(on_postgres, "2", [Serving.kill, lambda serving: serving.process.kill()])


def kill_the_older(serving: Serving, crew: list[int], journal: Journal) -> list[int]:
    """Kill the first of the crew in the midst of writes, which go on all the time; the crew that there is then."""
    killed, *others = crew
    os.kill(killed, signal.SIGKILL)
    journal.await_outcomes("acknowledged", 50)
    until(lambda: len(serving.workers() - {killed}) == len(crew))
    journal.await_outcomes("acknowledged", 50)
    return [*others, *(serving.workers() - set(crew))]


@pytest.mark.timeout(60 + 30 * KILLS)
def test_a_worker_killed_during_writes_loses_no_acknowledged_write(on_postgres: Earshot) -> None:
    """The older one each time, so that it is the one begun in the place of the last that has to go on."""
    chance = random.Random(SEED)
    journal = Journal()
    url = url_of(on_postgres)
    with on_postgres.serving("--workers", "2", EARSHOT_RATE_LIMITS="off") as serving:
        keys = keys_of(serving)
        until(lambda: len(serving.workers()) == 2)
        crew = sorted(serving.workers())
        for number in range(KILLS):
            with writing(serving.port, keys, url, journal, writers=12, seed=SEED + number, outlast=True):
                journal.await_a_moment(chance)
                crew = kill_the_older(serving, crew, journal)
            await_the_end_of_its_work(url, under_way=True)
            assert_all_stands(journal, url, f"SEED={SEED}, kill {number}")
        assert serving.end() == 0
    assert_sound(on_postgres, journal)
    # Each client was cut once by a death at most, and where one was missing clients waited: there always was a service.
    assert journal.cut <= 12 * KILLS
    told = {outcome for outcome in journal.outcomes if not outcome.startswith(CUT_BY)}
    assert told <= {"acknowledged", "astuto again", "productlift again"}

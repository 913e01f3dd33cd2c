"""`earshot doctor`: each thing is broken for real, found, and well again once its remedy was followed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.adapters.database import NO_PORTAL, create_database, utc_now
from app.adapters.database.revisions import HEAD
from app.cli.doctor import checks
from app.domain.outbox import events
from tests.cli.conftest import Cli
from tests.cli.database import Rows
from tests.conftest import SECRET
from tests.observability.test_tracing import Collector, collecting
from tests.support.processes import free_port
from tests.support.smtp_sink import PASSWORD, run_sink

Environment = pytest.MonkeyPatch


def find(cli: Cli, what: str) -> dict[str, Any]:
    """The doctor's finding about one part, as JSON."""
    done = cli.run("doctor", "--json")
    output = json.loads(done.out)
    (finding,) = [finding for finding in output["findings"] if finding["what"] == what]
    assert done.code == (0 if output["well"] else 1)
    assert finding["well"] or not output["well"]
    assert finding["well"] == (finding["remedy"] is None)
    return dict(finding)


def find_problem(cli: Cli, what: str) -> tuple[str, str]:
    """The state and the remedy of the only part that has a problem."""
    finding = find(cli, what)
    assert finding["well"] is False, finding
    done = cli.run("doctor")
    assert (done.code, done.err) == (1, f"earshot: problems found in: {what}\n")
    assert f"WRONG  {what:<10} {finding['state']}\n{'':18} -> {finding['remedy']}\n" in done.out
    return finding["state"], finding["remedy"]


def find_well(cli: Cli, what: str) -> str:
    """The state of a part without a problem."""
    finding = find(cli, what)
    assert finding["well"] is True, finding
    return str(finding["state"])


def write_secret(tmp_path: Path, secret: str, *, mode: int = 0o600) -> Path:
    path = tmp_path / "data" / "secret.key"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(secret)
    path.chmod(mode)
    return path


def test_a_missing_secret_is_reported(cli: Cli, tmp_path: Path, monkeypatch: Environment) -> None:
    monkeypatch.delenv("EARSHOT_SECRET_KEY")
    path = tmp_path / "data" / "secret.key"

    assert find_problem(cli, "secret") == (
        f"{path} does not exist, and none of the 2 keys is valid with another secret",
        "restore secret.key from a backup before the next start creates a new one",
    )
    # The check has not created one.
    assert not path.exists()
    write_secret(tmp_path, SECRET)
    assert find_well(cli, "secret") == str(path)


def test_a_secret_that_does_not_match_the_database_is_reported(
    cli: Cli, tmp_path: Path, monkeypatch: Environment
) -> None:
    where = "another secret than the one that the keys in the database were created with: none is valid"
    remedy = "restore the database's own secret.key, or revoke all keys: earshot secret accept"
    monkeypatch.setenv("EARSHOT_SECRET_KEY", "another-secret-of-another-data-directory-0123")
    assert find_problem(cli, "secret") == (f"EARSHOT_SECRET_KEY is {where}", remedy)
    monkeypatch.delenv("EARSHOT_SECRET_KEY")
    path = write_secret(tmp_path, "0123456789abcdef" * 4)
    assert find_problem(cli, "secret") == (f"{path} is {where}", remedy)


def test_wrong_counters_are_reported_and_repaired_by_the_remedy(cli: Cli, rows: Rows) -> None:
    rows("UPDATE users SET votes_count = 3, posts_count = 7")

    state, remedy = find_problem(cli, "counters")

    assert state == "2 of portal 1 are wrong"
    assert remedy == "earshot counters --repair --portal 1"
    assert cli.run(*remedy.split()[1:]).code == 0
    assert find_well(cli, "counters") == "are right"


def make_cycle(cli: Cli, rows: Rows, many: int) -> list[int]:
    """The ids of sections, each put below the next and the last below the first."""
    ids = [cli.json("sections", "create", "--title", "Later", "--tab", "roadmap")["id"] for _ in range(many)]
    for below, above in zip(ids, ids[1:] + ids[:1], strict=True):
        rows("UPDATE sections SET parent_id = :above WHERE id = :below RETURNING id", above=above, below=below)
    return [int(section) for section in ids]


def test_cycles_of_sections_are_reported_and_fixed(cli: Cli, rows: Rows) -> None:
    one, two, three = make_cycle(cli, rows, 3)
    (own_parent,) = make_cycle(cli, rows, 1)
    child = cli.json("sections", "create", "--title", "Child", "--tab", "roadmap", "--parent", str(three))["id"]
    before = rows("SELECT id, parent_id FROM sections ORDER BY id")
    cycles = [f"{one} -> {two} -> {three} -> {one} of portal 1", f"{own_parent} -> {own_parent} of portal 1"]

    state, remedy = find_problem(cli, "sections")
    assert state == f"have cycles: {', '.join(cycles)}"
    assert remedy == "earshot doctor --fix"
    assert rows("SELECT id, parent_id FROM sections ORDER BY id") == before

    done = cli.run(*remedy.split()[1:])
    changed = [
        f"{cycle} (section {root} has no parent now)" for cycle, root in zip(cycles, (one, own_parent), strict=True)
    ]
    assert (done.code, done.err) == (0, "")
    assert f"FIXED  sections   had cycles: {', '.join(changed)}\n" in done.out
    parents = {row["id"]: row["parent_id"] for row in rows("SELECT id, parent_id FROM sections")}
    assert parents == {one: None, two: three, three: one, own_parent: None, child: three}
    assert find_well(cli, "sections") == "have no cycles"


def test_fixed_problems_are_in_the_json_and_others_exit_with_1(cli: Cli, rows: Rows) -> None:
    one, two = make_cycle(cli, rows, 2)
    rows("UPDATE users SET votes_count = 3 RETURNING id")

    done = cli.run("doctor", "--fix", "--json")
    again = cli.run("doctor", "--fix", "--json")

    assert (done.code, again.code) == (1, 1)
    assert done.err == again.err == "earshot: problems found in: counters\n"
    first, second = (json.loads(each.out) for each in (done, again))
    assert (first["well"], second["well"]) == (False, False)
    state = f"had cycles: {one} -> {two} -> {one} of portal 1 (section {one} has no parent now)"
    fixed = {"what": "sections", "well": True, "state": state, "remedy": None, "fixed": True}
    assert [finding for finding in first["findings"] if finding["fixed"]] == [fixed]
    assert [finding for finding in second["findings"] if finding["fixed"]] == []


def test_cycles_of_every_portal_are_fixed(cli: Cli, rows: Rows) -> None:
    cli.json("portals", "set", "host", "feedback.example.com")
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")
    sections = [
        cli.json("sections", "create", "--title", "Later", "--tab", "roadmap", "--portal", portal)["id"]
        for portal in ("1", "1", "2", "2")
    ]
    rows("UPDATE sections SET parent_id = CASE id % 2 WHEN 1 THEN id + 1 ELSE id - 1 END RETURNING id")

    state, _ = find_problem(cli, "sections")
    assert state == "have cycles: 1 -> 2 -> 1 of portal 1, 3 -> 4 -> 3 of portal 2"
    assert cli.run("doctor", "--fix").code == 0
    assert [row["id"] for row in rows("SELECT id FROM sections WHERE parent_id IS NULL ORDER BY id")] == sections[::2]


def test_an_event_stored_in_the_future_is_reported(cli: Cli, rows: Rows) -> None:
    rows(
        "INSERT INTO facts (portal_id, kind, created_at) VALUES (1, 'user.registered', '2999-01-01 00:00:00.000000')"
        " RETURNING id"
    )

    assert find_problem(cli, "clock") == (
        "the newest event was stored at 2999-01-01T00:00:00Z, which is in the future",
        "synchronise the clocks over the network: timedatectl set-ntp true",
    )
    rows("UPDATE facts SET created_at = '2020-01-01 00:00:00.000000' RETURNING id")
    find_well(cli, "clock")


async def test_a_clock_that_differs_from_the_database_is_reported(postgres_database: str) -> None:
    opened = create_database(postgres_database)
    await opened.open()
    database_time = await opened.read(events.database_time, NO_PORTAL)
    await opened.close()

    ahead, behind, right = [
        checks.check_clock(utc_now() + shift, database=database_time, newest=None)
        for shift in (timedelta(hours=1), timedelta(hours=-1), timedelta())
    ]

    assert (ahead.well, behind.well, right.well) == (False, False, True)
    assert ahead.state in [f"this machine is {seconds} s ahead of the database's" for seconds in range(3600, 3605)]
    assert behind.state in [f"this machine is {seconds} s behind the database's" for seconds in range(3595, 3601)]
    assert ahead.remedy == "synchronise the clocks over the network: timedatectl set-ntp true"


def test_an_untrusted_proxy_is_reported(cli: Cli, monkeypatch: Environment) -> None:
    monkeypatch.setenv("EARSHOT_BASE_URL", "https://feedback.example.com")

    state, remedy = find_problem(cli, "proxies")

    assert state.startswith("EARSHOT_BASE_URL is https, so the server is behind a proxy, but no proxy is trusted")
    assert remedy.startswith("EARSHOT_TRUSTED_PROXIES=127.0.0.1 for a proxy on this machine")
    monkeypatch.setenv("EARSHOT_RATE_LIMITS", "off")
    find_well(cli, "proxies")
    monkeypatch.delenv("EARSHOT_RATE_LIMITS")
    monkeypatch.setenv("EARSHOT_TRUSTED_PROXIES", "127.0.0.1")
    assert find_well(cli, "proxies") == "trusted: 127.0.0.1/32"


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_trusting_all_addresses_as_proxies_is_reported(cli: Cli, monkeypatch: Environment, everybody: str) -> None:
    monkeypatch.setenv("EARSHOT_TRUSTED_PROXIES", f"127.0.0.1,{everybody}")

    assert find_problem(cli, "proxies") == (
        f"{everybody} trusts every client: each can send any address, so limits per address have no effect",
        "set EARSHOT_TRUSTED_PROXIES to the addresses from which your proxies connect, and no others",
    )


def test_links_to_another_host_are_reported(cli: Cli, monkeypatch: Environment) -> None:
    monkeypatch.setenv("EARSHOT_BASE_URL", "http://feedback.example.com:8000")
    cli.json("portals", "set", "host", "ideas.example.com")

    state, remedy = find_problem(cli, "address")

    assert state == "links point to feedback.example.com, but the portal is served on ideas.example.com only"
    first, _, _ = remedy.partition(",")
    assert cli.run(*first.split()[1:]).code == 0
    assert find_well(cli, "address") == "http://feedback.example.com:8000"


def test_links_in_mail_to_the_servers_own_address_are_reported(cli: Cli, monkeypatch: Environment) -> None:
    well = "not set: links use the address of the request, and in mail the host of the portal"
    assert find_well(cli, "address") == well
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "feedback@example.com")
    with run_sink() as sink:
        monkeypatch.setenv("EARSHOT_SMTP_URL", f"smtp://127.0.0.1:{sink.port}?starttls=off")

        assert find_problem(cli, "address") == (
            "not set, and the portal has no host: links in mail lead to EARSHOT_HOST, which readers can't open",
            "set EARSHOT_BASE_URL to the public address, such as https://feedback.example.com",
        )

        cli.json("portals", "set", "host", "feedback.example.com")
        assert find_well(cli, "address") == well
        monkeypatch.setenv("EARSHOT_BASE_URL", "http://localhost:8000")
        assert find_problem(cli, "address") == (
            "links in mail lead to http://localhost:8000, which only this machine can open",
            "set EARSHOT_BASE_URL to the public address, such as https://feedback.example.com",
        )


def test_workers_without_shared_counters_are_reported(cli: Cli, monkeypatch: Environment) -> None:
    monkeypatch.setenv("EARSHOT_WORKERS", "2")

    state, _ = find_problem(cli, "settings")

    assert state.startswith("EARSHOT_WORKERS=2 needs EARSHOT_REDIS_URL, because all processes count together")


def test_the_store_of_rate_limits_is_reported(cli: Cli, monkeypatch: Environment) -> None:
    assert find_well(cli, "limits") == "counted in the memory of one process"
    monkeypatch.setenv("EARSHOT_RATE_LIMITS", "off")
    assert find_well(cli, "limits") == "off: no client is limited (EARSHOT_RATE_LIMITS)"


def test_a_database_of_a_newer_version_is_reported(cli: Cli, rows: Rows) -> None:
    rows("UPDATE alembic_version SET version_num = 'unheard_of' RETURNING version_num")
    try:
        problem = find_problem(cli, "database")
    finally:
        rows("UPDATE alembic_version SET version_num = :held RETURNING version_num", held=HEAD)

    assert problem == (
        f"the database is of a newer Earshot (revision unheard_of; this one knows {HEAD})",
        "start that version, or restore a backup",
    )
    assert find_well(cli, "database").endswith(f"revision {HEAD}")


def test_a_collector_that_accepts_no_spans_is_reported(cli: Cli, monkeypatch: Environment) -> None:
    url = f"http://me:hidden@127.0.0.1:{free_port()}"
    monkeypatch.setenv("EARSHOT_OTLP_URL", url)

    assert find_problem(cli, "spans") == (
        f"{url.replace('hidden', '***')} accepts none",
        "check that the collector runs, accepts OTLP over HTTP, and that EARSHOT_OTLP_URL is right",
    )
    collector: Collector
    with collecting() as collector:
        monkeypatch.setenv("EARSHOT_OTLP_URL", collector.url)
        assert find_well(cli, "spans") == f"{collector.url} accepts them"
    assert collector.spans == []


def test_a_mail_server_that_rejects_the_login_is_reported(cli: Cli, monkeypatch: Environment) -> None:
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "feedback@example.com")
    cli.json("portals", "set", "host", "feedback.example.com")
    assert find_well(cli, "mail") == "not set: no email is sent"
    with run_sink(login=True) as sink:
        url = f"smtp://feedback%40example.com:{{}}@127.0.0.1:{sink.port}?starttls=off"
        monkeypatch.setenv("EARSHOT_SMTP_URL", url.format("wrong-password"))
        assert find_problem(cli, "mail") == (
            f"no email can be sent: 127.0.0.1:{sink.port} rejected the user and the password of EARSHOT_SMTP_URL: "
            "535 5.7.8 Authentication credentials invalid",
            "correct EARSHOT_SMTP_URL; to see the conversation: earshot mail test ADDRESS",
        )
        monkeypatch.setenv("EARSHOT_SMTP_URL", url.format(quote(PASSWORD, safe="")))
        assert find_well(cli, "mail") == f"{url.format('***')} can be used"

    assert find_problem(cli, "mail")[0] == (
        f"no email can be sent: 127.0.0.1:{sink.port} refuses connections, so check host and port of EARSHOT_SMTP_URL"
    )
    assert set(sink.commands) == {"QUIT"}

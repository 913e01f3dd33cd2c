"""What the first start makes, and what later starts print."""

import json
import re

import pytest

from tests.server.test_banner import curl, curl_lines, start_and_end
from tests.support.commands import Earshot, Serving


def test_only_the_first_start_prints_the_keys(earshot: Earshot) -> None:
    first = start_and_end(earshot)
    second = start_and_end(earshot)

    assert re.search(r"^  ProductLift  1\|[0-9A-Za-z]{40}$", first.output, flags=re.MULTILINE)
    link = rf"^  {re.escape(first.address)}/sign-in/link\?token=[\w-]{{43}}$"
    assert re.search(link, first.output, flags=re.MULTILINE)
    assert re.search(r"^  Astuto       tkn_admin_[1-9A-HJ-NP-Za-km-z]{30}$", first.output, flags=re.MULTILINE)
    lines = second.output.splitlines()
    where = lines[2].removeprefix("  database   ")
    assert lines[0].startswith("Earshot ")
    assert lines[1:] == [
        f"  address    {second.address}  (interactive documents: {second.address}/docs)",
        f"  database   {where}",
        f"  data       {earshot.folder}/data",
        "  uploads    in the data directory",
        "  mail       not configured, emails stay queued (EARSHOT_SMTP_URL)",
        "  limits     ProductLift 60 in 60 s a key; Astuto 100 in 300 s a key, 100 in 300 s an address; "
        "counted in this process",
        "  processes  1",
    ]
    assert where == f"SQLite, {earshot.folder}/data/earshot.db" or where.startswith("PostgreSQL, ")


def test_the_keys_are_not_logged(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        for line in curl_lines(serving):
            curl(line)
        assert serving.end() == 0

    logged = serving.log.read_text()
    keys = re.findall(r"Bearer (\S+)'", serving.output)
    assert len(keys) == 2
    keys_and_token = [*keys, *re.findall(r"token=(\S+)", serving.output)]
    assert len(keys_and_token) == 3
    assert [secret for secret in keys_and_token if secret in logged] == []
    *lines, last = [json.loads(line) for line in logged.splitlines()]
    assert (last["logger"], last["level"], last["event"]) == ("earshot.serving", "info", "ended")
    assert [
        (line["dialect"], line["portal"], line["key"], line["method"], line["route"], line["status"]) for line in lines
    ] == [
        ("productlift", 1, "1|", "GET", "/posts", 200),
        ("astuto", 1, keys[1][:16], "GET", "/posts", 200),
    ]


def startup_warnings(serving: Serving) -> list[tuple[str, str]]:
    """The warnings of a server that has ended, each with its remedy."""
    lines = map(json.loads, serving.log.read_text().splitlines())
    return [(line["event"], line["remedy"]) for line in lines if line["level"] == "warning"]


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_a_start_logs_the_problems_that_the_doctor_finds_in_settings(sqlite: Earshot, everybody: str) -> None:
    serving = start_and_end(sqlite, EARSHOT_LIMIT_ASTUTO_KEYS="5/minute", EARSHOT_TRUSTED_PROXIES=everybody)

    report = json.loads(
        sqlite.run("doctor", "--json", EARSHOT_LIMIT_ASTUTO_KEYS="5/minute", EARSHOT_TRUSTED_PROXIES=everybody).out
    )
    assert startup_warnings(serving) == [
        (each["state"], each["remedy"]) for each in report["findings"] if not each["well"]
    ]
    assert startup_warnings(serving) == [
        (
            "EARSHOT_LIMIT_ASTUTO_KEYS is set, but is not a setting",
            "did you mean EARSHOT_LIMIT_ASTUTO_KEY? `earshot settings` lists all names",
        ),
        (
            f"{everybody} trusts every client: each can send any address, so limits per address have no effect",
            "set EARSHOT_TRUSTED_PROXIES to the addresses from which your proxies connect, and no others",
        ),
    ]


def read_owner(earshot: Earshot) -> tuple[str, str]:
    """The address and the name of the only user."""
    (user,) = json.loads(earshot.run("users", "list", "--json").out)["users"]
    return user["email"], user["name"]


def test_only_the_first_start_uses_the_name_and_email_of_the_owner(earshot: Earshot) -> None:
    first = start_and_end(earshot, "--owner-name", "Jane Roe", EARSHOT_OWNER_EMAIL="Jane@Example.com")
    later = start_and_end(earshot, "--owner-email", "joe@example.com", EARSHOT_OWNER_NAME="Joe Roe")

    assert first.output.startswith("This is a new portal, owned by jane@example.com. ")
    assert "joe@example.com" not in later.output
    assert read_owner(earshot) == ("jane@example.com", "Jane Roe")


def test_an_option_for_the_owner_precedes_the_setting(sqlite: Earshot) -> None:
    start_and_end(sqlite, "--owner-email", "jane.roe@example.com", EARSHOT_OWNER_EMAIL="joe@example.com")

    assert read_owner(sqlite) == ("jane.roe@example.com", "Jane Roe")


@pytest.mark.parametrize(
    ("options", "settings", "code", "message"),
    [
        (
            ["--owner-email", "nobody"],
            {},
            2,
            "Invalid value for '--owner-email': must be an e-mail address such as jane@example.com, of at most 255 "
            "characters",
        ),
        (["--owner-name", " "], {}, 2, "Invalid value for '--owner-name': must not be blank"),
        (
            [],
            {"EARSHOT_OWNER_EMAIL": "nobody"},
            1,
            "earshot: EARSHOT_OWNER_EMAIL=nobody (from the environment): must be an e-mail address of at most 255 "
            "characters\n  -> write one such as jane@example.com",
        ),
        (
            [],
            {"EARSHOT_OWNER_NAME": "Jane\nRoe"},
            1,
            "earshot: EARSHOT_OWNER_NAME=Jane Roe (from the environment): must be plain text of 1 to 255 characters\n"
            "  -> write the owner's name on one line",
        ),
    ],
)
def test_an_invalid_owner_is_rejected_before_anything_is_written(
    options: list[str], settings: dict[str, str], code: int, message: str, sqlite: Earshot
) -> None:
    done = sqlite.run("serve", *options, **settings)

    assert (done.code, done.out) == (code, "")
    assert done.err.rstrip("\n").rpartition("Error: ")[2] == message
    assert list(sqlite.folder.iterdir()) == []

"""What a start prints: requests to paste, addresses, and whether a demo was made."""

import json
import subprocess

import pytest

from tests.support.commands import Earshot, Serving
from tests.support.processes import free_port


def start_and_end(earshot: Earshot, *arguments: str, **settings: str) -> Serving:
    """Start a server and end it at once; it has printed its output."""
    with earshot.serving(*arguments, **settings) as serving:
        assert serving.end() == 0
    return serving


# Commands run unchanged, and print the status of the response in a last line.
PRINT_STATUS = """curl() { command curl --silent --show-error --write-out '\\n%{http_code}' "$@"; }"""


def curl(line: str, *shell: str) -> object:
    """Run a printed command in a shell, by default sh, as if it were pasted; the body of its response, a 200."""
    script = f"{PRINT_STATUS}\n{line}"
    done = subprocess.run([*(shell or ["sh"]), "-c", script], capture_output=True, text=True, timeout=60, check=True)
    body, _, status = done.stdout.rpartition("\n")
    assert status == "200", done.stdout
    return json.loads(body)


def curl_lines(serving: Serving) -> list[str]:
    return [line for line in serving.output.splitlines() if line.startswith("  curl ")]


def test_the_first_start_prints_two_working_curl_commands(earshot: Earshot) -> None:
    with earshot.serving() as serving:
        of_productlift, of_astuto = curl_lines(serving)

        assert curl(of_productlift) == {"data": [], "hasMore": False, "total": 0, "skip": 0, "limit": 10}
        assert curl(of_astuto) == []
        assert serving.end() == 0


@pytest.mark.parametrize("host", ["::1", "0.0.0.0"])
def test_the_printed_commands_have_the_address_of_the_server(host: str, sqlite: Earshot) -> None:
    with sqlite.serving("--host", host) as serving:
        of_productlift, of_astuto = curl_lines(serving)

        # As in other shells, a pattern that matches no file is an error: the brackets of an IPv6 address need quotes.
        assert curl(of_productlift, "bash", "-O", "failglob") == {
            "data": [],
            "hasMore": False,
            "total": 0,
            "skip": 0,
            "limit": 10,
        }
        assert curl(of_astuto, "bash", "-O", "failglob") == []
        assert serving.end() == 0


def test_a_start_reports_addresses_public_url_and_missing_redis(sqlite: Earshot) -> None:
    redis = f"redis://127.0.0.1:{free_port()}/0"
    settings = {"EARSHOT_BASE_URL": "https://feedback.example.com", "EARSHOT_REDIS_URL": redis}

    serving = start_and_end(sqlite, "--host", "0.0.0.0", **settings)

    lines = serving.output.splitlines()
    assert "  listens    on all addresses of this machine" in lines
    assert "  public     https://feedback.example.com" in lines
    assert any(line.startswith("  https://feedback.example.com/sign-in/link?token=") for line in lines)
    assert "  Redis      does not answer; until it does, each process counts separately" in lines
    assert "Other commands: earshot --help lists them; in a checkout type ./manage earshot --help" in lines


def test_a_start_reports_the_mail_server_and_that_another_process_delivers(sqlite: Earshot) -> None:
    serving = start_and_end(
        sqlite,
        EARSHOT_SMTP_URL="smtps://jane:s3cret@mail.example.com",
        EARSHOT_MAIL_FROM="Feedback <feedback@example.com>",
        EARSHOT_OUTBOX="off",
    )

    lines = serving.output.splitlines()
    assert "  mail       mail.example.com:465, from feedback@example.com" in lines
    assert "  outbox     off (EARSHOT_OUTBOX); `earshot outbox run` delivers" in lines


def test_the_demo_is_added_to_an_empty_database_only(earshot: Earshot) -> None:
    with earshot.serving("--demo") as first:
        of_productlift, of_astuto = curl_lines(first)
        posts = curl(of_productlift)
        assert isinstance(posts, dict)
        assert (posts["total"], len(posts["data"])) == (200, 10)
        newest = curl(of_astuto)
        assert isinstance(newest, list)
        assert len(newest) == 20
        assert first.end() == 0
    second = start_and_end(earshot, "--demo")

    assert second.output.splitlines()[0] == "--demo is ignored: the database has data already, which is not changed."
    assert json.loads(earshot.run("counters", "--json").out) == {"differences": [], "repaired": False}

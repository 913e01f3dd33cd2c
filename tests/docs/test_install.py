"""The commands of docs/operating/install.md, on a server that has just started for the first time."""

import re
import shlex

import httpx

from tests.docs.test_readme import ADDRESS, keys_of
from tests.server.test_banner import curl
from tests.support.checkout import ROOT
from tests.support.commands import Earshot

PAGE = (ROOT / "docs" / "operating" / "install.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## After the first start\n")[2]


def list_block_lines(program: str) -> list[str]:
    """The commands of the indented blocks of the section that start this program."""
    return [line.strip() for line in SECTION.splitlines() if re.match(rf" {{4,}}{program} ", line)]


def test_the_first_requests_work_with_the_printed_keys(sqlite: Earshot) -> None:
    requests = list_block_lines("curl")
    with sqlite.serving() as serving:
        keys = " ".join(f"{name}={shlex.quote(key)}" for name, key in keys_of(serving).items())
        bodies = [curl(f"{keys}\n{line.replace(ADDRESS, serving.address)}") for line in requests]
        assert serving.end() == 0

    assert bodies == [{"data": [], "hasMore": False, "total": 0, "skip": 0, "limit": 10}, []]


def test_the_steps_after_the_first_start_leave_the_server_reachable_at_its_address(sqlite: Earshot) -> None:
    commands = [shlex.split(line)[1:] for line in list_block_lines("earshot")]
    assert ["portals", "set", "title", "Ideas for Acme"] in commands
    assert commands[-1] == ["doctor"]
    with sqlite.serving() as serving:
        key = keys_of(serving)["ASTUTO_KEY"]

        for arguments in commands:
            done = sqlite.run(*arguments)
            assert done.code == 0, (arguments, done.out, done.err)

        response = httpx.get(f"{serving.address}/api/v1/posts", headers={"authorization": f"Bearer {key}"}, timeout=30)
        assert serving.end() == 0
    assert response.status_code == 200


def test_a_portal_with_a_host_rejects_requests_to_another_address_until_the_host_is_removed(sqlite: Earshot) -> None:
    assert "`earshot portals set host none` removes the host" in SECTION
    with sqlite.serving() as serving:
        headers = {"authorization": f"Bearer {keys_of(serving)['ASTUTO_KEY']}"}
        assert serving.end() == 0
    statuses = []
    for host in ("feedback.example.com", "none"):
        assert sqlite.run("portals", "set", "host", host).code == 0
        with sqlite.serving() as serving:
            statuses.append(httpx.get(f"{serving.address}/api/v1/posts", headers=headers, timeout=30).status_code)
            assert serving.end() == 0

    assert statuses == [401, 200]

"""README: its commands are run, its addresses are opened, and its first lines have what a newcomer needs."""

import re
import shlex
import subprocess
from pathlib import Path

import httpx
from PIL import Image

from tests.server.test_banner import PRINT_STATUS, curl_lines
from tests.support.checkout import ROOT
from tests.support.commands import Earshot, Serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
FIRST_SCREEN_LINES = 46


def read_section(heading: str) -> str:
    """The text below a heading, up to the next one."""
    _, found, rest = README.partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


def list_commands(text: str, program: str) -> list[str]:
    """The commands of the shell blocks that start this program, each in one line and without its comment."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.partition("    #")[0].strip() for line in lines if line.startswith(f"{program} ")]


def keys_of(serving: Serving) -> dict[str, str]:
    """The keys that a first start prints, in the variables of README."""
    names = {"ProductLift": "PRODUCTLIFT_KEY", "Astuto": "ASTUTO_KEY"}
    lines = re.findall(r"^  (ProductLift|Astuto) +(\S+)$", serving.output, flags=re.MULTILINE)
    return {names[dialect]: key for dialect, key in lines}


def test_the_first_screen_has_commands_screenshot_and_requests() -> None:
    first_screen = "\n".join(README.splitlines()[:FIRST_SCREEN_LINES])

    assert list_commands(first_screen, "git") == ["git clone URL earshot && cd earshot"]
    assert list_commands(first_screen, "./manage") == ["./manage serve --demo"]
    assert len(list_commands(first_screen, "curl")) >= 2
    assert "<img " in first_screen


def test_the_pictures_show_desktop_and_phone_in_both_themes() -> None:
    pictures = re.findall(r'<img src="([^"]+)" width="\d+%" alt="([^"]+)">', README)

    names = ("home-desktop-light", "roadmap-desktop-dark", "post-phone-light")
    assert [file for file, _ in pictures] == [f"docs/screenshots/{name}.webp" for name in names]
    for file, description in pictures:
        assert len(description) > len("A page")
        with Image.open(ROOT / file) as image:
            assert image.format == "WEBP"


def test_the_first_requests_are_those_that_the_first_start_prints(sqlite: Earshot) -> None:
    with sqlite.serving() as serving:
        printed = [shlex.split(line) for line in curl_lines(serving)]
        keys = keys_of(serving)
        address = serving.address
        assert serving.end() == 0
    assert set(keys) == {"PRODUCTLIFT_KEY", "ASTUTO_KEY"}

    commands = list_commands(read_section("A first request in each dialect"), "curl")[:2]

    for name, key in keys.items():
        commands = [command.replace(f"${name}", key) for command in commands]
    assert [shlex.split(command.replace(ADDRESS, address)) for command in commands] == printed


def test_the_requests_work_with_the_keys_of_the_first_start(sqlite: Earshot) -> None:
    requests = list_commands(README, "curl")
    with sqlite.serving("--demo") as serving:
        script = "\n".join([PRINT_STATUS, *requests]).replace(ADDRESS, serving.address)
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            cwd=ROOT,
            env={"PATH": sqlite.env({})["PATH"], **keys_of(serving)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert serving.end() == 0

    assert done.returncode == 0, done.stderr
    # The output of a command ends with the status of its response.
    statuses = re.findall(r"^(\d{3})(?=\{|\[|$)", done.stdout, flags=re.MULTILINE)
    assert statuses == ["200", "200", "200", "201"], done.stdout


def test_the_addresses_for_a_browser_show_pages(sqlite: Earshot) -> None:
    urls = re.findall(rf"^\| \[`(/.*)`\]\({ADDRESS}(/.*?)\) \|", read_section("In a browser"), flags=re.MULTILINE)
    assert [path for path, _ in urls] == ["/", "/login", "/docs", "/productlift/api/v1/docs", "/astuto/api/v1/docs"]
    assert [path for path, url in urls if path != url] == []

    with sqlite.serving() as serving:
        pages = [httpx.get(f"{serving.address}{path}", timeout=30) for path, _ in urls]
        assert serving.end() == 0

    assert [page.status_code for page in pages] == [200] * 5
    assert {page.headers["content-type"] for page in pages} == {"text/html; charset=utf-8"}


def test_the_commands_for_further_keys_create_valid_keys(sqlite: Earshot) -> None:
    commands = list_commands(read_section("Further keys"), "./manage earshot")
    keys = {}
    with sqlite.serving() as serving:
        for command in commands:
            _, _, *arguments = shlex.split(command)
            done = sqlite.run(*arguments)
            assert done.code == 0, done.err
            if arguments[:2] == ["keys", "create"]:
                keys[arguments[-1]] = done.out.strip()
        statuses = [
            httpx.get(
                f"{serving.address}/{dialect}/api/v1/posts", headers={"authorization": f"Bearer {key}"}, timeout=30
            ).status_code
            for dialect, key in keys.items()
        ]
        assert serving.end() == 0

    assert set(keys) == {"productlift", "astuto"}
    assert statuses == [200, 200]


def test_the_durations_of_the_tests_are_those_of_the_page_for_contributors() -> None:
    contributing = " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())
    found = re.search(r"`\./manage test --quick` takes (.+?), and `\./manage test` (.+?)\.", contributing)
    assert found is not None
    quick, full = found.groups()

    section = read_section("Change it")

    assert f"./manage test --quick    # {quick}:" in section
    assert f"./manage test            # {full}:" in section


def test_the_guide_for_contributors_is_not_repeated() -> None:
    assert [word for word in ("tests/", "wrk", "bench", "buildah") if word in README] == []


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    folder = ROOT / "docs"
    pages = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")} - {"README.md"}
    # The operator's guide has an index of its own.
    pages = {page for page in pages if Path(page).parent != Path("operating")} | {"operating/README.md"}

    assert {page for page in pages if f"]({page})" not in index} == set()


def test_the_tasks_of_an_operator_lead_to_the_guide() -> None:
    linked = re.findall(r"\]\(docs/operating/([\w-]+)\.md\)", read_section("Run it for a team"))

    assert linked == [
        "install",
        "containers",
        "postgresql-redis",
        "systemd",
        "proxies",
        "backup",
        "upgrade",
        "sizing",
        "troubleshooting",
        "messages",
        "settings",
        "sign-in",
        "portal-pages",
    ]

"""`earshot portals`, and how every other command chooses one."""

import pytest

from tests.cli.conftest import Cli


def test_a_portal_is_created_with_people_and_keys_of_its_own(cli: Cli) -> None:
    assert cli.json("portals", "create", "--title", "Ideas", "--host", "Ideas.Example.com") == {"id": 2}
    there = ("--portal", "ideas.example.com")
    cli.json("users", "create", "--email", "owner@example.com", "--role", "owner", *there)
    key = cli.json("keys", "create", "--user", "owner@example.com", "--dialect", "astuto", *there)["key"]

    assert key.startswith("tkn_admin_")
    assert [len(cli.json("users", "list", "--portal", portal)["users"]) for portal in ("1", "2")] == [1, 1]
    assert [board["name"] for board in cli.json("boards", "list", *there)["boards"]] == [
        "Feature Requests",
        "Bug Reports",
    ]
    first, second = cli.json("portals", "list")["portals"]
    assert (first["title"], first["host"]) == ("Feedback", None)
    assert second.pop("guid")
    assert second == {
        "id": 2,
        "title": "Ideas",
        "locale": "en",
        "host": "ideas.example.com",
        "default_dialect": None,
        "moderation_policy": "anonymous",
    }


def test_with_several_portals_one_must_be_named(cli: Cli) -> None:
    cli.json("portals", "create", "--title", "Ideas", "--host", "ideas.example.com")

    assert cli.refusal("users", "list") == (
        "there are several portals: choose one with --portal HOST_OR_ID from without host (1), ideas.example.com (2)"
    )
    assert cli.refusal("users", "list", "--portal", "3") == "there is no portal 3: `earshot portals list` names them"
    assert cli.refusal("portals", "create", "--title", "Again", "--host", "ideas.example.com") == (
        "another portal has this host"
    )
    assert len(cli.json("portals", "list")["portals"]) == 2


@pytest.mark.parametrize(
    ("setting", "value", "member", "kept"),
    [
        ("moderation-policy", "always", "moderation_policy", "always"),
        ("title", "Ideas", "title", "Ideas"),
        ("host", "Feedback.Example.com", "host", "feedback.example.com"),
        ("default-dialect", "astuto", "default_dialect", "astuto"),
        ("locale", "de", "locale", "de"),
    ],
)
def test_a_setting_of_a_portal_is_changed(cli: Cli, setting: str, value: str, member: str, kept: str) -> None:
    before = cli.json("portals", "list")["portals"][0]

    assert cli.json("portals", "set", setting, value) == {**before, member: kept}


def test_a_host_and_a_dialect_are_taken_away(cli: Cli) -> None:
    before = cli.json("portals", "list")["portals"]
    for setting, value in (("host", "feedback.example.com"), ("default-dialect", "astuto")):
        cli.json("portals", "set", setting, value)
        cli.json("portals", "set", setting, "none")

    assert cli.json("portals", "list")["portals"] == before


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("moderation-policy", "sometimes", "moderation-policy must be one of never, anonymous, always"),
        ("host", "https://example.com/", "must be a host alone, such as feedback.example.com"),
        ("default-dialect", "latin", "default-dialect must be one of productlift, astuto"),
        ("colour", "blue", "must be one of title, host, moderation-policy, default-dialect, locale"),
        ("title", " ", "must not be blank"),
    ],
)
def test_what_no_setting_can_be_is_wrong_usage(cli: Cli, setting: str, value: str, told: str) -> None:
    assert told in cli.misuse("portals", "set", setting, value)

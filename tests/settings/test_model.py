"""Settings: an error is one line, each value is reported with its source, and no secret is reported."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from app import backends
from app.adapters.rate_limiter import RateLimit
from app.settings import InvalidSettings, Settings
from tests.support.checkout import ROOT
from tests.support.messages import is_documented

NO_LIMIT = (
    "must be a number of requests in a window from 1 second to 1 day, or off: "
    "write it as 60/minute, 100/5minutes or off"
)
NO_COUNT = "must be a whole number from 1 to 100000, or off: write a number such as 256, or off"
NO_LIMITS = (
    "many",
    "60",
    "60 per minute",
    "0/minute",
    "-1/minute",
    "60/0minutes",
    "60/fortnight",
    "60/month",
    "60/minutely",
    "60/minute, 5/second",
    "1/25hours",
    "1/2days",
    "1000000001/minute",
    "\u0666\u0660/minute",
)


ESCAPES = "in user and password write : / ? # @ as %3A %2F %3F %23 %40"
NO_QUERY = "must end with its host or path: remove the ? or the # and all after it"
NO_ADDRESS = "must be an http or https address with a host: write an address such as https://feedback.example.com"
NO_REDIS = f"its host can't be parsed: write it as redis://host:6379/0; {ESCAPES}"
SMTP_FORM = "write it as smtp://user:password@host:587 or smtps://user:password@host"
NO_STARTTLS = (
    "may have starttls=required, optional or off after the question mark, and nothing else: "
    "remove the rest, or write it as smtp://host:587?starttls=required"
)
NO_PATHS = (
    "//feedback",
    "/a//b",
    "/feed%62ack",
    "/%2e%2e",
    "/a/../b",
    "/./a",
    "/.hidden",
    "/a;b",
    "/ü",
    "/a:b",
    "/a&b",
)
NO_PATH = (
    "its path may have letters, digits and - _ ~ . between single slashes: "
    "write a plain path, such as https://example.com/feedback"
)
OWN_PATH = (
    "its path must not begin with /{}, which the server has itself: write the address without /api/v1, "
    "or choose another path"
)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "DATABASE_URL",
            "mysql://here",
            "must begin with sqlite:/// or postgresql://: write sqlite:///path or postgresql://user:password@host/name",
        ),
        ("DATABASE_URL", "sqlite:///:memory:", "must name a file: write a path, such as sqlite:///data/earshot.db"),
        ("DATABASE_URL", "sqlite:///", "must name a file: write a path, such as sqlite:///data/earshot.db"),
        (
            "DATABASE_URL",
            "postgresql://me:sec/ret@host/name",
            f"its host and port can't be parsed: {ESCAPES}",
        ),
        ("PORT", "http", "must be a whole number: write a number from 0 to 65535"),
        ("PORT", "70000", "must be at most 65535: write a number from 0 to 65535"),
        ("PORT", "-1", "must be at least 0: write a number from 0 to 65535"),
        ("DRAIN_SECONDS", "soon", "must be a number: write a number from 0 to 60"),
        ("DRAIN_SECONDS", "nan", "must be at most 60: write a number from 0 to 60"),
        ("WORKERS", "9" * 5000, "must be a whole number: write a number from 1 to 64"),
        *(("LIMIT_PRODUCTLIFT", value, NO_LIMIT) for value in NO_LIMITS),
        (
            "REDIS_URL",
            "localhost",
            "must begin with redis://, rediss:// or unix://: write it as redis://127.0.0.1:6379/0",
        ),
        ("REDIS_URL", "redis://host:port/0", NO_REDIS),
        ("REDIS_URL", "unix://me:se/cret@/run/redis", NO_REDIS),
        (
            "SECRET_KEY",
            "please change this secret to another",
            "must be at least 32 random characters: make one with: openssl rand -hex 32",
        ),
        *(
            (
                name,
                "my proxy",
                "my proxy is no IP address or network: "
                "write addresses such as 10.0.0.1 or networks such as 10.0.0.0/8, separated by commas",
            )
            for name in ("TRUSTED_PROXIES", "OUTBOUND_ALLOW")
        ),
        ("BASE_URL", "example.com", NO_ADDRESS),
        ("BASE_URL", "https://", NO_ADDRESS),
        ("BASE_URL", "https://exam ple.com", NO_ADDRESS),
        ("BASE_URL", 'https://a"b.example.com', NO_ADDRESS),
        ("BASE_URL", "https://example.com/feed\nback", NO_ADDRESS),
        ("BASE_URL", "https://example.com\\feedback", NO_ADDRESS),
        *(("BASE_URL", f"https://example.com{end}", NO_QUERY) for end in ("?", "/feedback?a=b", "#a", "/feedback/#")),
        *(("BASE_URL", f"https://example.com{path}", NO_PATH) for path in NO_PATHS),
        ("BASE_URL", f"https://example.com/{'x' * 80}", "its path may have at most 80 characters: use a shorter path"),
        ("BASE_URL", f"https://{'x' * 250}.com", "must have at most 255 characters: use a shorter address"),
        *(
            ("BASE_URL", f"https://example.com/{path}", OWN_PATH.format(path.partition("/")[0]))
            for path in ("api/v1", "api", "productlift/api/v1/", "p", "static", "health/feedback")
        ),
        *(
            ("SMTP_URL", value, f"must begin with smtp:// or smtps://, and have a host: {SMTP_FORM}")
            for value in ("mail.example.com", "https://mail.example.com", "mail.example.com:25")
        ),
        *(
            (
                "SMTP_URL",
                value,
                f"its host and port can't be parsed: write it as smtp://user:password@host:587; {ESCAPES}",
            )
            for value in ("smtp://", "smtp://me:se/cret@host", "smtp://host:port", "smtp://ho st", "smtp://host:0")
        ),
        *(
            ("SMTP_URL", value, f"must end with its host and port, or with ?starttls=…: {SMTP_FORM}")
            for value in ("smtp://host/path", "smtp://host#fragment")
        ),
        *(
            ("SMTP_URL", value, "has only one of user and password: write both, or none of them")
            for value in ("smtp://user@host", "smtp://:password@host", "smtp://user:@host")
        ),
        *(
            ("SMTP_URL", f"smtp://host?{query}", NO_STARTTLS)
            for query in ("starttls=yes", "tls=required", "starttls", "starttls=off&timeout=3", "starttls=")
        ),
        (
            "SMTP_URL",
            "smtps://host?starttls=required",
            "is encrypted from its first byte, so it can't have starttls: remove ?starttls=…, or write smtp://",
        ),
        *(
            (
                "SMTP_URL",
                f"smtp://me:secret@{host}?starttls={mode}",
                "would send the password over the network without encryption: "
                "write ?starttls=required or smtps://, or remove user and password",
            )
            for host in ("mail.example.com", "192.0.2.1:25", "[2001:db8::1]")
            for mode in ("off", "optional")
        ),
        *(
            (
                "MAIL_FROM",
                value,
                "must be an e-mail address, or a name and an address in angle brackets: "
                "write it as feedback@example.com, or as Feedback <feedback@example.com>",
            )
            for value in (
                "Feedback",
                "Feedback <feedback@example.com",
                "<>",
                "a@b@c",
                "Feedback\nBcc: <feedback@example.com>",
                "a@example.com, b@example.com",
                f"{'x' * 320} <feedback@example.com>",
            )
        ),
        ("RATE_LIMITS", "perhaps", "must be on or off: write on or off"),
        ("LOG_CLIENT_IP", "perhaps", "must be on or off: write on or off"),
        *(
            ("CONNECTIONS_PER_IP", value, NO_COUNT)
            for value in ("0", "-1", "none", "1.5", "100001", "10000000000", "\u0666")
        ),
        ("DEFAULT_DIALECT", "esperanto", "must be productlift or astuto: write productlift or astuto"),
    ],
)
def test_an_invalid_setting_is_reported_with_the_remedy(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"EARSHOT_{name}", value)

    with pytest.raises(InvalidSettings) as refusal:
        Settings.load()

    assert str(refusal.value).startswith(f"EARSHOT_{name}=")
    assert str(refusal.value).partition(" (from the environment): ")[2] == message
    assert is_documented(refusal.value.state)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("PORT", "http", "http"),
        ("PORT", "9" * 200, f"{'9' * 100}…"),
        ("HOST", "a\0b", None),
        ("BASE_URL", "https://me:secret@host/path", "https://me:***@host/path"),
        ("DATABASE_URL", "mysql://me:secret@host/name?password=sec&ret", "mysql://me:***@host/name?…"),
        ("DATABASE_URL", "postgresql://me:sec/ret@host/name", "postgresql://me:***@host/name"),
        ("SECRET_KEY", "short", "***"),
        ("SMTP_URL", "ftp://me:secret@host", "ftp://me:***@host"),
        ("BASE_URL", "https://a\nb", "https://a b"),
        ("PORT", "\udcff", "\\udcff"),
    ],
)
def test_an_invalid_value_is_shown_in_one_line_without_secrets(
    name: str, value: str, shown: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shown is None:
        # The environment can't have such a value.
        (tmp_path / ".env").write_text(f"EARSHOT_{name}={value}\n")
    else:
        monkeypatch.setenv(f"EARSHOT_{name}", value)

    with pytest.raises(InvalidSettings) as refusal:
        Settings.load()

    if shown is None:
        assert refusal.value.state.endswith(" (from the file .env): has a NUL character")
        return
    assert refusal.value.state.startswith(f"EARSHOT_{name}={shown} (from the environment): ")
    assert "\n" not in str(refusal.value)


def test_an_invalid_value_is_reported_with_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("EARSHOT_WORKERS=none\n")

    with pytest.raises(InvalidSettings) as in_file:
        Settings.load()
    with pytest.raises(InvalidSettings) as option:
        Settings.load(workers=65)
    monkeypatch.setenv("EARSHOT_WORKERS", "0")
    with pytest.raises(InvalidSettings) as in_environment:
        Settings.load()

    assert [each.value.state for each in (in_file, option, in_environment)] == [
        "EARSHOT_WORKERS=none (from the file .env): must be a whole number",
        "EARSHOT_WORKERS=65 (from --workers): must be at most 64",
        "EARSHOT_WORKERS=0 (from the environment): must be at least 1",
    ]


UNCHECKED = {"database_password_file", "data_dir", "host", "metrics_host", "astuto_secret", "owner_name", "storage_url"}
"""Any text is a valid value, or is checked where it is used."""


@pytest.mark.parametrize("field", sorted(Settings.model_fields.keys() - UNCHECKED))
@pytest.mark.parametrize("value", ["\u2603", "-1"])
def test_every_setting_explains_an_invalid_value(field: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"EARSHOT_{field.upper()}", value)

    with pytest.raises(InvalidSettings) as refusal:
        Settings.load()

    assert is_documented(refusal.value.state), refusal.value.state


@pytest.mark.parametrize(
    ("text", "rate_limit"),
    [
        ("60/minute", (60, 60)),
        ("100/5minutes", (100, 300)),
        ("1/second", (1, 1)),
        ("5/hour", (5, 3600)),
        ("1000000000/day", (10**9, 86400)),
        ("7/86400seconds", (7, 86400)),
        ("off", None),
        ("OFF", None),
    ],
)
def test_a_rate_limit_has_a_number_of_requests_and_a_window(text: str, rate_limit: tuple[int, int] | None) -> None:
    settings = Settings.load(limit_productlift=text)

    assert RateLimit.parse(settings.limit_productlift) == rate_limit


@pytest.mark.parametrize(("text", "count"), [("1", 1), ("100000", 100_000), ("off", "off"), (None, 256)])
def test_a_connection_limit_is_a_number_or_off(text: str | None, count: object) -> None:
    settings = Settings.load(connections_per_ip=text)

    assert settings.connections_per_ip == count
    described = {row["name"]: row["value"] for row in settings.describe()}
    assert described["EARSHOT_CONNECTIONS_PER_IP"] == str(count)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("https://example.com///", "https://example.com"),
        ("https://example.com:8443/feedback", "https://example.com:8443/feedback"),
        ("https://example.com/feedback/", "https://example.com/feedback"),
        ("https://example.com/a/b-c_d/e.f~1//", "https://example.com/a/b-c_d/e.f~1"),
        ("http://[::1]:8000/feedback", "http://[::1]:8000/feedback"),
        ("https://example.com/apis", "https://example.com/apis"),
    ],
)
def test_a_trailing_slash_is_removed_from_the_public_url(text: str, url: str) -> None:
    assert Settings.load(base_url=text).base_url == url


def test_a_relative_data_directory_is_below_the_current_folder(tmp_path: Path) -> None:
    assert Settings.load(data_dir="kept").database == f"sqlite:///{tmp_path}/kept/earshot.db"
    assert Settings.load().database == f"sqlite:///{tmp_path}/data/earshot.db"


def test_each_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "operating" / "settings.md").read_text(encoding="utf-8")
    documented: dict[str, str] = {}
    for line in page.splitlines():
        if line.startswith("| `EARSHOT_"):
            names, defaults, _ = line.replace("`", "").strip("|").split("|", 2)
            values = defaults.split(",") if "," in defaults else [defaults] * len(names.split(","))
            documented |= zip(map(str.strip, names.split(",")), map(str.strip, values), strict=True)

    described = {row["name"]: (row["value"] or "").removesuffix(".0") for row in Settings.model_construct().describe()}
    assert documented == described


def test_several_workers_require_redis_and_postgresql() -> None:
    with pytest.raises(InvalidSettings) as without_redis:
        Settings.load(workers=2)
    with pytest.raises(InvalidSettings) as on_a_file:
        Settings.load(workers=2, rate_limits=False)

    assert str(without_redis.value) == (
        "EARSHOT_WORKERS=2 needs EARSHOT_REDIS_URL, because all processes count together: "
        "set EARSHOT_REDIS_URL=redis://127.0.0.1:6379/0, or EARSHOT_RATE_LIMITS=off, or one worker"
    )
    assert str(on_a_file.value) == (
        "EARSHOT_WORKERS=2 needs PostgreSQL, because SQLite's file has one writer: "
        "set EARSHOT_DATABASE_URL=postgresql://user:password@host/name, or one worker"
    )


def test_an_unknown_storage_is_reported() -> None:
    with pytest.raises(
        InvalidSettings,
        match=r"^EARSHOT_STORAGE_URL=ftp://here \(from .*\): must be a folder or a bucket: write the path",
    ):
        backends.open_storage(Settings.load(storage_url="ftp://here"))


def test_networks_that_may_be_called_are_read_from_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.load().outbound_networks == ()

    monkeypatch.setenv("EARSHOT_OUTBOUND_ALLOW", "10.1.2.3/16, ::1")

    assert Settings.load().outbound_networks == (ip_network("10.1.0.0/16"), ip_network("::1/128"))

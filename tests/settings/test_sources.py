"""Where the value of a setting comes from: files that it names, the environment, and names that no setting has."""

from pathlib import Path

import pytest

from app.settings import InvalidSettings, Settings, mask_secrets
from tests.support.messages import is_documented


def test_a_removed_setting_is_reported_and_does_not_prevent_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    removed = {"EARSHOT_MAILER": "smtp", "EARSHOT_NOTIFIER": "off"}
    for name, value in removed.items():
        monkeypatch.setenv(name, value)

    Settings.load()

    assert Settings.unknown_names() == list(removed)


def test_a_missing_password_file_is_reported() -> None:
    settings = Settings.load(database_password_file="gone")

    with pytest.raises(InvalidSettings) as refusal:
        _ = settings.database_password

    assert (refusal.value.state, refusal.value.remedy) == (
        "EARSHOT_DATABASE_PASSWORD_FILE=gone can't be read (No such file or directory)",
        "name a text file that this user can read",
    )


@pytest.mark.parametrize("file", ["password", "secret"])
def test_a_file_that_is_not_text_is_reported(tmp_path: Path, file: str) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(b"\xff\xfe")
    settings = Settings.load(database_password_file=path, data_dir=tmp_path)

    with pytest.raises(InvalidSettings) as refusal:
        _ = settings.database_password if file == "password" else settings.secret

    assert is_documented(refusal.value.state)
    assert path.read_bytes() == b"\xff\xfe"


def test_each_value_is_reported_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("EARSHOT_PORT=9000\nEARSHOT_SECRET_KEY=0123456789abcdef0123456789abcdef\n")
    monkeypatch.setenv("EARSHOT_HOST", "0.0.0.0")
    monkeypatch.setenv("EARSHOT_TRUSTED_PROXIES", "10.0.0.1, 10.1.0.0/16")
    monkeypatch.setenv("EARSHOT_SMTP_URL", "smtps://me:secret@mail.example.com")
    monkeypatch.setenv("EARSHOT_MAIL_FROM", "Feedback <feedback@example.com>")
    monkeypatch.setenv("EARSHOT_DATABASE_URL", "postgresql://me:secret@host:5432/name?sslmode=require&sslpassword=deep")

    described = {row["name"]: (row["value"], row["source"]) for row in Settings.load().describe()}

    assert described["EARSHOT_PORT"] == ("9000", ".env")
    assert described["EARSHOT_SECRET_KEY"] == ("***", ".env")
    assert described["EARSHOT_HOST"] == ("0.0.0.0", "environment")
    assert described["EARSHOT_TRUSTED_PROXIES"] == ("10.0.0.1,10.1.0.0/16", "environment")
    assert described["EARSHOT_DATABASE_URL"] == (
        "postgresql://me:***@host:5432/name?sslmode=require&sslpassword=***",
        "environment",
    )
    assert described["EARSHOT_SMTP_URL"] == ("smtps://me:***@mail.example.com", "environment")
    assert described["EARSHOT_MAIL_FROM"] == ("Feedback <feedback@example.com>", "environment")
    assert described["EARSHOT_RATE_LIMITS"] == ("on", "default")
    assert described["EARSHOT_REDIS_URL"] == (None, "default")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://me@host", "redis://me@host"),
        ("redis://me:se@cret@host", "redis://me:***@host"),
        ("s3://key:secret@bucket/prefix?endpoint=https://host", "s3://key:***@bucket/prefix?endpoint=https://host"),
        ("smtp://me:se@cret@host?starttls=required", "smtp://me:***@host?starttls=required"),
        ("unix:///run/redis.sock?password=secret&db=1", "unix:///run/redis.sock?password=***&db=1"),
        ("/var/lib/uploads", "/var/lib/uploads"),
    ],
)
def test_a_url_is_reported_without_its_secrets(address: str, shown: str) -> None:
    assert mask_secrets(address) == shown


def test_a_misspelled_setting_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_PROT", "9000")
    monkeypatch.setenv("EARSHOT_PORT", "9000")

    assert Settings.unknown_names() == ["EARSHOT_PROT"]
    assert Settings.find_similar_name("EARSHOT_PROT") == "EARSHOT_PORT"
    assert Settings.find_similar_name("EARSHOT_NOTIFIER") is None


def test_a_misspelled_setting_in_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("EARSHOT_PROT=9000\nEARSHOT_PORT=9000\nCOMPOSE_PROJECT_NAME=ideas\n")

    assert Settings.unknown_names() == ["EARSHOT_PROT"]

"""The compose file, as a compose implementation reads it: private, gated by health, with nothing secret in it."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings
from tests.support.checkout import ROOT, tool
from tests.support.requirements import need

Compose = dict[str, Any]


def read(**settings: str) -> Compose:
    """Let podman-compose parse and fill in the file: as a dry run, since that asks for no container engine."""
    program = tool("podman-compose")
    need("podman-compose", program, "it parses docker-compose.yml; `./manage test` installs it")
    assert program is not None
    own = {name: value for name, value in os.environ.items() if not name.startswith(("EARSHOT_", "COMPOSE_"))}
    done = subprocess.run(
        [program, "--file", str(ROOT / "docker-compose.yml"), "--env-file", os.devnull, "--dry-run", "config"],
        env={**own, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    parsed: Compose = yaml.safe_load(done.stdout)
    return parsed


@pytest.fixture(scope="module")
def compose() -> Compose:
    return read()


def test_compose_starts_server_database_cache_and_password_service(compose: Compose) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}

    assert images == {
        "earshot": "earshot",
        "database": "postgres:17-bookworm",
        "cache": "valkey/valkey:8",
        "secrets": "postgres:17-bookworm",
    }


def test_only_the_server_publishes_a_port_and_only_on_localhost(compose: Compose) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}

    assert ports == {"earshot": ["127.0.0.1:8000:8000"]}
    assert [name for name, service in compose["services"].items() if "network_mode" in service] == ["secrets"]
    assert compose["services"]["secrets"]["network_mode"] == "none"


def test_each_service_waits_for_its_dependencies(compose: Compose) -> None:
    waits = {
        name: {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        for name, service in compose["services"].items()
    }

    assert waits == {
        "earshot": {
            "secrets": "service_completed_successfully",
            "database": "service_healthy",
            "cache": "service_healthy",
        },
        "database": {"secrets": "service_completed_successfully"},
        "cache": {},
        "secrets": {},
    }
    # The server's own check is in the image.
    tests = {n: s["healthcheck"]["test"] for n, s in compose["services"].items() if "healthcheck" in s}
    assert tests == {
        "database": ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1", "--username=earshot", "--dbname=earshot"],
        "cache": ["CMD", "valkey-cli", "ping"],
    }


def test_persistent_data_is_in_named_volumes(compose: Compose) -> None:
    mounts = {name: service.get("volumes", []) for name, service in compose["services"].items()}

    assert mounts == {
        "earshot": ["data:/data", "secrets:/run/earshot:ro"],
        "database": ["database:/var/lib/postgresql/data", "secrets:/run/earshot:ro"],
        "cache": [],
        "secrets": ["secrets:/run/earshot"],
    }
    assert set(compose["volumes"]) == {"data", "database", "secrets"}


def test_the_compose_file_contains_no_password(compose: Compose) -> None:
    settings = {
        (service, name): value
        for service, description in compose["services"].items()
        for name, value in description.get("environment", {}).items()
    }
    secret = {key: value for key, value in settings.items() if re.search("PASS|SECRET|TOKEN|KEY", key[1])}

    assert secret == {
        ("earshot", "EARSHOT_DATABASE_PASSWORD_FILE"): "/run/earshot/database-password",
        ("database", "POSTGRES_PASSWORD_FILE"): "/run/earshot/database-password",
    }
    assert settings["earshot", "EARSHOT_DATABASE_URL"] == "postgresql://earshot@database:5432/earshot"
    assert settings["earshot", "EARSHOT_REDIS_URL"] == "redis://cache:6379/0"
    assert not any(re.search(r"://[^/@]*:[^/@]*@", str(value)) for value in settings.values())


def test_common_settings_are_read_from_the_environment() -> None:
    values = {
        "EARSHOT_WORKERS": "4",
        "EARSHOT_BASE_URL": "https://feedback.example.com",
        "EARSHOT_TRUSTED_PROXIES": "172.18.0.1",
        "EARSHOT_OWNER_EMAIL": "jane@example.com",
        "EARSHOT_OWNER_NAME": "Jane Roe",
        "EARSHOT_SMTP_URL": "smtp://mail.example.com",
        "EARSHOT_MAIL_FROM": "Feedback <feedback@example.com>",
    }
    unset = read()["services"]["earshot"]["environment"]
    changed = read(**values)["services"]["earshot"]["environment"]

    assert changed == unset | values
    assert [unset[name] for name in values] == ["2", *[""] * 6]


def test_every_setting_of_the_compose_file_is_valid(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = compose["services"]["earshot"]["environment"]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    settings = Settings.load()

    assert set(environment) <= {f"EARSHOT_{name.upper()}" for name in Settings.model_fields}
    assert settings.database == "postgresql://earshot@database:5432/earshot"
    assert settings.database_password_file == Path("/run/earshot/database-password")
    assert (settings.workers, settings.base_url, settings.trusted_proxies) == (2, None, ())
    assert (settings.owner_email, settings.owner_name) == (None, None)
    assert (settings.smtp_url, settings.mail_from) == (None, None)


def create_password(compose: Compose, folder: Path) -> str:
    """Run the service that creates the password in a folder; return the password."""
    service = compose["services"]["secrets"]
    assert service["working_dir"] == "/run/earshot"
    folder.mkdir(exist_ok=True)
    subprocess.run([*service["entrypoint"], *service["command"]], cwd=folder, check=True)
    return (folder / "database-password").read_text()


def test_the_first_start_creates_a_password_and_later_starts_keep_it(compose: Compose, tmp_path: Path) -> None:
    first, second = create_password(compose, tmp_path), create_password(compose, tmp_path)

    assert re.fullmatch("[0-9a-f]{64}", first)
    assert second == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["database-password"]
    # The database and the server read it as two users, neither of them the one that wrote it.
    assert stat.S_IMODE((tmp_path / "database-password").stat().st_mode) == 0o444


def test_each_installation_has_a_different_password(compose: Compose, tmp_path: Path) -> None:
    assert create_password(compose, tmp_path / "one") != create_password(compose, tmp_path / "other")


def test_the_server_can_write_only_its_data_directory(compose: Compose) -> None:
    service = compose["services"]["earshot"]

    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]

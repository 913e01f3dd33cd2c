"""The mail server of the emails that pages promise."""

from pathlib import Path

import pytest

from app.settings import Settings
from tests.support.extra_servers import make_settings


@pytest.fixture
def settings_without_mail(database_url: str, tmp_path: Path) -> Settings:
    """The settings of a server that sends no email."""
    return make_settings(database_url, tmp_path / "data")


@pytest.fixture
def settings(settings_without_mail: Settings) -> Settings:
    """With a mail server, which no test of the pages calls."""
    mail = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "feedback@example.com"}
    return settings_without_mail.model_copy(update=mail)

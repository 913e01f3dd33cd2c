"""The file `.env`: which lines it may have, and how an error in it is reported."""

from pathlib import Path

import pytest

from app.settings import InvalidSettings, Settings
from tests.support.messages import is_documented


def test_an_unreadable_settings_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"EARSHOT_PORT=\xff\xfe")

    with pytest.raises(
        InvalidSettings, match=r"the file /.*/\.env can't be read \(it is not text in UTF-8\): make it a text file"
    ):
        Settings.load()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("EARSHOT_PORT 9000\n", 1),
        ("EARSHOT_HOST\n", 1),
        ("export EARSHOT_HOST\n", 1),
        ("earshot_host\n", 1),
        ("EARSHOT_PORT: 9000\n", 1),
        ("EARSHOT_SECRET_KEY:0123456789abcdef0123456789abcdef\n", 1),
        ("# a comment\n\n\nEARSHOT_PORT=9000\n\n \nEARSHOT_HOST\n", 7),
        ("EARSHOT_PORT=9000\r\n\r\nEARSHOT_HOST localhost\r\n", 3),
        ('EARSHOT_OWNER_NAME="Jane Roe\nEARSHOT_PORT=9000\n', 1),
        ('A="one\ntwo"\nEARSHOT_PORT="9000" x\n', 3),
        ("SOMETHING ELSE\n", 1),
        ("EARSHOT_PORT", 1),
    ],
)
def test_a_malformed_line_of_the_settings_file_is_reported_without_its_text(
    tmp_path: Path, text: str, line: int
) -> None:
    (tmp_path / ".env").write_text(text, newline="")

    with pytest.raises(InvalidSettings) as refusal:
        Settings.load()

    assert refusal.value.state == f"line {line} of the file {tmp_path}/.env is not of the form NAME=value"
    assert refusal.value.remedy.startswith("write it such as EARSHOT_PORT=8000")
    assert is_documented(refusal.value.state)


def test_every_form_of_a_line_that_dotenv_files_may_have_is_accepted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "\ufeff# a comment\n\n  export EARSHOT_PORT=9000 # the port\nEARSHOT_HOST = '0.0.0.0'\n"
        'OTHER_PROGRAM\nexport OTHER\nMULTIPLE_LINES="one\n\nEARSHOT_WORKERS two\n"\nEARSHOT_REDIS_URL=\n'
        'earshot_owner_name="Jane\\tRoe \\"JR\\""\nEARSHOT_DATA_DIR=${NOWHERE:-here}',
        encoding="utf-8",
    )

    with pytest.raises(InvalidSettings, match=r"EARSHOT_OWNER_NAME=Jane Roe \"JR\" \(from the file \.env\)"):
        Settings.load()
    settings = Settings.load(owner_name="Jane Roe")

    assert (settings.port, settings.host, settings.data_dir, settings.redis_url) == (
        9000,
        "0.0.0.0",
        Path("here"),
        None,
    )

"""What is seen of a database before it is used, by a start and by the doctor."""

from pathlib import Path

import pytest

from app.adapters.database import inspection
from app.adapters.database.inspection import DatabaseUnusable, read_revision


async def test_sqlite_without_fts5_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'earshot.db'}"
    assert await read_revision(url) is None

    monkeypatch.setattr(inspection, "has_fts5", lambda: False)

    with pytest.raises(
        DatabaseUnusable, match=r"SQLite [\d.]+ is built without FTS5: use a Python whose SQLite has it"
    ):
        await read_revision(url)

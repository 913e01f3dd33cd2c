"""The command in an empty folder, on a database of each engine, as the tests of serving have it."""

from tests.serving.conftest import compiled, earshot, folder, fresh_postgres, on_postgres, sqlite

__all__ = ["compiled", "earshot", "folder", "fresh_postgres", "on_postgres", "sqlite"]

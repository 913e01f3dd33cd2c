"""The command and its databases, as the tests of serving have them."""

from tests.serving.conftest import compiled, folder, fresh_postgres, on_postgres, sqlite

__all__ = ["compiled", "folder", "fresh_postgres", "on_postgres", "sqlite"]

"""Servers and commands as the tests of their own rooms make them."""

from tests.cli.conftest import cli, surroundings
from tests.serving.conftest import compiled, earshot, folder, fresh_postgres, on_postgres, sqlite

__all__ = ["cli", "compiled", "earshot", "folder", "fresh_postgres", "on_postgres", "sqlite", "surroundings"]

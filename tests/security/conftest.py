"""The command line in the test's process, as its own tests run it."""

from tests.cli.conftest import cli, surroundings

__all__ = ["cli", "surroundings"]

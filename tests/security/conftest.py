"""The command line in the process of the test."""

from tests.cli.conftest import cli, operator_settings

__all__ = ["cli", "operator_settings"]

"""The client of the pages."""

import pytest

from tests.support.clients import Client


@pytest.fixture
def visitor(anyone: Client) -> Client:
    """A client without a key, at the root path."""
    return anyone.of(None, base="")

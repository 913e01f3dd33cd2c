"""The expander of ProductLift's format."""

import pytest

from app.adapters.storage.signed_urls import FileSigner
from app.outbox.webhooks.productlift import ProductLiftExpander
from tests.conftest import SECRET, TestClock


@pytest.fixture
def expander(clock: TestClock) -> ProductLiftExpander:
    return ProductLiftExpander(secret=SECRET.encode(), signer=FileSigner(SECRET.encode(), clock=clock))

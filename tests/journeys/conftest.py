from __future__ import annotations

import pytest

from tests.journeys.product import running


@pytest.fixture(scope="package")
def product():
    """One running product for all journeys: starting it takes a while."""
    with running() as started:
        yield started

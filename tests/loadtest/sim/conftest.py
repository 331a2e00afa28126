"""For tests that simulate a lot."""

from collections.abc import Iterator

import pytest

from loadtest.sim.cluster.simulate import rare_collections


@pytest.fixture(autouse=True, scope="module")
def seldom_collected() -> Iterator[None]:
    """A full collection before each of many small runs takes longer than they do."""
    with rare_collections():
        yield

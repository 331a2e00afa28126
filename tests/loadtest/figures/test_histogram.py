"""A histogram against the values themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.figures.histogram import Histogram

seconds = st.lists(st.floats(1e-6, 3_000), min_size=1, max_size=200)


@given(seconds, st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_a_percentile_is_within_three_digits_of_a_value_that_was_seen(values: list[float], share: float) -> None:
    histogram = Histogram()
    histogram.add(np.array(values))
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    neighbours = sorted(values)
    place = neighbours.index(exact)
    around = neighbours[max(0, place - 1) : place + 2]  # of few values the rank itself is rounded
    found = histogram.percentile_s(share)
    assert any(found == pytest.approx(value, rel=2e-3, abs=2e-6) for value in around)


def test_histograms_merge_without_loss() -> None:
    rng = np.random.default_rng(3)
    values = rng.lognormal(-5, 1, 10_000)
    whole, left, right = Histogram(), Histogram(), Histogram()
    whole.add(values)
    left.add(values[:3_000])
    right.add(values[3_000:])
    left.merge(Histogram.decoded(right.encoded()))
    assert len(left) == len(whole) == 10_000
    assert left.encoded() == whole.encoded()


def test_the_share_above_a_bound_is_counted() -> None:
    histogram = Histogram()
    histogram.add(np.array([0.01] * 90 + [0.3] * 10))
    assert histogram.share_above(0.1) == pytest.approx(0.1)


def test_nothing_has_no_percentile() -> None:
    histogram = Histogram()
    histogram.add(np.empty(0))
    assert (len(histogram), histogram.percentile_s(0.99), histogram.share_above(0)) == (0, 0.0, 0.0)

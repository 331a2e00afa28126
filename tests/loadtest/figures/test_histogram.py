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


def test_rows_are_counted_apart_and_single_values_in_the_first() -> None:
    histogram = Histogram(rows=3, bits=7)
    histogram.add(np.array([0.1, 0.2, 5.0]), np.array([0, 0, 2]))
    for _ in range(5_000):
        histogram.add_one(0.3)
    first, second, third = histogram.percentiles_s(0.5)
    assert (first, third) == (pytest.approx(0.3, rel=2**-6), pytest.approx(5.0, rel=2**-6))
    assert np.isnan(second)
    assert len(histogram) == 5_003


def test_what_is_out_of_range_counts_at_its_end() -> None:
    histogram = Histogram()
    histogram.add(np.array([-1.0, 1e9]))
    assert histogram.percentile_s(0.5) == 0
    assert histogram.percentile_s(1.0) == pytest.approx(3_600, rel=1e-3)


def test_nothing_has_no_length_and_no_percentile() -> None:
    histogram = Histogram()
    histogram.add(np.empty(0))
    assert (len(histogram), histogram.percentile_s(0.99)) == (0, 0.0)

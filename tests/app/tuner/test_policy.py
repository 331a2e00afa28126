import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.prefixes import prefixes_of
from app.tuner.policy import TtlPolicy
from app.tuner.rates import CounterRates

HOT, COLD = prefixes_of("any")[:2]


def test_a_prefix_lives_by_the_root_of_its_rate_over_the_mean_of_its_strategy() -> None:
    rates = {HOT: 160.0, COLD: 10.0, "lab:other:1": 5.0, "lab:other:2": 5.0}
    assert TtlPolicy(10.0).ttls_s(rates) == {
        HOT: pytest.approx(10 * math.sqrt(160 / 85)),
        COLD: pytest.approx(10 * math.sqrt(10 / 85)),
        "lab:other:1": pytest.approx(10.0),
        "lab:other:2": pytest.approx(10.0),
    }


@given(st.dictionaries(st.sampled_from(prefixes_of("any")), st.floats()), st.floats(0.05, 86_400))
@example(dict.fromkeys(prefixes_of("any")[:2], 1.5e308), 1.0)  # whose sum is no finite number
@example(dict.fromkeys(prefixes_of("any")[:2], 5e-324), 1.0)
def test_every_ttl_is_within_the_bounds_and_only_a_rate_that_is_a_number_makes_one(
    rates: dict[str, float], ttl_s: float
) -> None:
    ttls_s = TtlPolicy(ttl_s).ttls_s(rates)
    assert ttls_s.keys() == {prefix for prefix, rate in rates.items() if 0 < rate < math.inf}
    assert all(0.1 * ttl_s <= found <= 4 * ttl_s for found in ttls_s.values())


def test_rates_are_growth_over_time_of_all_pods_and_a_new_process_counts_from_nought() -> None:
    rates = CounterRates()
    assert rates.look({"one": {HOT: 100}, "two": {HOT: 50}}, now_s=10.0) == {}, "nothing is known of the time before"
    assert rates.look({"one": {HOT: 120}, "two": {HOT: 70, COLD: 10}}, now_s=12.0) == {HOT: 20.0, COLD: 5.0}
    assert rates.look({"one": {HOT: 4}, "three": {HOT: 1_000}}, now_s=14.0) == {HOT: 2.0}, "one began anew"
    assert rates.look({}, now_s=16.0) == {}

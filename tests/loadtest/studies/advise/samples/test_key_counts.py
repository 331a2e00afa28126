"""Counting in bounded memory: exact below the bound, and the head and the number of keys right beyond it."""

from collections import Counter

import numpy as np
import pytest

from loadtest.studies.advise.samples.key_counts import KeyCounts
from loadtest.studies.advise.samples.keyring import Keyring
from loadtest.studies.advise.samples.zipf_fit import are_even, fit_zipf


def counted(keys_max: int) -> tuple[KeyCounts, Counter[int]]:
    rng = np.random.default_rng(3)
    ranks = rng.zipf(1.3, size=20_000) % 50_000
    counts, keyring = KeyCounts(keys_max), Keyring()
    for rank in ranks.tolist():
        counts.add(keyring.hashed(str(rank).encode()))
    return counts, Counter(ranks.tolist())


def test_below_its_bound_the_count_is_exact() -> None:
    counts, truth = counted(50_000)
    assert counts.is_exact
    assert (counts.keys, counts.ranked) == (len(truth), sorted(truth.values(), reverse=True))


def test_beyond_its_bound_the_head_holds_and_memory_does_too() -> None:
    counts, truth = counted(500)
    most = [count for _, count in truth.most_common(10)]
    assert not counts.is_exact
    assert len(counts.ranked) == 500
    assert sum(counts.ranked) == 20_000
    assert counts.ranked[:10] == pytest.approx(most, rel=0.15)
    assert counts.keys == pytest.approx(len(truth), rel=0.05)
    assert counts.seen_once == pytest.approx(sum(one == 1 for one in truth.values()), rel=0.05)


def test_two_readings_hash_a_key_differently() -> None:
    keyring = Keyring()
    assert keyring.hashed(b"user:7") == keyring.hashed(b"user:7")
    assert keyring.hashed(b"user:7") != Keyring().hashed(b"user:7")


def test_even_keys_are_no_zipf_and_one_hot_key_is_not_fitted_well() -> None:
    rng = np.random.default_rng(5)
    even = sorted(np.bincount(rng.integers(200, size=20_000)).tolist(), reverse=True)
    assert are_even(even)
    hot = [10_000, *[10] * 100]
    assert not are_even(hot)
    fit = fit_zipf(hot)
    assert fit is not None
    assert not fit.fits

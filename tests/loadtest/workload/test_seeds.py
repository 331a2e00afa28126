"""Repeats of different seeds are different runs, wherever repeats are made."""

import re
from pathlib import Path

import pytest

from loadtest import ROOT
from loadtest.workload.seeds import SEED_BITS, hour_seed, run_seed


def test_the_first_repeat_and_the_first_hour_have_the_seed_itself() -> None:
    assert run_seed(7, 1) == hour_seed(7, 0) == 7
    with pytest.raises(ValueError, match="no repeat before the first"):
        run_seed(7, 0)


def test_no_two_seeds_share_a_repeat_or_an_hour() -> None:
    seeds, numbers = range(200), range(1, 101)
    found = [run_seed(seed, number) for seed in seeds for number in numbers]
    found += [hour_seed(seed, number) for seed in seeds for number in numbers]
    assert len(set(found)) == len(found), "SEED=1 and SEED=2 with REPEATS=5 had four runs in common"
    assert max(found) < 2**SEED_BITS


def test_a_repeats_seed_is_the_same_on_every_machine() -> None:
    assert (run_seed(1, 2), hour_seed(1, 1)) == (8_068_992_393_280_765, 5_073_544_614_890_135)


def test_nobody_counts_seeds_on() -> None:
    counted = re.compile(r"seed\s*\+\s*(?!\")[\w(]|\w\s*\+\s*\w*\.?seed\b")
    here = [path for part in ("app", "loadtest") for path in Path(ROOT, part).rglob("*.py")]
    assert [str(path) for path in here if counted.search(path.read_text(encoding="utf-8"))] == []

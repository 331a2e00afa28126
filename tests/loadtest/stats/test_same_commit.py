"""Two runs of the same code are told to be the same, and a changed setting is found: with runs of virtual time."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any

from app.discovery import discover
from loadtest.sim.cluster.simulate import simulate
from loadtest.stats.compare_runs import Compared, compare
from loadtest.stats.saved_run import SavedRun
from loadtest.workload.scenario import Scenario, read_scenario

REPEATS = 5
RUNS = 5
STRATEGIES = discover().strategies
SCENARIO = read_scenario("hot-key", duration_s=6)
LONGER = read_scenario("hot-key", duration_s=20)


def run_of(scenario: Scenario, seeds: Sequence[int], strategies: Sequence[str]) -> SavedRun:
    """What a run directory of these repeats holds."""
    rows: list[dict[str, Any]] = []
    for repeat, seed in enumerate(seeds, start=1):
        for name in strategies:
            rows.append(simulate(scenario, STRATEGIES[name], seed).row.as_dict() | {"repeat": repeat})
    return SavedRun("a run", rows, {"commit": "0000000"}, scenario.model_dump(mode="json"))


@cache
def run_number(number: int) -> SavedRun:
    return run_of(SCENARIO, range(number * REPEATS, (number + 1) * REPEATS), list(STRATEGIES))


def differences(found: Compared) -> list[str]:
    return [str(one) for one in found.findings if one.verdict.outcome in {"higher", "lower"}]


def test_two_runs_of_the_same_code_differ_in_no_figure_of_any_strategy_in_nine_of_ten_pairs() -> None:
    pairs = list(combinations(map(run_number, range(RUNS)), 2))
    alarms = [differences(compare(*pair)) for pair in pairs]
    assert len(alarms) == 10
    assert sum(not found for found in alarms) >= 9, alarms


def test_a_planted_change_of_beta_is_found() -> None:
    changed = LONGER.model_copy(update={"params": {**LONGER.params, "xfetch": {"beta": 4.0}}})
    before = run_of(LONGER, range(REPEATS), ["xfetch"])
    after = run_of(changed, range(100, 100 + REPEATS), ["xfetch"])
    found = differences(compare(before, after))
    assert any("origin_reads" in one for one in found), found

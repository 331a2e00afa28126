"""`lab replay`: a run told event by event."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.discovery import discover
from loadtest.cli import app
from loadtest.sim.cluster.cluster import Cluster, ClusterReady
from loadtest.sim.cluster.events import Subscriber
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.simulate import simulate
from loadtest.sim.search.case import Case, case_of, run_case
from loadtest.sim.search.replay import retell
from loadtest.workload.scenario import read_scenario
from loadtest.workload.toml_writer import as_toml
from tests.loadtest.sim.drill import fault, workload
from tests.loadtest.sim.search.test_planted_bugs import PLANTED

STRATEGIES = discover().strategies
LATE_WRITE = PLANTED["a late write that is not fenced"]
LINE = re.compile(r" *\d+\.\d{6}  (pod-\d  |       |VIOLATION of )")


def lines_of(strategy: str, case: Case, last: int | None = None, until_s: float = float("inf")) -> list[str]:
    lines: list[str] = []
    retell(STRATEGIES[strategy], case, lines.append, last, until_s)
    return lines


def times_of(lines: list[str]) -> list[float]:
    return [float(line.split()[0]) for line in lines]


@pytest.fixture
def late_write(monkeypatch: pytest.MonkeyPatch) -> None:
    LATE_WRITE.plant(monkeypatch)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_run_that_is_told_is_the_same_run(strategy: str) -> None:
    case = case_of(STRATEGIES[strategy], 3)
    told = retell(STRATEGIES[strategy], case, lambda line: None, None)
    assert told.ran == run_case(STRATEGIES[strategy], case), "seed 3"


def test_every_kind_of_event_is_told_in_order_of_time() -> None:
    scenario = workload(
        fault("pod-killed", for_s=1.0, pod=1, at_s=8.3),  # in the middle of a load
        fault("origin-fails", for_s=1.5, at_s=11.0),
        {"kind": "cache-flushed", "at_s": 2.0},
        origin={"latency": "fixed(400)"},
        keys={"count": 2},
        virtual={"redis": "fixed(1)"},
    )
    lines = lines_of("singleflight", Case(scenario, 1))
    assert times_of(lines) == sorted(times_of(lines))
    assert all(LINE.match(line) for line in lines)
    for event in (
        r"the load begins",
        r"fault: kind='pod-killed'|fault: .*pod-killed",
        r"ends: .*origin-fails",
        r"pod-1   is asked for 0",
        r"pod-1   answers for \d: 200 hit, \d\.\d+ s old",
        r"answers for \d: 200 miss",
        r"answers for \d: 200 collapsed",
        r"answers for \d: 503 error",
        r"pod-2   does not answer for \d: CancelledError",
        r"GET lab:singleflight:\d: nothing",
        r"GET lab:singleflight:\d: read at \d+\.\d+ s, fresh",
        r"LOCK lab:singleflight:\d for 1000 ms as \w+:\w+: granted",
        r"LOCK .* refused",
        r"RENEW .* renewed",
        r"UNLOCK .* released, notified",
        r"PUT .* stored, lock released, waiters notified",
        r"asks the origin for \d \(miss\)",
        r"has \d from the origin, read at",
        r"has nothing from the origin for \d: OriginFailed\('",
    ):
        assert any(re.search(event, line) for line in lines), event
    assert any(" SET " in line for line in lines_of("static", Case(scenario, 1)))


def test_the_violation_stands_at_its_place(late_write: None) -> None:
    case = case_of(STRATEGIES[LATE_WRITE.strategy], LATE_WRITE.seed)
    short, everything = lines_of(LATE_WRITE.strategy, case, last=20), lines_of(LATE_WRITE.strategy, case)
    assert f"VIOLATION of {LATE_WRITE.invariant}" in short[-1]
    assert len(short) == 20
    place = everything.index(short[-1])
    assert everything[place - len(short) + 1 : place + 1] == short
    assert times_of(everything) == sorted(times_of(everything))
    assert len(everything) > place + 1


def test_the_end_of_what_is_told_can_be_chosen() -> None:
    lines = lines_of("static", case_of(STRATEGIES["static"], 3), until_s=2.0)
    assert 1.5 < times_of(lines)[-1] <= 2.0


def test_a_scenario_written_as_toml_is_read_as_the_same(tmp_path: Path) -> None:
    for seed in [*range(40), 954]:  # the last has a list that is no list of tables
        scenario = case_of(STRATEGIES["jitter"], seed).scenario
        path = tmp_path / f"{scenario.name}.toml"
        path.write_text(as_toml(scenario), encoding="utf-8")
        assert read_scenario(str(path)) == scenario, seed


def test_the_command_tells_the_shrunk_form_or_the_whole(late_write: None) -> None:
    named = ["replay", str(LATE_WRITE.seed), "--strategy", LATE_WRITE.strategy]
    shrunk, whole = (CliRunner().invoke(app, [*named, "--last", "10", *more]) for more in ([], ["--whole"]))
    for said in (shrunk, whole):
        assert said.exit_code == 1, said.output
        assert said.stdout.count("VIOLATION of fenced write") == 1
        assert re.search(r"\ncommit .+, trace [0-9a-f]{32}\n", said.stdout)
    shrunk_s, whole_s = (float(re.findall(r"\nduration_s = ([\d.]+)\n", said.stdout)[0]) for said in (shrunk, whole))
    assert shrunk_s < whole_s
    assert "events before these are left out" in whole.stdout


def test_the_command_plays_any_simulated_run_again(tmp_path: Path) -> None:
    scenario = workload(fault("cache-away"), top={"duration_s": 12.0})
    path = tmp_path / "drill.toml"
    path.write_text(as_toml(scenario), encoding="utf-8")
    said = CliRunner().invoke(app, ["replay", "7", "--strategy", "swr", "--scenario", str(path)])
    assert said.exit_code == 0, said.output
    assert f"trace {simulate(scenario, STRATEGIES['swr'], 7).row.trace}" in said.stdout
    assert "swr, seed 7: every invariant held" in said.stdout


def test_a_hit_pays_for_no_event_that_nothing_subscribes_to() -> None:
    """Its pods talk to Redis itself, and a request goes to the strategy itself."""
    clusters: list[Cluster] = []
    ready = Subscriber({ClusterReady: lambda event: clusters.append(event.cluster)})
    simulate(workload(), STRATEGIES["static"], 7, observers=[ready])
    (cluster,) = clusters
    assert isinstance(redis := cluster.redis, SimulatedRedis)
    caches = [pod.cache for pod in cluster.pods]
    assert all(isinstance(cache, SimulatedCache) and cache._get == redis.get for cache in caches)
    assert all(pod.answer == pod.runner.answer for pod in cluster.pods)


@pytest.mark.parametrize(
    "bad",
    [["x", "--strategy", "static"], ["1"], ["1", "--strategy", "nobody"], ["-1", "--strategy", "static"]],
    ids=str,
)
def test_bad_input_is_exit_code_2(bad: list[str]) -> None:
    assert CliRunner().invoke(app, ["replay", *bad]).exit_code == 2

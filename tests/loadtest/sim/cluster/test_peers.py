"""Keys that belong to one pod each, and what happens when that pod dies, stands still, or is not agreed upon."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from app.peers.peers import PeerOutcome
from app.peers.rendezvous import ranking
from app.settings import Settings
from app.strategy import Status
from loadtest.contract.world import ContractWorld, play
from loadtest.figures.records import STATUSES
from loadtest.sim.cluster.cluster import ClusterReady
from loadtest.sim.cluster.events import FaultBegan, OriginAsked, PeerAsked, Subscriber
from loadtest.sim.cluster.simulate import Simulated, simulate
from loadtest.workload.scenario import OWN, Scenario, read_scenario
from tests.loadtest.sim.drill import AT_S, FOR_S, LOAD_S, NETWORK_S, PODS, STRATEGIES, Drill, fault

ROUTED = STRATEGIES["routed"]
ONE_KEY: dict[str, Any] = {"keys": {"count": 1}, "origin": {"latency": "fixed(400)"}}
LONG_LOAD_S, SILENT_S = 0.4, Settings(pod="any").peer_timeout_ms / 1000
OWNER = int(ranking([f"pod-{number + 1}" for number in range(PODS)], "lab:routed:0")[0][-1]) - 1
"""The number of the pod that owns the one key."""


class Seen:
    """Who asked the origin for which key, how questions between pods ended, and how many a fault began with."""

    def __init__(self) -> None:
        self.loads: list[tuple[str, str]] = []
        self.outcomes: Counter[PeerOutcome] = Counter()
        self.in_flight: list[int] = []
        self.handlers = {
            ClusterReady: self._ready,
            OriginAsked: lambda event: self.loads.append((event.pod, event.key)),
            PeerAsked: lambda event: self.outcomes.update([event.outcome]),
        }

    def _ready(self, event: ClusterReady) -> None:
        def began(fault: FaultBegan) -> None:
            pod = event.cluster.pods[getattr(fault.fault, "pod", 0)]
            self.in_flight.append(len(pod.in_flight))

        event.cluster.observers.add(Subscriber({FaultBegan: began}))


def run(scenario: Scenario, strategy: str = "routed", seed: int = 1) -> tuple[Simulated, Seen]:
    seen = Seen()
    ended = simulate(scenario, STRATEGIES[strategy], seed, observers=[seen])
    assert ended.violation is None, f"{strategy}, seed {seed}: {ended.violation}"
    return ended, seen


@pytest.mark.parametrize("pods", [3, 10])
def test_one_load_per_key_and_expiry_by_its_owner_without_a_lock(pods: int) -> None:
    ended, seen = run(read_scenario("hot-key", pods=pods, duration_s=20))
    names = [f"pod-{number + 1}" for number in range(pods)]
    assert {(pod, key) for pod, key in seen.loads} == {(ranking(names, key)[0], key) for _, key in seen.loads}
    assert {kind: found["max"] for kind, found in ended.row.stampedes.items()} == dict.fromkeys(ended.row.stampedes, 1)
    assert "hot" in ended.row.stampedes
    assert set(seen.outcomes) == {PeerOutcome.ANSWERED}
    # a question for each other pod that misses, whatever the traffic
    assert 0 < seen.outcomes[PeerOutcome.ANSWERED] <= (pods - 1) * len(seen.loads)


def test_an_owner_that_is_killed_in_mid_load_costs_its_requests_in_flight_and_one_load_more() -> None:
    killed = fault("pod-killed", pod=OWNER)
    scenario_load_s = _in_a_load(Drill("routed", **ONE_KEY))
    drill = Drill("routed", {**killed, "at_s": scenario_load_s, "for_s": 0.5}, **ONE_KEY)
    lost = np.flatnonzero(drill.code != 200)
    to_dead = drill.pod[lost] == OWNER
    assert to_dead.all(), drill.story
    # the two loads: the one that died, and that of the next in rank
    assert drill.reads(scenario_load_s - LONG_LOAD_S, scenario_load_s + LONG_LOAD_S) == 2
    good = drill.latency_s[drill.code == 200]
    assert good.max() <= 2 * LONG_LOAD_S + 4 * NETWORK_S, drill.story


def _in_a_load(drill: Drill) -> float:
    """A moment in the middle of a load that begins after the time of a drill's fault."""
    begun = drill.read_s[drill.read_s > AT_S]
    return float(round(begun[0] + LONG_LOAD_S / 2, 3))


def test_an_owner_that_stands_still_in_mid_load_is_waited_for_no_longer_than_its_time_out() -> None:
    at_s = _in_a_load(Drill("routed", **ONE_KEY))
    drill = Drill("routed", {**fault("pod-paused", pod=OWNER), "at_s": at_s}, **ONE_KEY)
    assert drill.success() == 1, drill.story
    others = drill.latency_s[drill.pod != OWNER]
    # the rest of the time-out since the last sign of it, then the load of the next in rank
    assert SILENT_S / 2 < others.max() <= SILENT_S + 2 * LONG_LOAD_S + 6 * NETWORK_S, drill.story
    assert drill.at_once(at_s, at_s + FOR_S) <= 2, "the load that stood still, and that of the next in rank"
    # it is tried once per pause, by one question
    outlasting = drill.asked(at_s + SILENT_S + LONG_LOAD_S, at_s + FOR_S) & (drill.pod != OWNER)
    assert np.mean(drill.status[outlasting] == STATUSES.index(Status.HIT)) > 0.5, drill.story


@pytest.mark.parametrize("drill", ["pod-killed", "pod-terminated"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_pod_that_ends_costs_no_answer_of_clients_that_try_another_pod(drill: str, seed: int) -> None:
    scenario = read_scenario(str(OWN / "drills" / f"{drill}.toml"))
    for pod in range(scenario.pods):
        moved = [one.model_copy(update={"pod": pod}) for one in scenario.faults]
        ended, seen = run(scenario.model_copy(update={"faults": moved}), seed=seed)
        assert ended.row.errors == 0, f"pod {pod}"
        alike, _ = run(scenario, "singleflight", seed)
        assert ended.row.origin_reads <= alike.row.origin_reads + 3 * seen.outcomes[PeerOutcome.AWAY] + 3


def test_the_scenario_owner_dies_keeps_what_its_gates_state() -> None:
    scenario = read_scenario("owner-dies")
    routed, seen = run(scenario)
    locked, _ = run(scenario, "singleflight")
    in_pods, _ = run(scenario, "collapse")
    assert seen.in_flight[0] > 0, "it dies in mid-load"
    assert routed.row.errors == 0
    assert routed.row.origin_reads <= 1.05 * locked.row.origin_reads
    assert routed.row.origin_reads <= 0.75 * in_pods.row.origin_reads


def test_while_redis_is_away_one_pod_at_a_time_loads_a_key_where_a_lock_is_of_no_use() -> None:
    away = fault("cache-away")
    within = {"from_s": AT_S + 2 * LOAD_S, "to_s": AT_S + FOR_S}
    assert Drill("routed", away).at_once(**within) == 1
    assert Drill("singleflight", away).at_once(**within) == PODS


def test_pods_that_disagree_load_a_key_once_for_each_opinion() -> None:
    async def story(world: ContractWorld) -> tuple[int, int]:
        first, second, third = world.peers
        key = "lab:routed:0"
        await world.herd(60, spread_s=0.1)
        agreed = len(world.origin.loads)
        await world.settle()
        owner = first.ranked(key)[0]
        for peers in (first, second):  # these have not heard of one that the third knows to be the owner
            peers.meet({"pod-0", "pod-1", "pod-2"} - {owner})
        third.meet({"pod-0", "pod-1", "pod-2"})
        opinions = {peers.ranked(key)[0] for peers in world.peers}
        before = len(world.origin.loads)
        await world.herd(60, spread_s=0.1)
        assert len(opinions) >= 2
        return agreed, len(world.origin.loads) - before - len(opinions)

    assert play(ROUTED, story) == (1, 0)


def test_a_pod_that_comes_takes_its_share_and_a_replaced_one_the_same_as_before() -> None:
    async def story(world: ContractWorld) -> None:
        names = {f"pod-{number}" for number in range(4)}
        keys = [f"lab:routed:{number}" for number in range(1_000)]
        for peers in world.peers:
            peers.meet(names - {"pod-3"})
        before = {key: world.peers[0].ranked(key)[0] for key in keys}
        for peers in world.peers:
            peers.meet(names)
        after = {key: world.peers[0].ranked(key)[0] for key in keys}
        moved = [key for key in keys if before[key] != after[key]]
        assert {after[key] for key in moved} == {"pod-3"}
        assert len(moved) / len(keys) == pytest.approx(1 / 4, abs=0.05)
        for peers in world.peers:
            peers.meet(names - {"pod-3"})
        assert {key: world.peers[0].ranked(key)[0] for key in keys} == before
        for peers in world.peers:
            peers.meet(names)  # which has no process, so that what belongs to it is refused
        assert after == {key: world.peers[0].ranked(key)[0] for key in keys}

    play(ROUTED, story, pods=4)


def test_a_question_costs_the_owner_the_cpu_of_a_request_and_two_ways_of_the_network() -> None:
    service_s = 0.02
    drill = Drill("routed", **ONE_KEY, load={"rate_per_s": 6}, virtual={"service_us": service_s * 1e6})
    missed = drill.status == STATUSES.index(Status.MISS)
    at_owner, by_a_hop = drill.latency_s[missed & (drill.pod == OWNER)], drill.latency_s[missed & (drill.pod != OWNER)]
    assert by_a_hop.min() - at_owner.min() == pytest.approx(service_s + NETWORK_S, rel=0.02), drill.story

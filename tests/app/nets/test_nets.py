"""The settings of the nets are stated by a scenario, and reach a pod of every world as they are."""

import json

import pytest
from pydantic import ValidationError

from app.nets.nets import BreakerNet, Nets
from app.settings import Settings
from loadtest.workload.scenario import Scenario, read_scenario

SCENARIO = read_scenario("hot-key").model_dump()


def test_the_nets_of_a_scenario_are_those_of_its_pods_in_every_world(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"stale_if_error_s": 30.0, "breaker": {"open_s": 2.0}}
    scenario = Scenario.model_validate(SCENARIO | {"nets": table})
    stated = Nets(stale_if_error_s=30.0, breaker=BreakerNet(open_s=2.0))
    assert scenario.pod_settings(1, "pod-1").nets == stated
    environment = scenario.pod_environment(1)
    assert Nets.model_validate(json.loads(environment["LAB_NETS"])) == stated
    for name, value in environment.items():
        if value:  # as a process that is started with it
            monkeypatch.setenv(name, value)
    assert Settings().nets == stated


def test_every_net_is_off_unless_it_is_set_but_the_shared_failure() -> None:
    nets = Nets()
    assert nets.failure_mark_ms > 0
    assert nets.stale_if_error_s == 0
    choices = (nets.breaker, nets.queue_max, nets.limit, nets.rate_limit_per_s, nets.rate_limit_per_client_per_s)
    assert {*choices, nets.soft_timeout_ms, nets.hard_timeout_ms} == {None}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"breaker": {"open_s": 9, "open_s_max": 8}}, "open_s_max (8) must be at least open_s (9)"),
        ({"limit": {"most": 5}}, "least (1) <= initial (20) <= most (5) must hold"),
        ({"soft_timeout_ms": 9, "hard_timeout_ms": 8}, "soft_timeout_ms (9) must be at most hard_timeout_ms (8)"),
        ({"failure_mark_ms": float("nan")}, "finite number"),
    ],
)
def test_nets_that_contradict_each_other_are_named(table: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("(", r"\(").replace(")", r"\)")):
        Nets.model_validate(table)

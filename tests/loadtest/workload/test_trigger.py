"""The span that a run's figures of an outage are about."""

from typing import Any

import pytest

from loadtest.workload.scenario import Scenario
from loadtest.workload.trigger import Trigger

TABLE: dict[str, Any] = {
    "name": "an-outage",
    "title": "An outage",
    "duration_s": 40,
    "pods": 2,
    "load": {"loop": "open", "rate_per_s": 100},
    "keys": {"count": 10},
    "cache": {"ttl_s": 5},
    "origin": {"latency": "fixed(100)", "connections": 8},
}
AWAY = {"kind": "cache-away", "at_s": 20, "for_s": 5}
FLUSHED = {"kind": "cache-flushed", "at_s": 12}
RUSH = {"for_s": 3, "rate_share": 5, "trigger": True}
STEP, SPIKE = {"kind": "step", "at_s": 8, "to_share": 3}, {"kind": "spike", "at_s": 8, "for_s": 2, "to_share": 3}


def phased(*phases: dict[str, Any]) -> dict[str, Any]:
    return {"load": TABLE["load"] | {"phases": [*phases]}}


@pytest.mark.parametrize(
    ("stated", "span"),
    [
        ({}, None),
        ({"faults": [FLUSHED]}, Trigger(12, 12)),
        (phased({"for_s": 10}, RUSH, {"for_s": 2}, RUSH, {"for_s": 9}), Trigger(10, 18)),
        (phased({"for_s": 10}, RUSH | {"trigger": False}), None),
        (phased({"for_s": 38}, RUSH), Trigger(38, 40)),
        (phased(RUSH) | {"faults": [FLUSHED]}, Trigger(12, 12)),
        ({"faults": [AWAY, FLUSHED]}, Trigger(12, 25)),
        ({"load": TABLE["load"] | {"shape": STEP}}, Trigger(8, 8)),
        ({"load": TABLE["load"] | {"shape": SPIKE}}, Trigger(8, 10)),
        ({"load": TABLE["load"] | {"shape": SPIKE}, "faults": [AWAY]}, Trigger(20, 25)),
        ({"load": TABLE["load"] | {"shape": {"kind": "ramp", "from_share": 0, "to_share": 1}}}, None),
        ({"faults": [AWAY | {"for_s": 3_600}]}, Trigger(20, 40)),
        ({"load": TABLE["load"] | {"shape": STEP | {"at_s": 40}}}, None),
    ],
)
def test_a_trigger_spans_the_faults_or_else_the_step_or_spike_of_the_load(
    stated: dict[str, Any], span: Trigger | None
) -> None:
    assert Scenario.model_validate(TABLE | stated).trigger == span

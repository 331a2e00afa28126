"""Rate limits per client in virtual time: clients are those that pods could tell apart, as with real processes."""

from typing import Any

import pytest

from app.discovery import discover
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario

OPEN = {"loop": "open", "rate_per_s": 100}
CLOSED = {"loop": "closed", "users": 10, "rate_per_s": 100}


@pytest.mark.parametrize("load", [OPEN, CLOSED])
@pytest.mark.parametrize("header", ["", "x-visitor"])
def test_without_the_header_all_requests_are_one_clients(load: dict[str, Any], header: str) -> None:
    nets = {"rate_limit_per_client_per_s": 20, "client_header": header}
    scenario = Scenario.model_validate({
        "name": "one", "title": "t", "duration_s": 5, "pods": 1, "load": load, "keys": {"count": 2},
        "cache": {"ttl_s": 60}, "origin": {"latency": "fixed(1)", "connections": 8}, "nets": nets,
    })  # fmt: skip
    row = simulate(scenario, discover().strategies["static"], 1).row
    assert (row.errors > row.requests / 2) is not bool(header)
    assert bool(row.errors) is not bool(header)

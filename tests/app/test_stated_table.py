"""Stated tables refuse `true` where a number stands, wherever that is; a field that may be true takes it."""

import pytest
from pydantic import ValidationError

from app.nets.nets import Nets
from app.relay.control import RelayOrder
from app.slowdown import Slowdown
from app.stated_table import StatedTable
from app.troubled_store import Slow
from loadtest.studies.claims.published_experiment import read_experiments
from loadtest.workload.scenario import read_scenario
from loadtest.workload.traffic import Keys


@pytest.mark.parametrize(
    ("table", "stated", "field"),
    [
        (Nets, {"stale_if_error_s": True}, "stale_if_error_s"),
        (Nets, {"breaker": {"probes": True}}, "probes"),
        (Slowdown, {"knee": True, "per_read": 0.1}, "knee"),
        (Slow, {"kind": "slow", "for_s": True, "times": 2}, "for_s"),
        (RelayOrder, {"begin": {"kind": "cut-off"}, "for_s": True}, "for_s"),
        (RelayOrder, {"begin": {"kind": "delay", "ms": True}}, "ms"),
        (Keys, {"count": True}, "count"),
        (type(read_scenario("hot-key")), {"duration_s": True}, "duration_s"),
        (type(read_scenario("hot-key")), {"params": {"swr": {"stale_s": True}}}, "params"),
    ],
)
def test_true_is_no_number(table: type[StatedTable], stated: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field} must be no true or false"):
        table.model_validate(stated)


def test_what_may_be_true_is() -> None:
    silence = RelayOrder.model_validate({"begin": {"kind": "silence", "arrive": True}})
    assert silence.model_dump()["begin"]["arrive"] is True


def test_a_table_of_tables_looks_after_itself() -> None:
    (claims,) = (one for one in read_experiments() if one.name == "retry-waves")
    clients = [variant.changes.get("client", {}) for variant in claims.variants.values()]
    assert any(client.get("obeys_retry_after") is False for client in clients)

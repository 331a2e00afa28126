"""How the containers run, as Docker sees them: what they may use, what they may do, who reaches them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.stack.stages import Calm
from tests.stack_config.limits import CPUS_MAX, MEMORY_MIB_MAX

Container = dict[str, Any]
KEEPS = "victoriametrics"
"""What was measured outlives the metrics store."""


def _name(container: Container) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def test_every_one_does_its_job(calm: Calm) -> None:
    health = {one["Name"]: one["State"]["Health"]["Status"] for one in calm.containers}
    assert {name: status for name, status in health.items() if status != "healthy"} == {}


def test_each_has_its_limits(calm: Calm) -> None:
    hosts = {_name(container): container["HostConfig"] for container in calm.containers}
    for name, host in hosts.items():
        assert 0 < host["NanoCpus"] <= CPUS_MAX * 1e9, name
        assert host["Memory"] > 0, name
        assert host["CpuShares"] > 0, name
        assert host["PidsLimit"] > 0, name
    assert sum(one["HostConfig"]["Memory"] for one in calm.containers) / 2**20 <= MEMORY_MIB_MAX


def test_none_was_restarted_or_ran_out_of_memory(calm: Calm) -> None:
    assert {_name(one): one["RestartCount"] for one in calm.containers if one["RestartCount"]} == {}
    assert [_name(one) for one in calm.containers if one["State"]["OOMKilled"]] == []


RUDE: dict[str, Callable[[Container], object]] = {
    "is root": lambda one: one["Config"]["User"].partition(":")[0] in {"", "0", "root"},
    "writes to its image": lambda one: not one["HostConfig"]["ReadonlyRootfs"],
    "keeps capabilities": lambda one: one["HostConfig"]["CapDrop"] != ["ALL"] or one["HostConfig"]["CapAdd"],
    "is privileged": lambda one: one["HostConfig"]["Privileged"],
    "may gain privileges": lambda one: "no-new-privileges:true" not in one["HostConfig"]["SecurityOpt"],
    "keeps a volume": lambda one: any(mount["Type"] == "volume" for mount in one["Mounts"]) and _name(one) != KEEPS,
}


@pytest.mark.parametrize("what", RUDE)
def test_none(calm: Calm, what: str) -> None:
    assert [_name(one) for one in calm.containers if RUDE[what](one)] == []


def test_ports_are_open_on_this_machine_only(calm: Calm) -> None:
    opened = [
        (_name(one), place["HostIp"])
        for one in calm.containers
        for places in one["NetworkSettings"]["Ports"].values()
        for place in places or ()
    ]
    assert opened
    assert [place for place in opened if place[1] != "127.0.0.1"] == []

"""How the containers run, as Docker sees them: what they may use, what they may do, who reaches them."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.stack.stages import Calm, Stack

Container = dict[str, Any]

CPUS_MAX = 2.0
MEMORY_GIB_MAX = 4


def _name(container: Container) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def test_it_is_healthy_within_a_minute_of_being_built(stack: Stack) -> None:
    assert stack.healthy_after_s < 60


def test_its_limits_fit_two_cores_and_four_gibibytes(calm: Calm) -> None:
    hosts = [container["HostConfig"] for container in calm.containers]
    assert all(host["NanoCpus"] and host["Memory"] for host in hosts)
    assert sum(host["NanoCpus"] for host in hosts) / 1e9 <= CPUS_MAX + 1e-6
    assert sum(host["Memory"] for host in hosts) / 2**30 <= MEMORY_GIB_MAX


def test_none_was_restarted_or_ran_out_of_memory(calm: Calm) -> None:
    assert {_name(one): one["RestartCount"] for one in calm.containers if one["RestartCount"]} == {}
    assert [_name(one) for one in calm.containers if one["State"]["OOMKilled"]] == []


RUDE: dict[str, Callable[[Container], object]] = {
    "is root": lambda one: one["Config"]["User"].partition(":")[0] in {"", "0", "root"},
    "writes to its image": lambda one: not one["HostConfig"]["ReadonlyRootfs"],
    "keeps capabilities": lambda one: one["HostConfig"]["CapDrop"] != ["ALL"] or one["HostConfig"]["CapAdd"],
    "is privileged": lambda one: one["HostConfig"]["Privileged"],
    "may gain privileges": lambda one: "no-new-privileges:true" not in one["HostConfig"]["SecurityOpt"],
    "keeps a volume": lambda one: any(mount["Type"] == "volume" for mount in one["Mounts"]),
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

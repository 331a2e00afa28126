"""Runs behind real proxies, as a user makes them, and the runs that are refused."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
import typer

from app.discovery import Discovered, discover
from app.proxies.nginx import Nginx, NginxSwr
from app.proxies.varnish import VarnishNoGrace
from app.proxy import Proxy
from app.strategy_groups import UnknownStrategy
from loadtest.cli.try_contender import contenders_named
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.proxies import notes
from loadtest.worlds.stack import stack_system
from loadtest.worlds.world import WorldFailed
from tests.loadtest.worlds.test_recorded_run import Lab
from tests.proxies import EVERY, program_of

TTL_S, KEYS, PODS, RATE = 1, 3, 2, 150
SCENARIO = f"""
title = "Behind proxies"
duration_s = 5
pods = {PODS}
[load]
loop = "open"
rate_per_s = {RATE}
[keys]
count = {KEYS}
[cache]
ttl_s = {TTL_S}
[origin]
latency = "fixed(50)"
connections = 32
[warm]
keys = "burst"
"""


def bench(folder: Path, strategy: str, *words: str) -> Lab:
    (folder / "proxied.toml").write_text(SCENARIO)
    told = ("--scenario", folder / "proxied.toml", "--strategies", strategy, "--results", folder / "results")
    return Lab("bench", "--no-reference", *told, *words)


@pytest.mark.alone
def test_a_run_behind_a_proxy_has_the_figures_of_any_run_and_what_the_proxy_costs(tmp_path: Path) -> None:
    program_of(NginxSwr)
    with bench(tmp_path, "nginx_swr") as lab:
        code, said = lab.end()
    assert code == 0, said
    (row,) = json.loads((tmp_path / "results" / "latest" / "summary.json").read_text())["runs"]
    assert (row["errors"], row["wrong_answers"]) == (0, 0), row["wrong_answer_kinds"]
    # fresh for the TTL and what is left of that second, then one load in front of each pod
    assert row["origin_reads"] <= KEYS * PODS * 5 / TTL_S
    assert row["statuses"].get("miss", 0) == 0, "the burst has filled the cache of each proxy"
    assert row["statuses"]["stale"] > 0
    assert row["statuses"]["hit"] > 0.5 * row["requests"]
    assert TTL_S < row["age_p99_s"] < TTL_S + 2.5
    assert row["commands_per_request"] < 0.1
    raw = tmp_path / "results" / "latest" / "raw" / "nginx_swr"
    spent = json.loads((raw / "metrics-proxies.json").read_text())
    assert [*spent] == ["nginx-1", "nginx-2"]
    assert row["service_us"] > 0
    assert f"nginx {NginxSwr.installed_version()} stands in front of each pod" in row["notes"][0]


@pytest.mark.alone
def test_ctrl_c_during_a_run_behind_proxies_leaves_nothing_running(tmp_path: Path) -> None:
    program_of(VarnishNoGrace)
    with bench(tmp_path, "varnish_no_grace", "--duration", "30") as lab:
        lab.wait_for_load(tmp_path / "results", "varnish_no_grace")
        family = lab.family()
        assert sum("varnish" in process.name() for process in family) >= PODS
        os.kill(lab.process.pid, signal.SIGINT)
        code, said = lab.end()
    assert code != 0, said
    assert "Traceback" not in said
    assert not [process for process in family if process.is_running()]


def scenario(**changed: object) -> Scenario:
    told = {"name": "s", "title": "S", "duration_s": 20, "pods": 2, "cache": {"ttl_s": 5}, "keys": {"count": 3}}
    load, origin = {"loop": "open", "rate_per_s": 10}, {"latency": "fixed(20)", "connections": 4}
    return Scenario.model_validate(told | {"load": load, "origin": origin} | changed)


def test_a_ttl_that_is_no_whole_number_of_seconds_is_refused_for_it_cannot_be_told_a_proxy() -> None:
    assert scenario().why_not_for(Nginx) == ""
    assert "whole seconds (max-age), and this is 2.5" in scenario(cache={"ttl_s": 2.5}).why_not_for(Nginx)


def test_a_fault_of_redis_is_said_to_be_none_of_a_proxys_and_one_of_a_pod_is_not() -> None:
    of_redis = {"kind": "cache-away", "at_s": 2, "for_s": 3}
    of_pod = {"kind": "pod-killed", "at_s": 8, "for_s": 3, "pod": 0}
    first, *told = notes(Nginx, scenario(faults=[of_redis, of_pod]))
    assert "stands in front of each pod" in first
    assert told == ["cache-away: not asked of nginx, for it has no Redis"]


@pytest.mark.parametrize("proxy", EVERY, ids=lambda proxy: proxy.name)
def test_no_proxy_runs_in_virtual_time(proxy: type[Proxy]) -> None:
    program_of(proxy)
    history = SimulatedHistory(PlannedRun(scenario(), proxy.name, seed=1))
    with pytest.raises(ValueError, match=f"^{proxy.name}: it is a program of its own"):
        next(history.chunks())


def test_no_proxy_is_tried_by_the_probes_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        contenders_named(discover(contenders="nginx"), "nginx_swr", is_file=False)
    assert ended.value.exit_code == 2
    assert "make bench STRATEGIES=nginx_swr" in " ".join(capsys.readouterr().err.split())


def test_no_proxy_stands_in_front_of_the_stacks_pods(tmp_path: Path) -> None:
    program_of(Nginx)

    async def opened() -> None:
        async with stack_system(PlannedRun(scenario(), "nginx", seed=1), tmp_path):
            raise AssertionError("it was opened")

    with pytest.raises(WorldFailed, match="nginx: a proxy stands in front of processes"):
        asyncio.run(opened())


def test_a_proxy_whose_program_is_not_installed_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Nginx, "program", "nginx-of-nobody")
    found: Discovered = discover(contenders=True)
    assert found.missing["nginx"] == "apt-get install nginx-light"
    assert not {"nginx", "nginx_lock", "nginx_swr"} & {*found.contenders}
    told = "nginx_swr needs a program that is not installed: apt-get install nginx-light"
    with pytest.raises(UnknownStrategy, match=told):
        found.choose("nginx_swr")

"""What Docker is told, checked without it; and the checks, by planted faults."""

import os
import subprocess
from collections.abc import Callable
from copy import deepcopy

import pytest

from app.settings import Settings
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.stack_settings import resolve
from tests.docker_engine import compose_missing
from tests.stack_config.compose_rules import (
    MASTER,
    comment_faults,
    grace_faults,
    health_faults,
    login_faults,
    manners_faults,
    outside_faults,
    pin_faults,
    port_faults,
    pull_faults,
    setting_faults,
    variable_faults,
)
from tests.stack_config.files import ROOT, Tree, environment_of, fill_in, read_env, read_yaml
from tests.stack_config.limits import Share, cpus_left, limit_faults

COMPOSE = read_yaml("docker-compose.yml")
ENV = read_env()
ENV_TEXT = (ROOT / ".env").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LOAD_SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "loadtest").rglob("*.py"))

Change = Callable[[Tree, dict[str, str]], object]


def all_faults(compose: Tree, env: dict[str, str], dockerfile: str = DOCKERFILE) -> list[str]:
    return [
        *pin_faults(compose, env, dockerfile),
        *port_faults(compose, env),
        *login_faults(compose),
        *outside_faults(compose),
        *grace_faults(compose),
        *pull_faults(compose),
        *health_faults(compose),
        *limit_faults(compose, env),
        *manners_faults(compose, dockerfile),
        *variable_faults(compose, env),
        *setting_faults(compose, LOAD_SOURCES),
    ]


def test_images_ports_health_limits_manners_and_knobs_are_as_promised() -> None:
    assert all_faults(COMPOSE, ENV) == []


def test_every_knob_of_env_says_what_it_is() -> None:
    assert comment_faults(ENV_TEXT) == []


def test_a_knob_without_a_comment_is_found() -> None:
    assert comment_faults("# a\nA=1\n\nB=2\n") == [".env: no comment over B=2"]


def test_without_make_up_pods_and_load_have_what_the_default_scenario_states(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = {
        name: ENV[name] if value is None else fill_in(value, ENV)
        for service in ("app", "load")
        for name, value in environment_of(COMPOSE["services"][service]).items()
    }
    stated, _ = resolve({name: value for name, value in ENV.items() if not name.endswith("_IMAGE")})
    assert {name: plain[name] for name in stated if name.startswith("LAB_")} == {
        name: value for name, value in stated.items() if name.startswith("LAB_")
    }
    assert (plain["LAB_RATE"], plain["LOCUST_USERS"], plain["LAB_STRATEGY"]) == ("", stated["USERS"], "")
    assert float(stated["RATE"]) == read_scenario(ENV["SCENARIO"]).in_the_stack().load.rate_per_s
    for name in environment_of(COMPOSE["services"]["app"]):
        monkeypatch.setenv(name, plain[name])
    Settings()


def test_compose_itself_accepts_the_file() -> None:
    if missing := compose_missing():
        pytest.skip(f"`docker compose config` was not run: {missing}")
    outside = {name: value for name, value in os.environ.items() if name not in ENV}
    ended = subprocess.run(
        ["docker", "compose", "config", "--quiet"],
        cwd=ROOT, env=outside, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_grafana_finds_every_folder_that_it_reads_at_its_start() -> None:
    files = [path for path in (ROOT / "grafana" / "provisioning").rglob("*") if path.is_file()]
    assert {file.parent.name for file in files} == {"alerting", "dashboards", "datasources", "plugins"}
    for file in files:  # of any other kind, it ends
        assert file.suffix == ".yml"
        assert read_yaml(str(file.relative_to(ROOT)))["apiVersion"] == 1


def test_opening_the_port_of_workers_opens_no_other() -> None:
    opened = ENV | {"LOCUST_MASTER_BIND_ADDRESS": "0.0.0.0"}
    places = [fill_in(port, opened) for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert [place for place in places if not place.startswith("127.0.0.1:")] == ["0.0.0.0:5557:5557"]


def test_what_one_may_not_take_goes_to_the_others() -> None:
    capped, heavy = Share("capped", 1, 0.1, 0, 1000, True), Share("heavy", 2, 1.0, 0, 1000, True)
    light = Share("light", 1, 1.0, 0, 100, True)
    left = cpus_left([capped, heavy, light], cores=2.0)
    assert left == pytest.approx({"capped": 0.1, "heavy": 1.9 * 1000 / 2100, "light": 1.9 * 100 / 2100})


def service(name: str, **changed: object) -> Change:
    return lambda compose, env: compose["services"][name].update(changed)


def without(name: str, field: str) -> Change:
    return lambda compose, env: compose["services"][name].pop(field)


def variable(name: str, value: str) -> Change:
    return lambda compose, env: env.update({name: value})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (service("redis", image="redis:8.0"), "redis: the image redis:8.0 is not a pin of .env"),
        (variable("REDIS_IMAGE", "redis:latest"), "REDIS_IMAGE=redis:latest: no version"),
        (variable("REDIS_IMAGE", "redis"), "REDIS_IMAGE=redis: no version"),
        (variable("REDIS_IMAGE", f"redis@sha256:{'0' * 64}"), "no version"),
        (variable("REDIS_IMAGE", "redis:8.0@sha256:0123"), "no version"),
        (variable("PYTHON_IMAGE", "python:3.12-slim"), "not as in .env"),
        (service("grafana", ports=["3000:3000"]), "grafana: the port 3000:3000 is not"),
        (service("grafana", ports=["${GRAFANA_PORT}:3000"]), "grafana: the port"),
        (service("grafana", ports=["${BIND_ADDRESS}:${GRAFANA_PORT}:3000"]), "grafana: the port"),
        (service("grafana", ports=[MASTER]), "grafana: the port"),
        (service("load", ports=["${LOCUST_MASTER_BIND_ADDRESS}:${LOCUST_MASTER_PORT}:5557"]), "load: the port"),
        (service("load", ports=["0.0.0.0:${LOCUST_PORT}:8089"]), "load: the port"),
        (variable("LOCUST_MASTER_BIND_ADDRESS", "0.0.0.0"), "LOCUST_MASTER_BIND_ADDRESS is not 127.0.0.1"),
        (service("grafana", environment={"GF_AUTH_ANONYMOUS_ORG_ROLE": "Admin"}), "ORG_ROLE is not Viewer"),
        (service("grafana", environment={}), "grafana: GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION is not true"),
        (service("grafana", environment={}), "grafana: GF_AUTH_BASIC_ENABLED is not false"),
        (service("grafana", environment={}), "grafana: GF_PLUGINS_PREINSTALL_DISABLED is not true"),
        (service("app", stop_grace_period="3s"), "app: is ended after 3s"),
        (service("app", network_mode="host"), "app: the host's network"),
        (without("load", "healthcheck"), "load: no healthcheck"),
        (service("load", healthcheck={"test": ["CMD", "true"], "interval": "30s"}), "runs every 30s"),
        (
            without("load-worker", "pull_policy"),
            "load-worker: ${COMPOSE_PROJECT_NAME}/load is built here, and looked for",
        ),
        (without("vmalert", "deploy"), "vmalert: no limit"),
        (without("vmalert", "cpu_shares"), "or no cpu_shares"),
        (variable("APP_REPLICAS", "30"), "all together may use"),
        (service("grafana", cpu_shares=4096), "app: is left"),
        (service("front", cpu_shares=4096), "load-worker: is left"),
        (
            service("redis", deploy={"resources": {"limits": {"cpus": "2", "memory": "128m", "pids": 9}}}),
            "more than a core",
        ),
        (
            service("grafana", deploy={"resources": {"limits": {"cpus": "0.3", "memory": "512m", "pids": 9}}}),
            "has cpus 0.3",
        ),
        (
            service("grafana", deploy={"resources": {"limits": {"cpus": "1", "memory": "384m", "pids": 9}}}),
            "has memory_mib 384",
        ),
        (service("grafana", healthcheck={"test": ["CMD", "true"], "interval": "2s"}), "has start_period_s 0"),
        (service("redis", deploy={"resources": {"limits": {"cpus": "1", "memory": "128m"}}}), "redis: no limit"),
        (service("redis", user="0:0"), "redis: runs as root"),
        (without("redis", "user"), "redis: runs as root"),
        (service("app", read_only=False), "app: may write to its image"),
        (without("app", "cap_drop"), "app: keeps capabilities"),
        (service("app", cap_add=["NET_ADMIN"]), "app: keeps capabilities"),
        (without("app", "security_opt"), "app: may gain privileges"),
        (service("app", privileged=True), "app: is privileged"),
        (service("app", container_name="pod"), "app: has a container_name"),
        (service("vmalert", volumes=["./victoriametrics:/etc/victoriametrics"]), "vmalert: may write to"),
        (service("vmalert", volumes=["metrics:/tmp"]), "vmalert: may write to"),
        (service("redis", hostname="${NEW_KNOB}"), "NEW_KNOB is not in .env"),
        (service("redis", hostname="${NEW_KNOB:?needed}"), "NEW_KNOB is not in .env"),
        (service("app", environment={"LAB_TTL": None}), "LAB_TTL is not in .env"),
        (service("app", environment={"LAB_TTL": "5"}), "app: nothing reads LAB_TTL"),
        (service("load", environment={"LAB_TTL_S": "5"}), "load: nothing reads LAB_TTL_S"),
        (variable("OLD_VARIABLE", "1"), ".env: nothing uses OLD_VARIABLE"),
    ],
)
def test_it_finds(change: Change, what: str) -> None:
    compose, env = deepcopy(COMPOSE), dict(ENV)
    change(compose, env)
    faults = all_faults(compose, env)
    assert any(what in fault for fault in faults), f"{what!r} is not among {faults}"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("USER 10001:10001", "USER root", "app: runs as root"),
        ("USER 10001:10001\n", "", "load-worker: runs as root"),
        ("FROM ${PYTHON_IMAGE} AS base", "FROM python:3.13-slim AS base", "FROM python:3.13-slim is not a pin"),
        ("ARG PYTHON_IMAGE=python:3.13-slim", "ARG PYTHON_IMAGE=python:3", "not as in .env"),
    ],
)
def test_it_finds_in_the_dockerfile(old: str, new: str, what: str) -> None:
    assert old in DOCKERFILE
    faults = all_faults(COMPOSE, ENV, DOCKERFILE.replace(old, new))
    assert any(what in fault for fault in faults), f"{what!r} is not among {faults}"

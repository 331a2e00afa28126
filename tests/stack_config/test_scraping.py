"""Who is scraped, and how often, checked without a stack."""

import subprocess
from collections.abc import Callable
from copy import deepcopy
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.stack_config.files import ROOT, Tree, environment_of, read_env, read_yaml, victoria_command

FILE = ROOT / "victoriametrics" / "scrape.yml"
SCRAPE = read_yaml("victoriametrics/scrape.yml")
SERVICES = read_yaml("docker-compose.yml")["services"]
# where each service that has metrics serves them
PORTS = {
    "app": int(str(environment_of(SERVICES["load"])["LAB_TARGETS"]).rpartition(":")[2]),
    "load-worker": int(str(environment_of(SERVICES["load-worker"])["LAB_METRICS_PORT"])),
}


def faults(scrape: Tree) -> list[str]:
    found = []
    if scrape["global"].get("scrape_interval") != "1s":
        found.append("not every second")
    if scrape["global"].get("scrape_timeout") != "900ms":
        found.append("a scrape may outlive its second")
    places = {
        (found_by["service"], int(found_by["port"]))
        for job in scrape["scrape_configs"]
        for discovery in job.get("http_sd_configs", [])
        for found_by in [dict(parse_qsl(urlsplit(discovery["url"]).query))]
    }
    found += [f"nobody scrapes {name}:{port}" for name, port in PORTS.items() if (name, port) not in places]
    found += [f"there is no {name}:{port}" for name, port in places if PORTS.get(name) != port]
    found += [
        f"{job['job_name']}: nobody says by what names its replicas are known"
        for job in scrape["scrape_configs"]
        if not any("/targets?" in discovery["url"] for discovery in job.get("http_sd_configs", []))
    ]
    found += [
        f"{job['job_name']}: names its targets one by one"
        for job in scrape["scrape_configs"]
        if "static_configs" in job
    ]
    return found


def test_every_replica_that_has_metrics_is_found_by_name_and_scraped_each_second() -> None:
    assert faults(SCRAPE) == []


def asked(url: str) -> Callable[[Tree], object]:
    return lambda scrape: scrape["scrape_configs"][0]["http_sd_configs"][0].update(url=url)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda scrape: scrape["global"].update(scrape_interval="5s"), "not every second"),
        (lambda scrape: scrape["global"].pop("scrape_timeout"), "outlive"),
        (lambda scrape: scrape["scrape_configs"].pop(), "nobody scrapes load-worker"),
        (asked("http://app:8000/targets?service=apps&port=8000"), "there is no apps"),
        (asked("http://app:8000/targets?service=app&port=8080"), "there is no app:8080"),
        (asked("http://app:8000/strategies?service=app&port=8000"), "by what names"),
        (lambda scrape: scrape["scrape_configs"][0].update(static_configs=[{}]), "one by one"),
    ],
)
def test_it_finds(change: Callable[[Tree], object], what: str) -> None:
    scrape = deepcopy(SCRAPE)
    change(scrape)
    found = faults(scrape)
    assert any(what in fault for fault in found), f"{what!r} is not among {found}"


def test_the_scraper_itself_accepts_the_file() -> None:
    command = victoria_command("victoria-metrics", read_env()["VICTORIAMETRICS_IMAGE"], FILE)
    if isinstance(command, str):
        pytest.skip(f"`-promscrape.config.dryRun` was not run: {command}")
    run, path = command
    check = [f"-promscrape.config={path}", "-promscrape.config.strictParse=true", "-promscrape.config.dryRun"]
    ended = subprocess.run([*run, *check], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr

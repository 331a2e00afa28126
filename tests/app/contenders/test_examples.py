"""Code for a service of one's own: each example runs, and does over three pods what the advice says of it."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar

import pytest

from app.contender import Contender, KeyOfPod, LoadValue, Site
from loadtest.contract.behaviour.bench import PODS, ProbeBench
from loadtest.contract.behaviour.finding import BehaviourFinding, FindingOutcome, Protection
from loadtest.contract.behaviour.herds import stampedes
from loadtest.contract.behaviour.probe import Answered, Probe
from loadtest.contract.behaviour.probes import PROBES
from loadtest.contract.behaviour.virtual import found_in_virtual_time
from loadtest.studies.advise.library_choice import (
    EXAMPLES,
    LEAGUE,
    AtExpiry,
    LibraryBehaviour,
    behaviour_of,
    cache_aside_example,
    own_example,
)
from loadtest.studies.advise.service_code import filled
from loadtest.studies.league.league_records import read_records
from tests.redis_server import RedisServer

BY_NAME = {path.stem: path for path in sorted(EXAMPLES.glob("*.py"))}
BLOCKING = sorted(name for name, path in BY_NAME.items() if "\ndef get(" in path.read_text(encoding="utf-8"))
ASYNC = sorted(set(BY_NAME) - {*BLOCKING})
_load: ContextVar[LoadValue] = ContextVar("load")


class _KeysOfPod(str):
    """A key template whose keys are those of one pod, because pods of one process share a library's module."""

    pod = ""

    def format(self, *parts: object, **named: object) -> str:
        return KeyOfPod(super().format(*parts, **named), self.pod)


async def _loaded(_key: str) -> str:
    return base64.b64encode(await _load.get()()).decode()


def pod(path: Path, site: Site, **numbers: float) -> dict[str, Any]:
    """The names of an example, as in a process of its own, with `load` as the test has it."""
    own: dict[str, Any] = {"__name__": f"example_of_{site.pod}"}
    source = filled(path.read_text(encoding="utf-8"), {"REDIS_URL": site.redis_url, "TTL_S": site.ttl_s, **numbers})
    head, mark, tail = source.partition("\n\nasync def load(key: str) -> Any:\n")
    _, newline, rest = tail.partition("\n\n\n")
    assert mark
    assert newline, f"{path}: its load is followed by more"
    template = _KeysOfPod(site.prefix.translate(_DOTS) + "{}")
    template.pod = site.pod
    own["KEY_OF_TEST"] = template
    own["load"] = _loaded
    code = head.replace("\nKEY = ", "\nKEY = KEY_OF_TEST or ") + "\n\n\n" + rest
    exec(compile(code, str(path), "exec"), own)
    return own


_DOTS = str.maketrans(dict.fromkeys("{}()/\\@:", "."))


def contender_of(path: Path, **numbers: float) -> type[Contender]:
    """A contender that does nothing but call the example."""

    class Example(Contender):
        name: ClassVar[str] = path.stem

        def __init__(self, site: Site) -> None:
            super().__init__(site)
            self.names = pod(path, site, **numbers)
            self.get_value: Callable[[str], Awaitable[str]] = self.names["get"]

        def serves_stale_s(self, ttl_s: float) -> float:
            return numbers.get("STALE_S", 0.0)

        async def get(self, key: str, load: LoadValue) -> bytes:
            _load.set(load)
            return base64.b64decode(await self.get_value(key.removeprefix(self.site.prefix)))

        async def aclose(self) -> None:
            for name in ("redis", "cache", "pool", "locks"):
                opened = self.names.get(name)
                close = getattr(opened, "aclose", None) or getattr(opened, "close", None)
                if close is not None:
                    await close()

    return Example


def found(path: Path, probe: Probe, **numbers: float) -> BehaviourFinding:
    return found_in_virtual_time(contender_of(path, **numbers), probe)


async def _at_expiry(bench: ProbeBench) -> Answered:
    """Readers at a cold start, and over two expiries: the loads, the share that waited then, and the oldest answer."""
    cold = await bench.herd(30, "k0")
    loads = len(bench.origin.loads)
    later = await bench.traffic(2.4 * bench.scale.ttl_s, 40.0)
    most = max(one.loads for one in stampedes(bench.origin.loads[loads:], later))
    return Answered(None, "", "", {
        "cold": loads,
        "later": most,
        "waited": sum(one.took_s > 0.3 * bench.scale.load_s for one in later),
        "oldest_s": max(one.age_s for one in later if one.value is not None),
        "errors": sum(not one.is_right for one in cold + later),
        "pods": PODS,
    })  # fmt: skip


AT_EXPIRY = Probe("at-expiry", "Who loads, and who waits?", _at_expiry)


@pytest.mark.parametrize("name", [name for name in ASYNC if not name.startswith("_")])
def test_an_example_loads_as_seldom_and_has_readers_wait_as_little_as_the_league_says(name: str) -> None:
    expected = behaviour_of(read_records(LEAGUE), name, "static")
    assert expected is not None
    numbers = found(BY_NAME[name], AT_EXPIRY).numbers
    assert numbers["errors"] == 0
    assert numbers["later"] == (1 if expected.protection is Protection.ONE else PODS)
    assert numbers["cold"] in {1, PODS}
    waited = numbers["waited"] or 0
    assert waited >= 8 if expected.at_expiry is AtExpiry.WAIT else waited <= 4, numbers


@pytest.mark.parametrize(
    ("stated", "low_s", "high_s", "waited"),
    [({}, 4.5, 5.05, range(8, 60)), ({"STALE_S": 4.0}, 5.1, 5.3, range(1)), ({"AHEAD": 0.2}, 4.0, 4.5, range(1))],
)
def test_the_own_code_loads_once_and_serves_old_values_where_it_states_a_window(
    stated: dict[str, float], low_s: float, high_s: float, waited: range
) -> None:
    numbers = found(own_example(), AT_EXPIRY, **stated).numbers
    assert (numbers["cold"], numbers["later"], numbers["errors"]) == (1, 1, 0)
    assert low_s < (numbers["oldest_s"] or 0) < high_s
    assert numbers["waited"] in waited


def test_the_own_code_goes_on_without_redis_and_after_a_leader_that_was_cancelled() -> None:
    for probe in ("away", "leader-cancelled"):
        finding = found(own_example(), next(one for one in PROBES if one.name == probe))
        assert finding.outcome is FindingOutcome.HELD, finding.sentence


def test_plain_cache_aside_has_the_whole_herd_at_an_expiry_and_goes_on_without_redis() -> None:
    numbers = found(cache_aside_example(), AT_EXPIRY).numbers
    assert numbers["errors"] == 0
    assert (numbers["cold"] or 0) > PODS
    assert (numbers["later"] or 0) > PODS
    away = found(cache_aside_example(), next(one for one in PROBES if one.name == "away"))
    assert away.outcome is FindingOutcome.HELD, away.sentence


@pytest.mark.filterwarnings("ignore:Call to deprecated setex")  # by a library
@pytest.mark.parametrize("name", BLOCKING)
def test_a_blocking_example_loads_once_for_all_pods_and_serves_the_old_value_meanwhile(
    name: str, tmp_path: Path
) -> None:
    loads: list[str] = []

    def load(key: str) -> str:
        loads.append(key)
        time.sleep(0.15)
        return f"value {len(loads)}"

    with RedisServer(tmp_path) as server, ThreadPoolExecutor(20) as threads:
        numbers: dict[str, float | str] = {"STALE_S": 30.0, "REDIS_URL": server.url, "TTL_S": 60.0}
        pods = []
        for _ in range(2):
            own: dict[str, Any] = {"__name__": "example"}
            exec(compile(filled(BY_NAME[name].read_text(encoding="utf-8"), numbers), name, "exec"), own)
            own["load"] = load
            pods.append(own)
        cold = [threads.submit(pods[number % 2]["get"], "7") for number in range(20)]
        assert {one.result() for one in cold} == {"value 1"}
        for own in pods:
            own["region"].invalidate(hard=False)  # from now on every entry is past its TTL
        late = [threads.submit(pods[number % 2]["get"], "7") for number in range(20)]
        answers = [one.result() for one in late]
    assert len(loads) == 2
    assert answers.count("value 1") >= 18


def test_every_example_belongs_to_a_contender_that_the_league_has_probed() -> None:
    records = read_records(LEAGUE)
    assert {name for name in BY_NAME if not name.startswith("_")} <= records.probed.keys()
    told = {name: behaviour_of(records, name, "static") for name in BY_NAME if not name.startswith("_")}
    assert None not in told.values()
    assert LibraryBehaviour(Protection.ONE, AtExpiry.OLD) in told.values()
    assert LibraryBehaviour(Protection.ONE, AtExpiry.EARLY) in told.values()
    assert LibraryBehaviour(Protection.ONE, AtExpiry.WAIT) in told.values()


def test_the_placeholder_of_an_example_is_the_only_thing_that_is_missing() -> None:
    for path in BY_NAME.values():
        own: dict[str, Any] = {"__name__": "example"}
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), own)
        assert callable(own["get"])
        if asyncio.iscoroutinefunction(own["load"]):
            with pytest.raises(NotImplementedError):
                asyncio.run(own["load"]("7"))

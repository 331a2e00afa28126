"""Scenarios: workloads as TOML or JSON files. The lab's own are in `loadtest/scenarios/`."""

import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationError, model_validator

from app.latency import Latency
from app.nets.nets import Nets
from app.pooler import SIZE_MAX
from app.proxy import Proxy
from app.settings import Settings, as_variable
from app.strategy import Strategy
from app.writes import Invalidation
from loadtest.workload.client import ClientTable
from loadtest.workload.drill_table import DrillTable
from loadtest.workload.fault_worlds import why_not
from loadtest.workload.faults import Fault
from loadtest.workload.gate import parse_gate
from loadtest.workload.near_names import LAB_LIST, no_such
from loadtest.workload.scenario_tables import (
    RATE_REAL_MAX,
    CacheTable,
    Live,
    OriginTable,
    PayloadTable,
    TunerTable,
    Virtual,
    Warm,
    WarmingTable,
    WritesTable,
)
from loadtest.workload.schema import without_schema
from loadtest.workload.stated_settings import StatedSettings
from loadtest.workload.table import Table, faults_of
from loadtest.workload.text_file import text_of
from loadtest.workload.traffic import Keys, Load
from loadtest.workload.trigger import Trigger, trigger_of

OWN = Path(__file__).parents[1] / "scenarios"
PODS_REAL_MAX = 16
BYTES_MAX = 1 << 20
FAULTS_MAX = 5
"""The most faults of a file that one message names."""
_READERS = {".toml": tomllib.loads, ".json": json.loads}  # a run's own scenario.json can be run again


class BadScenario(ValueError):
    """A scenario that cannot be read; the message names the file, the field and the bound."""


def _gate(text: str) -> str:
    parse_gate(text)
    return text


class Scenario(Table):
    """A validated scenario; its name is the file's where it states none."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    """The name of the scenario, in folders and rows: letters, digits, `_`, `-` and dots; by default the file's."""
    title: str = Field(min_length=1, max_length=200)
    """The title of the report."""
    source: str = ""
    """The source that the workload is from."""
    duration_s: float = Field(ge=1, le=3_600)
    """Seconds of load, of each strategy."""
    pods: int = Field(ge=1, le=10_000)
    """Pods of the service; as processes, 16 at most."""
    load: Load
    """The requests, and when they are sent."""
    keys: Keys
    """The keys that are asked for, and how popular each is."""
    cache: CacheTable
    """The cache's settings."""
    origin: OriginTable
    """The store behind the cache."""
    warm: Warm = Warm()
    """The requests before the load."""
    client: ClientTable = ClientTable()
    """Clients that give up and try again; by default they wait for every answer, and ask once."""
    slow_ms: float = Field(100.0, gt=0, le=60_000)
    """A second counts as slow when at least 1 % of its requests took longer than this many milliseconds."""
    params: dict[str, dict[str, float | str]] = Field(default_factory=dict)
    """Parameters by strategy, as in the setting of the same name."""
    nets: Nets = Nets()
    """The nets of every pod, as in the setting of the same name."""
    gates: list[Annotated[str, AfterValidator(_gate)]] = Field(default_factory=list)
    """Bounds that `lab gate` holds a run of it to, such as "mine.origin_peak_1s <= 10" or "each.errors <= 0"."""
    faults: list[Fault] = Field(default_factory=list)
    """The faults, each with its second of the load: see the kinds below."""
    payload: PayloadTable | None = None
    """The sizes of items; a pod's default where there is none."""
    writes: WritesTable | None = None
    """Writes of items while they are read; None where nothing changes."""
    warming: WarmingTable | None = None
    """Warmers that fill the cache beside the pods; None where only requests fill it."""
    tuner: TunerTable | None = None
    """The tuner of TTLs beside the pods; None where there is none."""
    drill: DrillTable | None = None
    """The table that `lab drill` needs beside the gates, where the scenario is a drill."""
    live: Live = Live()
    """The live load of the stack."""
    virtual: Virtual = Virtual()
    """The properties that virtual time is given, because no machine is there to have them."""

    @model_validator(mode="after")
    def _faults_fit(self) -> "Scenario":
        for number, fault in enumerate(self.faults):
            if fault.at_s >= self.duration_s:
                raise ValueError(f"faults.{number}.at_s must be less than duration_s ({self.duration_s:g})")
            if getattr(fault, "pod", 0) >= self.pods:
                raise ValueError(f"faults.{number}.pod must be less than pods ({self.pods})")
        return self

    @model_validator(mode="after")
    def _shift_fits(self) -> "Scenario":
        if (shift := self.keys.shift) is None:
            return self
        if self.load.loop != "open" or self.load.trace is not None:
            raise ValueError("keys.shift needs an open loop with a rate, whose requests have moments of their own")
        if shift.at_s >= self.duration_s:
            raise ValueError(f"keys.shift.at_s must be less than duration_s ({self.duration_s:g})")
        return self

    @model_validator(mode="after")
    def _warming_fits(self) -> "Scenario":
        if self.warming and (why := self.warming.why_not(self.duration_s, self.keys.count, self.cache.ttl_s)):
            raise ValueError(why)
        return self

    @model_validator(mode="after")
    def _reads_can_be_counted(self) -> "Scenario":
        of_pods = self.pods * self.origin.connections
        if self.origin.slowdown is not None and (self.connections_shared or 0) > SIZE_MAX:
            raise ValueError(
                f"origin.slowdown: pods times origin.connections ({of_pods:,}) must be at most {SIZE_MAX:,}, "
                "unless origin.connections_shared is stated"
            )
        return self

    @property
    def why_only_virtual(self) -> str:
        """The part of this scenario that real processes on one machine cannot do; empty where they can do all of it."""
        return self.why_not_in("native")

    def why_not_in(self, world: str) -> str:
        """The part of this scenario that a world cannot do, and why; empty where it can do all of it."""
        place = "wire" if world == "virtual" and self.virtual.wire else world
        for number, fault in enumerate(self.faults):
            if reason := why_not(fault, place):
                return f"faults.{number}: {fault.kind} is for {_others(fault, place)}: {reason}"
        if world == "virtual":
            return ""
        beyond = {
            "writes: pods take them from loopback alone: make bench, or make sim": (
                self.writes is not None and world != "native"
            ),
            "warming: its warmers are processes of this machine (make bench, make sim); lab warm warms the stack": (
                self.warming is not None and world != "native"
            ),
            f"pods: {self.pods} are for virtual time (make sim); as processes, at most {PODS_REAL_MAX}": (
                self.pods > PODS_REAL_MAX
            ),
            f"load.rate_per_s: more than {RATE_REAL_MAX:,} is for virtual time: make sim": (
                (self.target_rate or 0) > RATE_REAL_MAX
            ),
        }
        return next((why for why, is_so in beyond.items() if is_so), "")

    def why_not_for(self, strategy: type[Strategy]) -> str:
        """The part of this scenario that a contender cannot take, and why; empty for any other strategy."""
        if not strategy.library:
            return ""
        if issubclass(strategy, Proxy) and self.cache.ttl_s % 1:
            return f"cache.ttl_s: a TTL reaches a proxy as whole seconds (max-age), and this is {self.cache.ttl_s:g}"
        if self.warming is not None:
            return "warming: only requests write the entries of a library"
        if self.writes is not None and self.writes.invalidation is not Invalidation.NONE:
            return f"writes.invalidation: {self.writes.invalidation} reaches no entry of a library"
        return ""

    def in_the_stack(self) -> "Scenario":
        """The scenario with the stack's number of keys, and with its rate, which is that of all strategies together."""
        keys = self.keys.model_copy(update={"count": self.live.keys or self.keys.count})
        load = self.load.model_copy(update={"rate_per_s": self.live.rate_per_s or self.load.rate_per_s})
        return self.model_copy(update={"keys": keys, "load": load})

    def over_wire(self) -> "Scenario":
        """The scenario with the wire as the depth of virtual time."""
        return self.model_copy(update={"virtual": self.virtual.model_copy(update={"wire": True})})

    def for_library(self) -> "Scenario":
        """The scenario for a strategy that is a library, which speaks to Redis itself."""
        return self.model_copy(update={"virtual": self.virtual.for_library()})

    def led_by(self, lead_s: float) -> "Scenario":
        """The scenario with `lead_s` seconds between the warm-up and the load, or 0 where that is negative."""
        return self.model_copy(update={"warm": self.warm.model_copy(update={"lead_s": max(0.0, lead_s)})})

    def with_params(self, strategy: str, params: Mapping[str, float | str]) -> "Scenario":
        """The scenario with these parameters of a strategy, in the place of those that it states for it."""
        return self.model_copy(update={"params": {**self.params, strategy: dict(params)}})

    def stated(self, strategy: type[Strategy]) -> Strategy:
        """The strategy with the parameters that this scenario gives it. Raises ValueError where they do not fit."""
        return strategy.stated(self.cache.ttl_s, self.params.get(strategy.name, {}))

    @property
    def target_rate(self) -> float | None:
        """The rate that the load is to reach, in requests per second; None where the answers set the pace."""
        return self.load.rate_per_s

    @property
    def trigger(self) -> Trigger | None:
        """The span in which faults or the load hit the system; None for a run without, see `trigger_of`."""
        found = trigger_of(self.faults, self.load)
        return None if found is None else found.within(self.duration_s)

    @property
    def hot_keys(self) -> NDArray[np.int64]:
        """The keys that are more likely than not asked for while they are being loaded, so that a herd can form."""
        load = self.load
        rate_per_s = load.rate_per_s or (load.users or 0) / (load.think_s or 1.0)
        expected = rate_per_s * self.keys.shares() * Latency.parse(self.origin.latency).mean_ms / 1000
        if self.keys.shift is not None:
            expected = np.maximum(expected, np.roll(expected, self.keys.shift.by))
        return np.flatnonzero(expected > math.log(2))

    @property
    def connections_together(self) -> int:
        """The connections to the origin that all pods have together."""
        of_pods = self.pods * self.origin.connections
        return min(of_pods, self.origin.connections_shared or of_pods)

    def client_of(self, number: int) -> str:
        """The client of a request, as pods tell clients apart: by `nets.client_header`, or else by address.

        It is the user in a closed loop, and in an open loop one for each request. Without that header all requests come
        from the generator's address, and so from one client.
        """
        if not self.nets.client_header:
            return ""
        return str(number if self.load.users is None else number % self.load.users)

    @property
    def loads_let_in(self) -> int:
        """The loads at once that a pod turns none of away: those that read, those that may queue, within its limit."""
        limit = self.nets.limit
        return self._reads_and_queue if limit is None else min(self._reads_and_queue, limit.initial)

    @property
    def loads_held_max(self) -> int:
        """The most loads at once that a pod may come to hold: its limit may have grown as far as it goes."""
        limit = self.nets.limit
        return self._reads_and_queue if limit is None else min(self._reads_and_queue, limit.most)

    @property
    def _reads_and_queue(self) -> int:
        settings, queue_max = self.pod_settings(seed=0, pod="any"), self.nets.queue_max
        return settings.origin_connections + (settings.origin_queue_max if queue_max is None else queue_max)

    @property
    def connections_shared(self) -> int | None:
        """The connections that a pooler hands out; None where each pod goes by its own.

        There is a pooler where pods can come to queue for shared connections. An origin that slows down needs one
        to count the reads under way; for that alone, it has as many connections as the pods.
        """
        shared, of_pods = self.origin.connections_shared, self.pods * self.origin.connections
        if shared is not None and shared < of_pods:
            return shared
        return None if self.origin.slowdown is None else of_pods

    @property
    def without_effect(self) -> list[str]:
        """The parts of it that have no effect, in sentences."""
        shared, of_pods = self.origin.connections_shared, self.pods * self.origin.connections
        said = []
        if shared is not None and shared >= of_pods:
            said.append(f"origin.connections_shared ({shared:,}) has no effect: the pods have {of_pods:,} of their own")
        phases, begun = self.load.phases, sum(span.begin_s < self.duration_s for span in self.load.spans(math.inf)[:-1])
        if begun < len(phases):
            over_s = self.duration_s
            said.append(f"load.phases.{begun} and later ones have no effect: the load is over at {over_s:g} s")
        return said + self.client.without_effect

    def pod_settings(self, seed: int, pod: str) -> Settings:
        """The settings of a pod in this process: what the scenario states, and a pod's defaults for the rest."""
        return StatedSettings(pod=pod, **self._stated(seed))

    def pod_environment(self, seed: int) -> dict[str, str]:
        """The environment variables that give the scenario's settings to a pod in a process of its own."""
        return {f"LAB_{name.upper()}": as_variable(value) for name, value in self._stated(seed).items()}

    def _stated(self, seed: int) -> dict[str, Any]:
        return {
            "seed": seed,
            "ttl_s": self.cache.ttl_s,
            "items": self.keys.count,
            "key_space": self.keys.ids,
            "origin_latency": self.origin.latency,
            "origin_connections": self.origin.connections,
            "origin_connections_shared": self.connections_shared,
            "origin_timeout_ms": self.origin.timeout_ms,
            "origin_slowdown": None if self.origin.slowdown is None else self.origin.slowdown.model_dump(),
            "tuner_every_s": None if self.tuner is None else self.tuner.every_s,
            "params": self.params,
            "nets": self.nets.model_dump(mode="json", exclude_defaults=True),
            **({} if self.payload is None else {"payload_bytes": self.payload.bytes}),
            **({} if self.writes is None else {"invalidation": str(self.writes.invalidation)}),
        }


_MADE_BY: dict[str, str] = {
    "virtual": "virtual time (make sim)",
    "wire": "virtual time over the wire (make sim WIRE=1)",
    "native": "processes here (make bench)",
}


def _others(fault: Fault, world: str) -> str:
    """The other worlds that can do a fault, with the commands for them."""
    able = [other for other in _MADE_BY if other != world and not why_not(fault, other)]
    if "virtual" in able:
        able.remove("wire")  # what the simulated cache can do needs no wire
    return " or ".join(_MADE_BY[other] for other in able)


def scenario_names() -> list[str]:
    return sorted(path.stem for path in OWN.glob("*.toml"))


def read_scenario(name_or_path: str, **overrides: Any) -> Scenario:
    """The scenario of that name or in that file, with its top-level fields replaced by `overrides`.

    A trace's path counts from the folder of the file. Raises `BadScenario`.
    """
    path = Path(name_or_path)
    if path.suffix.lower() not in _READERS:
        if name_or_path not in scenario_names():
            raise BadScenario(_no_scenario(path, name_or_path))
        path = OWN / f"{name_or_path}.toml"
    table = _table(path)
    stated = {field: value for field, value in overrides.items() if value is not None}
    try:
        scenario = Scenario.model_validate({"name": name_from(path.stem)} | table | stated)
    except ValidationError as error:
        faults = faults_of(error, "scenario", Scenario)
        more = [f"and {len(faults) - FAULTS_MAX} more"] if len(faults) > FAULTS_MAX else []
        raise BadScenario(f"{path}: {'; '.join(faults[:FAULTS_MAX] + more)}") from None
    if scenario.load.trace is None:
        return scenario
    trace = (path.parent / scenario.load.trace).absolute()
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"trace": str(trace)})})


def _no_scenario(path: Path, name: str) -> str:
    """The message that neither a scenario of the lab nor a file of one has that name."""
    if name and path.is_dir():
        return f"{name}: is a folder; a scenario is a .toml file"
    if path.exists():
        return f"{name}: is no scenario: its name must end with .toml (or with .json)"
    if path.suffix:  # a scenario's own name has none
        return f"there is no file {name}; a scenario is a .toml file, and {LAB_LIST}"
    return no_such("scenario", name, scenario_names(), LAB_LIST, "a .toml file")


def name_from(stem: str) -> str:
    """A scenario's name from its file's, without the characters that folders and rows are better without."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-._")[:64] or "scenario"


def _table(path: Path) -> dict[str, Any]:
    """The table that a file holds. Raises `BadScenario`."""
    try:
        table = _READERS[path.suffix.lower()](text_of(path, BYTES_MAX))
        if not isinstance(table, dict):
            raise ValueError("must be a table of fields")
        return without_schema(table)
    except FileNotFoundError:
        raise BadScenario(f"there is no file {path}") from None
    except OSError as error:
        raise BadScenario(f"{path}: {error.strerror}") from None
    except RecursionError:
        raise BadScenario(f"{path}: is nested too deeply") from None
    except ValueError as error:
        raise BadScenario(f"{path}: {error}") from None

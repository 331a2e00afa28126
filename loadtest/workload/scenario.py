"""A workload, as a TOML file. The lab's own are in `loadtest/scenarios/`; a path to any other works the same way."""

import json
import math
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.latency import Latency
from app.pooler import SIZE_MAX
from app.settings import Settings, as_variable
from app.strategy import Strategy
from loadtest.workload.faults import Fault
from loadtest.workload.gate import parse_gate
from loadtest.workload.schema import without_schema
from loadtest.workload.table import Table
from loadtest.workload.text_file import text_of
from loadtest.workload.traffic import Keys, Load

OWN = Path(__file__).parents[1] / "scenarios"
PODS_REAL_MAX = 16
RATE_REAL_MAX = 50_000
BYTES_MAX = 1 << 20
FAULTS_MAX = 5
"""Of a file, told at once."""
_READERS = {".toml": tomllib.loads, ".json": json.loads}  # a run's own scenario.json can be run again


class BadScenario(ValueError):
    """The text names the file, the field and the bound."""


def _latency(text: str) -> str:
    Latency.parse(text)
    return text


def _gate(text: str) -> str:
    parse_gate(text)
    return text


LatencyText = Annotated[str, AfterValidator(_latency)]


class CacheTable(Table):
    """`[cache]` of a scenario."""

    ttl_s: float = Field(ge=0.05, le=86_400)


class OriginTable(Table):
    """`[origin]` of a scenario."""

    latency: LatencyText
    connections: int = Field(ge=1, le=256)
    """Per pod and strategy. Large enough not to shape the result, unless that is what the scenario is about."""
    connections_shared: int | None = Field(None, ge=1, le=SIZE_MAX)
    """Of all pods together, per strategy, handed out first come, first served; a read needs one of both: first of its
    pod's, with which it queues for a shared one. None: each pod has its own and no more is said."""


class Warm(Table):
    """What happens before the clock starts."""

    keys: Literal["none", "burst"] = "none"
    """burst: every key is asked for once, all at the same moment, so that all entries are written together."""
    lead_s: float = Field(0, ge=0, le=60)
    """In virtual time: from the burst's end to the load. Elsewhere it is what starting the load takes."""


class Virtual(Table):
    """What only virtual time has to be told: what a machine and a network do by themselves."""

    network: LatencyText = "fixed(0.25)"
    """One way between client and pod, and between pod and pooler, ms; a distribution as the origin's latency."""
    redis: LatencyText = "fixed(0)"
    """A command to Redis and back, ms."""
    redis_entries_max: int | None = Field(None, ge=1, le=100_000_000)
    """Entries that Redis has room for; then its policy decides."""
    redis_policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru"
    service_us: float = Field(0, ge=0, le=1_000_000)
    """CPU time of a request in its pod, which does one at a time; 0: a pod's CPU is never full."""


class Live(Table):
    """What the stack makes of the scenario: it sends for ever, and to all strategies at once."""

    rate_per_s: float | None = Field(None, gt=0, le=RATE_REAL_MAX)
    """Requests per second, of all strategies together. Without it the stack comes as close to the load's own rate for
    each of them as it can."""
    strategies: list[str] = Field(default_factory=list)
    """Who is asked; default: all that there are."""
    keys: int | None = Field(None, ge=1, le=1_000_000)
    """How many are asked for; default: as many as elsewhere. A rate that is lower than elsewhere leaves each key so few
    requests that what happens to one that is asked for often cannot be seen."""


class StatedSettings(Settings):
    """Settings that are what they are given, whatever is set around this process."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


class Scenario(Table):
    """A validated scenario. `name` is made from the file's, where it states none."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    source: str = ""
    duration_s: float = Field(ge=1, le=3_600)
    pods: int = Field(ge=1, le=10_000)
    load: Load
    keys: Keys
    cache: CacheTable
    origin: OriginTable
    warm: Warm = Warm()
    slow_ms: float = Field(100.0, gt=0, le=60_000)
    """A second counts as slow when 1 % of its requests took longer."""
    params: dict[str, dict[str, float | str]] = Field(default_factory=dict)
    """Tunables by strategy, as in the setting of the same name."""
    gates: list[Annotated[str, AfterValidator(_gate)]] = Field(default_factory=list)
    """What `lab gate` holds a run of it to, such as "mine.origin_peak_1s <= 10"."""
    faults: list[Fault] = Field(default_factory=list)
    live: Live = Live()
    virtual: Virtual = Virtual()

    @model_validator(mode="after")
    def _faults_fit(self) -> "Scenario":
        for number, fault in enumerate(self.faults):
            if fault.at_s >= self.duration_s:
                raise ValueError(f"faults.{number}.at_s must be less than duration_s ({self.duration_s:g})")
            if getattr(fault, "pod", 0) >= self.pods:
                raise ValueError(f"faults.{number}.pod must be less than pods ({self.pods})")
        return self

    @property
    def why_only_virtual(self) -> str:
        """What in this scenario real processes on one machine cannot do; nothing where they can."""
        if self.faults:
            return f"faults.0: {self.faults[0].kind} on time is for virtual time: make sim"
        if self.pods > PODS_REAL_MAX:
            return f"pods: {self.pods} are for virtual time (make sim); as processes, at most {PODS_REAL_MAX}"
        if (self.target_rate or 0) > RATE_REAL_MAX:
            return f"load.rate_per_s: more than {RATE_REAL_MAX:,} is for virtual time: make sim"
        return ""

    def in_the_stack(self) -> "Scenario":
        """The same as the stack has it: its keys, and its rate, which is that of all strategies together."""
        keys = self.keys.model_copy(update={"count": self.live.keys or self.keys.count})
        load = self.load.model_copy(update={"rate_per_s": self.live.rate_per_s or self.load.rate_per_s})
        return self.model_copy(update={"keys": keys, "load": load})

    def led_by(self, lead_s: float) -> "Scenario":
        """The same, with so long between the warm-up and the load; clocks that disagree make it no less than 0."""
        return self.model_copy(update={"warm": self.warm.model_copy(update={"lead_s": max(0.0, lead_s)})})

    def stated(self, strategy: type[Strategy]) -> Strategy:
        """The strategy with its parameters as this scenario tunes them. Raises ValueError where it cannot be."""
        return strategy.stated(self.cache.ttl_s, self.params.get(strategy.name, {}))

    @property
    def target_rate(self) -> float | None:
        """Requests per second that the load is to reach; None where the answers set the pace."""
        return self.load.rate_per_s

    @property
    def hot_keys(self) -> NDArray[np.int64]:
        """Keys that are more likely than not asked for while they are being loaded, so that a herd can form."""
        load = self.load
        rate_per_s = load.rate_per_s or (load.users or 0) / (load.think_s or 1.0)
        expected = rate_per_s * self.keys.shares() * Latency.parse(self.origin.latency).mean_ms / 1000
        return np.flatnonzero(expected > math.log(2))

    @property
    def connections_together(self) -> int:
        """That the origin has for all pods."""
        of_pods = self.pods * self.origin.connections
        return min(of_pods, self.origin.connections_shared or of_pods)

    @property
    def connections_shared(self) -> int | None:
        """As far as pods can come to share them: none where they have no more than these for themselves."""
        shared = self.origin.connections_shared
        return shared if shared is not None and shared < self.pods * self.origin.connections else None

    @property
    def without_effect(self) -> list[str]:
        """What it states and nothing comes of, in words."""
        shared, of_pods = self.origin.connections_shared, self.pods * self.origin.connections
        if shared is None or self.connections_shared is not None:
            return []
        return [
            f"origin.connections_shared ({shared:,}) has no effect: the pods have {of_pods:,} connections of their own"
        ]

    def pod_settings(self, seed: int, pod: str) -> Settings:
        """The settings of a pod in this process: what the scenario states, and for the rest a pod's own."""
        return StatedSettings(pod=pod, **self._stated(seed))

    def pod_environment(self, seed: int) -> dict[str, str]:
        """The settings that this scenario states, for a pod in a process of its own."""
        return {f"LAB_{name.upper()}": as_variable(value) for name, value in self._stated(seed).items()}

    def _stated(self, seed: int) -> dict[str, Any]:
        return {
            "seed": seed,
            "ttl_s": self.cache.ttl_s,
            "items": self.keys.count,
            "key_space": self.keys.count,
            "origin_latency": self.origin.latency,
            "origin_connections": self.origin.connections,
            "origin_connections_shared": self.connections_shared,
            "params": self.params,
        }


def scenario_names() -> list[str]:
    return sorted(path.stem for path in OWN.glob("*.toml"))


def read_scenario(name_or_path: str, **overrides: Any) -> Scenario:
    """The scenario of that name, or in that file; `overrides` replace top-level fields. A trace is found from where the
    file is. Raises `BadScenario`."""
    path = Path(name_or_path)
    if path.suffix.lower() not in _READERS:
        if name_or_path not in scenario_names():
            raise BadScenario(
                f"there is no scenario {name_or_path!r}: name one of {', '.join(scenario_names())}, or a .toml file"
            )
        path = OWN / f"{name_or_path}.toml"
    table = _table(path)
    stated = {field: value for field, value in overrides.items() if value is not None}
    try:
        scenario = Scenario.model_validate({"name": name_from(path.stem)} | table | stated)
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'scenario'}: {fault['msg']}" for fault in error.errors()
        ]
        more = [f"and {len(faults) - FAULTS_MAX} more"] if len(faults) > FAULTS_MAX else []
        raise BadScenario(f"{path}: {'; '.join(faults[:FAULTS_MAX] + more)}") from None
    if scenario.load.trace is None:
        return scenario
    trace = (path.parent / scenario.load.trace).absolute()
    return scenario.model_copy(update={"load": scenario.load.model_copy(update={"trace": str(trace)})})


def name_from(stem: str) -> str:
    """A scenario's name from its file's, which may hold what folders and rows are better without."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", stem) if not unicodedata.combining(letter))
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", plain).strip("-._")[:64] or "scenario"


def _table(path: Path) -> dict[str, Any]:
    """Raises `BadScenario`."""
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

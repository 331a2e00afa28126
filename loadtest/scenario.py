"""A workload, as a TOML file. The lab's own are in `loadtest/scenarios/`; a path to any other works the same way."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.latency import Latency

OWN = Path(__file__).parent / "scenarios"
_READERS = {".toml": tomllib.loads, ".json": json.loads}  # a run's own scenario.json can be run again


class BadScenario(ValueError):
    """The text names the file, the field and the bound."""


def _latency(text: str) -> str:
    Latency.parse(text)
    return text


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Load(_Table):
    """Who asks. Closed loop: each user waits for its answer before it asks again."""

    users: int = Field(ge=1, le=5_000)
    think_s: float | None = Field(None, gt=0, le=60)
    """Pause between an answer and the user's next request."""
    rate_per_s: float | None = Field(None, gt=0, le=50_000)
    """Requests per second of all users together, each on a fixed timetable; latency counts from the timetable."""

    @model_validator(mode="after")
    def _one_pace(self) -> "Load":
        if (self.think_s is None) == (self.rate_per_s is None):
            raise ValueError("state either think_s or rate_per_s")
        return self


class Keys(_Table):
    """What is asked for: ids 0 to count - 1."""

    count: int = Field(ge=1, le=1_000_000)
    hot_share: float | None = Field(None, gt=0, lt=1)
    """Share of the requests that goes to id 0; the rest is uniform over the others. Without it all are uniform."""

    @model_validator(mode="after")
    def _others(self) -> "Keys":
        if self.hot_share is not None and self.count < 2:
            raise ValueError("hot_share needs a count of at least 2")
        return self


class CacheTable(_Table):
    ttl_s: float = Field(ge=0.05, le=86_400)


class OriginTable(_Table):
    latency: Annotated[str, AfterValidator(_latency)]
    connections: int = Field(ge=1, le=256)
    """Per pod and strategy. Large enough not to shape the result, unless that is what the scenario is about."""


class Warm(_Table):
    """What happens before the clock starts."""

    keys: Literal["none", "burst"] = "none"
    """burst: every key is asked for once, all at the same moment, so that all entries are written together."""


class Scenario(_Table):
    """A validated scenario. `name` is the file's name without its ending."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    title: str = Field(min_length=1, max_length=200)
    source: str = ""
    duration_s: float = Field(ge=1, le=3_600)
    pods: int = Field(ge=1, le=16)
    load: Load
    keys: Keys
    cache: CacheTable
    origin: OriginTable
    warm: Warm = Warm()
    tune: dict[str, dict[str, float | str]] = {}
    """Tunables by strategy, as in the setting of the same name."""

    @property
    def target_rate(self) -> float | None:
        """Requests per second that the load is to reach; None where the answers set the pace."""
        return self.load.rate_per_s

    def pod_environment(self, seed: int) -> dict[str, str]:
        """The settings of a pod (see `app.settings`) that this scenario states."""
        return {
            "LAB_SEED": str(seed),
            "LAB_TTL_S": str(self.cache.ttl_s),
            "LAB_ITEMS": str(self.keys.count),
            "LAB_KEY_SPACE": str(self.keys.count),
            "LAB_ORIGIN_LATENCY": self.origin.latency,
            "LAB_ORIGIN_CONNECTIONS": str(self.origin.connections),
            "LAB_TUNE": json.dumps(self.tune),
        }


def scenario_names() -> list[str]:
    return sorted(path.stem for path in OWN.glob("*.toml"))


def read_scenario(name_or_path: str, **overrides: Any) -> Scenario:
    """The scenario of that name, or in that file; `overrides` replace top-level fields. Raises `BadScenario`."""
    path = Path(name_or_path)
    if path.suffix not in _READERS:
        path = OWN / f"{name_or_path}.toml"
    try:
        table = _READERS[path.suffix](path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadScenario(
            f"there is no scenario {name_or_path!r}: name one of {', '.join(scenario_names())}, or a .toml file"
        ) from None
    except (OSError, ValueError) as error:
        raise BadScenario(f"{path}: {error}") from None
    stated = {field: value for field, value in overrides.items() if value is not None}
    try:
        return Scenario.model_validate({"name": path.stem} | table | stated)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'scenario'}: {fault['msg']}" for fault in error.errors()
        )
        raise BadScenario(f"{path}: {faults}") from None

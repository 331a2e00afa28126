"""Every setting of a pod, with its unit, its bounds and its reason; environment variables with the prefix `LAB_`."""

import json
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import payload
from app.latency import Latency
from app.nets.nets import Nets
from app.peers.names import read_peers
from app.pooler import PORT, SIZE_MAX
from app.redis_url import checked
from app.slowdown import Slowdown
from app.strategy_groups import CONTENDERS
from app.writes import Invalidation

Milliseconds = Annotated[float, Field(ge=1, le=600_000)]
ORIGIN_TIMEOUT_MS = 5_000.0
"""The time-out of a load, unless it is stated."""


def _is_latency(text: str) -> str:
    Latency.parse(text)
    return text


def _is_shown(text: str) -> str:
    """The text, unchanged; it becomes a header of every answer. Raises ValueError unless it can."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable, and not blank")
    return text


def _is_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise ValueError("must be host:port")
    return text


def contenders_named(given: object) -> str:
    """The names of contenders without spaces, or the word for all; empty where none is named."""
    said = str(given).strip().lower()
    if said in {"", "0", "false"}:
        return ""
    return CONTENDERS if said in {"1", "true"} else said.replace(" ", "")


def _are_peers(text: str) -> str:
    read_peers(text)
    return text


def _table(given: object) -> object:
    """A table from the JSON of its variable; None where that is empty. Raises ValueError."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given) if given.strip() else None
    except ValueError:
        raise ValueError("must be a JSON object") from None


def as_variable(value: object) -> str:
    """A setting as the text of its environment variable; empty for None."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict) else str(value)


class Settings(BaseSettings):
    """The settings of a pod, read once at its start. Raises pydantic.ValidationError naming the field and the bound."""

    model_config = SettingsConfigDict(env_prefix="LAB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    pod: Annotated[str, AfterValidator(_is_shown)] = Field(default_factory=socket.gethostname, max_length=64)
    """The pod's name in X-Served-By, in the ledger and in the metrics; in the stack Docker's DNS gives it."""
    seed: int = Field(1, ge=0, lt=2**63)
    """The seed of the origin's latencies and of every random choice of a strategy."""

    # What is cached, and for how long
    ttl_s: float = Field(5.0, ge=0.05, le=86_400)
    """How long an entry is fresh."""
    negative_ttl_s: float = Field(1.0, ge=0.05, le=3_600)
    """How long the absence of an item is remembered: short, so that a new item shows soon."""
    params: dict[str, dict[str, float | str]] = {}
    """Parameters by strategy, as JSON: {"xfetch": {"beta": 2}}."""
    tuner_every_s: Annotated[float | None, BeforeValidator(lambda given: given if given != "" else None)] = Field(
        None, ge=0.1, le=3_600
    )
    """How often the tuner beside the pods sets TTLs (`app.tuner`); empty: there is no tuner."""
    references: bool = False
    """Whether references (app/strategies/references/) are served too; never in the live stack."""
    wrong: bool = False
    """Whether mistakes (app/strategies/wrong/) are served too."""
    contenders: Annotated[str, BeforeValidator(contenders_named)] = ""
    """The contenders (app/contenders/) that are served too, by comma; 1: all whose libraries are installed.

    The libraries of the others are not imported, so that none can disturb a run of another.
    """

    faults: bool = False
    """Whether the pod has the control that makes its origin fail (app/troubled_store.py), which loopback may call."""

    # The key space and the slow store behind it
    items: int = Field(1_000, ge=1, le=1_000_000)
    """Rows in the store: ids 0 to items - 1."""
    key_space: int = Field(1_024, ge=1, le=1_000_000)
    """Ids that may be asked for: 0 to key_space - 1. Those from `items` on do not exist (404, negative entry)."""
    payload_bytes: Annotated[str, BeforeValidator(payload.stated)] = payload.DEFAULT
    """The length of an item's text: a number, uniform(low, high) or lognormal(median, sigma); see `app.payload`."""
    change_every_s: float = Field(30.0, ge=0.01, le=1e9)
    """How often an item gets a new version, so that an old value coming back is noticed."""
    invalidation: Annotated[Invalidation | None, BeforeValidator(lambda given: given or None)] = None
    """The fate of an entry whose item is written; empty: no item is ever written."""
    origin_path: Path = Path("origin.sqlite")
    """The SQLite file of the store; it is made and filled at the first start."""
    origin_latency: Annotated[str, AfterValidator(_is_latency)] = "fixed(200)"
    """How long a read holds its connection: fixed(ms), uniform(low, high) or lognormal(median, sigma)."""
    origin_connections: int = Field(32, ge=1, le=256)
    """Connections to the origin per strategy, opened as needed; with the latency they are its capacity."""
    origin_connections_shared: Annotated[int | None, BeforeValidator(lambda given: given if given != "" else None)] = (
        Field(None, ge=1, le=SIZE_MAX)
    )
    """Connections of all pods together, per strategy; a read needs one of these too. Empty: no such bound."""
    origin_pooler: Annotated[str, AfterValidator(_is_address)] = f"127.0.0.1:{PORT}"
    """The pooler's address, `host:port` (`python -m app.pooler`); used only where connections are shared."""
    origin_slowdown: Annotated[Slowdown | None, NoDecode, BeforeValidator(_table)] = None
    """How the latency grows with the reads under way, as JSON: {"knee": 20, "per_read": 0.1, "times_max": 8}.

    The pooler tells how many are under way in all pods. Where pods share no connections, a pod counts its own alone.
    """
    origin_queue_max: int = Field(1_024, ge=0, le=100_000)
    """Reads per strategy that may wait for a connection; one more is shed."""
    origin_timeout_ms: Milliseconds = ORIGIN_TIMEOUT_MS
    """The time after which a load counts as failed, queueing included."""
    ledger_rows_max: int = Field(500_000, ge=1, le=10_000_000)
    """Reads that the ledger holds; older ones are dropped, and counted."""

    # Connections to the pod, and its end
    connections_max: int = Field(10_000, ge=1, le=1_000_000)
    """Connections of clients at once, as far as files may be open; one more is answered 503 and closed."""
    head_bytes_max: int = Field(16_384, ge=256, le=1_048_576)
    """The size of a request's line and headers; a larger one is answered 431 and closed."""
    head_timeout_ms: Milliseconds = 10_000.0
    """The time from the connection, or a request's first byte, to the end of its head: beyond it, 408 and closed."""
    keep_alive_ms: Milliseconds = 5_000.0
    """How long a connection stays open between two requests."""
    grace_s: float = Field(3.0, ge=0, le=600)
    """The time between SIGTERM and the end, in which the pod is not ready and finishes requests in flight."""

    # Redis
    redis_url: Annotated[str, AfterValidator(checked)] = Field("redis://127.0.0.1:6379/0", repr=False)
    """The URL of Redis; `app.redis_url` states the forms that are taken."""
    redis_timeout_ms: Milliseconds = 250.0
    """The time-out of a command, and of connecting; time in which the pod's own loop is busy does not count."""
    cache_budget_ms: Milliseconds = 250.0
    """The time that one request may wait for Redis, all its commands together; then it goes on without the cache."""
    redis_retries: int = Field(1, ge=0, le=5)
    """Further tries of a command whose connection turned out to be closed."""
    redis_pause_ms: Milliseconds = 250.0
    """How long Redis is left alone once it is away, so that a dead one costs no time-out per request."""
    read_batch_max: int = Field(256, ge=1, le=10_000)
    """Keys in one MGET, at most."""
    read_batches_in_flight_max: int = Field(2, ge=1, le=64)
    """MGETs at once; a second one is sent only if it is full, and further keys wait for a reply."""
    reads_waiting_max: int = Field(10_000, ge=1, le=1_000_000)
    """Reads that wait to be sent; one more goes on without the cache."""
    local_bytes_max: int = Field(8_388_608, ge=1, le=2**32)
    """Bytes of a strategy's local tier in a pod, where it has one; the copy used longest ago makes room."""

    # Counts and settings that strategies may use
    count_flush_ms: Milliseconds = 100.0
    """How often a pod sends what it has counted; accesses may be counted as much too late."""
    counted_keys_max: int = Field(10_000, ge=1, le=1_000_000)
    """Keys that a pod counts between two batches; accesses to further ones are not counted, but reported."""
    settings_poll_ms: Milliseconds = 1_000.0
    """How old the pod's view of settings by prefix may be at a use, should a notification be lost."""

    # Coordination
    lease_ms: Milliseconds = 1_000.0
    """How long a lock outlives a dead holder, at most; a living holder renews it each third of this."""
    wait_ms_max: Milliseconds = 5_000.0
    """How long a request waits for another's load before it is shed."""
    poll_ms: Milliseconds = 100.0
    """How often a waiter looks by itself, should a notification be lost; jittered by half."""
    refresh_pause_ms: Milliseconds = 500.0
    """How long after a failed refresh a pod starts none of the same key."""
    flights_max: int = Field(10_000, ge=1, le=1_000_000)
    """Keys that a pod loads at once; one more is shed."""

    # The other pods, which a strategy may ask
    peers: Annotated[str, AfterValidator(_are_peers)] = ""
    """The pods behind the same cache: `pod-1=127.0.0.1:8001,pod-2=…`, or `dns:app:8000` for all behind a name.

    Empty: this pod knows no other, and loads by itself.
    """
    peer_timeout_ms: Milliseconds = 500.0
    """How long a pod that was asked may be silent; one that works gives a sign each third of this."""
    peer_pause_ms: Milliseconds = 1_000.0
    """How long a pod that was away is asked nothing, so that its keys belong to the next in line."""
    peer_asks_max: int = Field(64, ge=1, le=4_096)
    """Connections to other pods at once, each for one question; further questions wait."""

    # What holds in an outage
    nets: Nets = Nets()
    """The nets round every strategy and its origin, as JSON: {"stale_if_error_s": 30}; see `app.nets.nets`."""

    @model_validator(mode="after")
    def _items_fit(self) -> "Settings":
        if self.items > self.key_space:
            raise ValueError(f"items ({self.items}) must be at most key_space ({self.key_space})")
        return self

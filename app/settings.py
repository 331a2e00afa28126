"""Every setting of a pod, with its unit, its bounds and a line of why. Environment variables, prefix `LAB_`."""

import json
import socket
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.latency import Latency
from app.pooler import PORT, SIZE_MAX
from app.redis_url import checked

Milliseconds = Annotated[float, Field(ge=1, le=600_000)]


def _is_latency(text: str) -> str:
    Latency.parse(text)
    return text


def _is_shown(text: str) -> str:
    """It stands in a header of every answer."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable, and not blank")
    return text


def _is_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise ValueError("must be host:port")
    return text


def as_variable(value: object) -> str:
    """A setting as its environment variable states it; nothing for none."""
    if value is None:
        return ""
    return json.dumps(value) if isinstance(value, dict) else str(value)


class Settings(BaseSettings):
    """Read once at start-up. Raises pydantic.ValidationError naming the field and the bound."""

    model_config = SettingsConfigDict(env_prefix="LAB_", frozen=True, extra="ignore", hide_input_in_errors=True)

    pod: Annotated[str, AfterValidator(_is_shown)] = Field(default_factory=socket.gethostname, max_length=64)
    """Names this process in X-Served-By, in the ledger and in the metrics; in the stack it finds it out by itself."""
    seed: int = Field(1, ge=0, lt=2**63)
    """Of the origin's latencies and of every random choice of a strategy."""

    # What is cached, and for how long
    ttl_s: float = Field(5.0, ge=0.05, le=86_400)
    """How long an entry is fresh."""
    negative_ttl_s: float = Field(1.0, ge=0.05, le=3_600)
    """How long the absence of an item is remembered: short, so that a new item shows soon."""
    params: dict[str, dict[str, float | str]] = {}
    """Tunables by strategy, as JSON: {"xfetch": {"beta": 2}}."""
    references: bool = False
    """Whether the bounds (app/strategies/references/) are served too; never in the live stack."""

    # The key space and the slow store behind it
    items: int = Field(1_000, ge=1, le=1_000_000)
    """Rows in the store: ids 0 to items - 1."""
    key_space: int = Field(1_024, ge=1, le=1_000_000)
    """Ids that may be asked for: 0 to key_space - 1. Those from `items` on do not exist (404, negative entry)."""
    payload_bytes: int = Field(512, ge=16, le=1_000_000)
    """Text in an item."""
    change_every_s: float = Field(30.0, ge=0.01, le=1e9)
    """An item gets a new version this often, so that an old value coming back is seen."""
    origin_path: Path = Path("origin.sqlite")
    """The SQLite file; made and filled on first start."""
    origin_latency: Annotated[str, AfterValidator(_is_latency)] = "fixed(200)"
    """How long a read holds its connection: fixed(ms), uniform(low, high) or lognormal(median, sigma)."""
    origin_connections: int = Field(32, ge=1, le=256)
    """Connections per strategy; with the latency this is the origin's capacity. Lazily opened."""
    origin_connections_shared: Annotated[int | None, BeforeValidator(lambda given: given if given != "" else None)] = (
        Field(None, ge=1, le=SIZE_MAX)
    )
    """Of all pods together, per strategy, handed out by the pooler; a read needs one of both. Empty: no such bound."""
    origin_pooler: Annotated[str, AfterValidator(_is_address)] = f"127.0.0.1:{PORT}"
    """Where the pooler is, `host:port` (`python -m app.pooler`); asked only where connections are shared."""
    origin_queue_max: int = Field(1_024, ge=0, le=100_000)
    """Reads that may wait for a connection; one more is shed."""
    origin_timeout_ms: Milliseconds = 5_000.0
    """After this a load counts as failed, queueing included."""
    ledger_rows_max: int = Field(500_000, ge=1, le=10_000_000)
    """Reads remembered for the lab; older ones are dropped, and counted."""

    # Connections to the pod, and its end
    connections_max: int = Field(10_000, ge=1, le=1_000_000)
    """Open at once, where the system allows so many files; one more is answered 503 and closed."""
    head_bytes_max: int = Field(16_384, ge=256, le=1_048_576)
    """Of a request's line and headers; a larger one is answered 431 and closed."""
    head_timeout_ms: Milliseconds = 10_000.0
    """From the connection, or a request's first byte, to the end of its head: who is slower is cut off."""
    keep_alive_ms: Milliseconds = 5_000.0
    """How long a connection stays open between two requests."""
    grace_s: float = Field(3.0, ge=0, le=600)
    """Between SIGTERM and the end, in which the pod is not ready, and finishes what is in flight."""

    # Redis
    redis_url: Annotated[str, AfterValidator(checked)] = Field("redis://127.0.0.1:6379/0", repr=False)
    """Which ones are taken is in `app.redis_url`."""
    redis_connections: int = Field(16, ge=2, le=1_000)
    """A command waits for a free one, within its time-out."""
    redis_timeout_ms: Milliseconds = 250.0
    """For each command, with whatever it takes: a free connection, connecting, another try."""
    cache_budget_ms: Milliseconds = 250.0
    """What one request may wait for Redis, all its commands together; then it goes on without the cache."""
    redis_retries: int = Field(1, ge=0, le=5)
    """Of a command whose connection turned out to be closed."""
    redis_pause_ms: Milliseconds = 250.0
    """How long Redis is left alone after a failure, so that a dead one costs no time-out per request."""
    read_batch_max: int = Field(256, ge=1, le=10_000)
    """Keys in one MGET."""
    read_batches_in_flight_max: int = Field(2, ge=1, le=64)
    reads_waiting_max: int = Field(10_000, ge=1, le=1_000_000)

    # Coordination
    lease_ms: Milliseconds = 1_000.0
    """A lock outlives a dead holder by at most this; a living holder renews it each third of it."""
    wait_ms_max: Milliseconds = 5_000.0
    """A request waits this long for another's load, then it is shed."""
    poll_ms: Milliseconds = 100.0
    """How often a waiter looks by itself, should a wake-up be lost; jittered by half."""
    refresh_pause_ms: Milliseconds = 500.0
    """After a failed refresh a pod leaves that key's refresh alone for this long."""
    flights_max: int = Field(10_000, ge=1, le=1_000_000)
    """Keys that a pod loads at once; one more is shed."""

    @model_validator(mode="after")
    def _items_fit(self) -> "Settings":
        if self.items > self.key_space:
            raise ValueError(f"items ({self.items}) must be at most key_space ({self.key_space})")
        return self

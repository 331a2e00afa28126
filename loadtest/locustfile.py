"""The load, for Locust: `lab bench` drives it headless, and plain `locust -f loadtest/locustfile.py` works too.

Users are spread evenly over the pods (each goes round robin, beginning with another) and over time (each begins at a
random point of its first pause), so that the generator is no stampede of its own. Where a scenario states a rate,
every user has a timetable that it never forgets, and latency counts from the timetable. Every answer is checked.
"""

import csv
import itertools
import json
import os
import time
import urllib.request
import zlib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import IO, Any

import gevent
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from loadtest.measure import ANSWER_COLUMNS
from loadtest.scenario import Scenario, read_scenario

_STATUS_MARK = "detail="
_AGE_MARK = "age="
_EPOCH_S = time.time() - time.monotonic()


def now_s() -> float:
    """Seconds since the epoch that never go backwards."""
    return time.monotonic() + _EPOCH_S


class Plan:
    """What all users of this process share. Answers are recorded only where a folder for them is named."""

    def __init__(self, options: Namespace, worker: int) -> None:
        self.scenario: Scenario = read_scenario(options.scenario)
        self.seed = f"{options.lab_seed}/{worker}"
        self.targets: list[str] = (options.targets or options.host or Client.host).split(",")
        self.strategies: list[str] = options.strategy.split(",") if options.strategy else _discovered(self.targets[0])
        self.user_numbers = itertools.count()
        self.newest_version: dict[tuple[str, int], int] = {}
        self._file: IO[str] | None = None
        if options.answers:
            path = Path(options.answers) / f"answers-{os.getpid()}.csv"
            self._file = path.open("w", newline="", encoding="utf-8", buffering=1 << 16)
            self._writer = csv.writer(self._file)
            self._writer.writerow(ANSWER_COLUMNS)

    def record(self, *values: object) -> None:
        if self._file is not None:
            self._writer.writerow(values)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def check(self, strategy: str, key: int, body: bytes, floor: int) -> str:
        """What is wrong with an item, or nothing. `floor` is the newest version seen before it was asked for."""
        try:
            item = json.loads(body)
            if item["id"] != key:
                return "wrong id"
            if zlib.crc32(item["text"].encode()) != item["crc32"]:
                return "corrupt"
            version = int(item["version"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return "not an item"
        if version < floor:
            return "older version"
        if version > self.newest_version.get((strategy, key), 0):
            self.newest_version[strategy, key] = version
        return ""


def _discovered(target: str) -> list[str]:
    with urllib.request.urlopen(f"{target}/strategies", timeout=10) as answer:
        return list(json.load(answer)["strategies"])


_plan: Plan


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("Stampede Lab")
    group.add_argument("--scenario", default="hot-key", env_var="LAB_SCENARIO", help="a scenario's name or .toml file")
    group.add_argument("--strategy", default="", env_var="LAB_STRATEGY", help="one or more by comma; default: all")
    group.add_argument("--targets", default="", env_var="LAB_TARGETS", help="pods by comma; default: --host")
    group.add_argument("--answers", default="", env_var="LAB_ANSWERS", help="folder for the record of every answer")
    group.add_argument("--lab-seed", default="1", env_var="LAB_SEED", help="of keys and pauses")


@events.init.add_listener
def wake_clock(**_: Any) -> None:
    """Timers count from gevent's idea of now, which stood still while all this was imported: a run time of 12 s would
    end after 11, and every user's first pause at once."""
    gevent.get_hub().loop.update_now()


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    global _plan  # noqa: PLW0603  Locust makes the users, so what they share has no other place
    worker = getattr(environment.runner, "worker_index", 0)
    _plan = Plan(environment.parsed_options or Namespace(), worker)


@events.quitting.add_listener
def end(**_: Any) -> None:
    if "_plan" in globals():
        _plan.close()


class Client(FastHttpUser):
    """One user of the scenario."""

    host = "http://127.0.0.1:8000"
    max_retries = 0  # a request that failed is a figure, not something to hide
    connection_timeout = 5.0
    network_timeout = 15.0

    def on_start(self) -> None:
        number = next(_plan.user_numbers)
        load = _plan.scenario.load
        self.rng = Random(f"{_plan.seed}/{number}")
        self.pods = _round_robin(_plan.targets, number)
        self.arms = _round_robin(_plan.strategies, number // len(_plan.targets))
        self.period_s = load.users / load.rate_per_s if load.rate_per_s else None
        first_pause_s = self.rng.uniform(0, self.period_s or load.think_s or 0)
        self.due_s = now_s() + first_pause_s
        gevent.sleep(first_pause_s)

    def wait_time(self) -> float:
        """Seconds until the next request: the think time, or what is left until the timetable's next entry."""
        if self.period_s is None:
            return _plan.scenario.load.think_s or 0.0
        self.due_s += self.period_s
        return max(0.0, self.due_s - now_s())

    @task
    def ask(self) -> None:
        key, pod, strategy = self.choose_key(), next(self.pods), next(self.arms)
        floor = _plan.newest_version.get((strategy, key), 0)
        sent_s = now_s()
        with self.client.get(
            f"{pod}/{strategy}/data?id={key}", name=f"/{strategy}/data", catch_response=True
        ) as response:
            ended_s = now_s()
            code, body = response.status_code, response.content or b""
            head = response.headers.get("cache-status", "") if code else ""
            fault = _plan.check(strategy, key, body, floor) if code == 200 else ""
            if fault or code not in (200, 404):
                response.failure(fault or f"{code} {body[:200].decode(errors='replace')}")
            else:
                response.success()
        intended_s = sent_s if self.period_s is None else self.due_s
        served_by = response.headers.get("x-served-by", "") if code else ""
        _plan.record(
            f"{intended_s:.6f}",
            f"{sent_s:.6f}",
            f"{ended_s:.6f}",
            key,
            code,
            _parameter(head, _STATUS_MARK),
            _parameter(head, _AGE_MARK),
            served_by,
            fault,
        )

    def choose_key(self) -> int:
        keys = _plan.scenario.keys
        if keys.hot_share is None:
            return self.rng.randrange(keys.count)
        return 0 if self.rng.random() < keys.hot_share else self.rng.randrange(1, keys.count)


def _round_robin(names: Sequence[str], first: int) -> Iterator[str]:
    return (names[number % len(names)] for number in itertools.count(first))


def _parameter(cache_status: str, mark: str) -> str:
    """The value of one parameter of a Cache-Status header, or nothing."""
    _, found, rest = cache_status.partition(mark)
    return rest.split(";", 1)[0] if found else ""

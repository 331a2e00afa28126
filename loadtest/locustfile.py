"""The load, for Locust: `lab bench` drives it headless, the stack distributed, and plain `locust -f` works too.

Users are spread evenly over the pods (each goes round robin, beginning with another) and over time (each begins at a
random point of its first pause), so that the generator is no stampede of its own. Where a rate is stated, every user
has a timetable that it never forgets, and latency counts from the timetable. Every answer is checked.
"""

import time
from argparse import Namespace
from random import Random
from typing import Any

import gevent
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import Runner

from loadtest.exporter import LoadMetrics
from loadtest.plan import Plan
from loadtest.targets import LOOK_EVERY_S

REROUTED = "(rerouted)"
_EPOCH_S = time.time() - time.monotonic()

# Locust makes the users, so what they share has no other place.
_plan: Plan | None = None
_metrics: LoadMetrics | None = None


def now_s() -> float:
    """Seconds since the epoch that never go backwards."""
    return time.monotonic() + _EPOCH_S


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("Stampede Lab")
    group.add_argument("--scenario", default="hot-key", env_var="LAB_SCENARIO", help="a scenario's name or .toml file")
    group.add_argument("--strategy", default="", env_var="LAB_STRATEGY", help="one or more by comma; default: all")
    group.add_argument("--targets", default="", env_var="LAB_TARGETS", help="pods by comma, or dns:host:port")
    group.add_argument("--rate", type=float, env_var="LAB_RATE", help="requests/s of all users together")
    group.add_argument("--answers", default="", env_var="LAB_ANSWERS", help="folder for the record of every answer")
    group.add_argument("--lab-seed", default="1", env_var="LAB_SEED", help="of keys and pauses")
    group.add_argument("--metrics-port", type=int, env_var="LAB_METRICS_PORT", help="serve this process's metrics here")


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    global _metrics  # noqa: PLW0603
    options = environment.parsed_options or Namespace(metrics_port=None)
    if options.metrics_port:
        _metrics = LoadMetrics(options.metrics_port)
    # Timers count from gevent's idea of now, which stood still while all this was imported: a run time of 12 s would
    # end after 11, and every user's first pause at once.
    gevent.get_hub().loop.update_now()


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    global _plan  # noqa: PLW0603
    runner = environment.runner
    _plan = Plan(environment.parsed_options or Namespace(), Client.host, getattr(runner, "worker_index", 0))
    if runner is not None:
        runner.greenlet.spawn(_follow, runner, _plan)


def _follow(runner: Runner, plan: Plan) -> None:
    """As long as the test runs: keep up with the pods and strategies that come and go."""
    while not plan.is_over:
        if _metrics is not None:
            _metrics.runs(plan.strategies, runner.user_count, plan.period_s)
        gevent.sleep(LOOK_EVERY_S)
        plan.follow()


@events.test_stop.add_listener
def stop(**_: Any) -> None:
    if _plan is not None:
        _plan.is_over = True
    if _metrics is not None:
        _metrics.rests()


@events.quitting.add_listener
def end(**_: Any) -> None:
    if _plan is not None:
        _plan.close()


class Client(FastHttpUser):
    """One user of the scenario."""

    host = "http://127.0.0.1:8000"
    max_retries = 0  # a request that failed is a figure, not something to hide
    connection_timeout = 2.0
    network_timeout = 15.0

    def on_start(self) -> None:
        assert _plan is not None, "Locust starts users after test_start"
        self.plan = _plan
        self.number = next(_plan.user_numbers)
        self.asked = 0
        self.rng = Random(f"{_plan.seed}/{self.number}")
        first_pause_s = self.rng.uniform(0, _plan.period_s or _plan.think_s)
        self.due_s = now_s() + first_pause_s
        gevent.sleep(first_pause_s)

    def wait_time(self) -> float:
        """Seconds until the next request: the think time, or what is left until the timetable's next entry."""
        if self.plan.period_s is None:
            return self.plan.think_s
        self.due_s += self.plan.period_s
        return max(0.0, self.due_s - now_s())

    @task
    def ask(self) -> None:
        """One request, to its answer. Where the pods come and go, another pod is asked when one cannot be reached."""
        targets, strategies = self.plan.targets, self.plan.strategies
        key, turn = self.choose_key(), self.number + self.asked
        strategy = strategies[(self.number // len(targets.urls) + self.asked) % len(strategies)]
        self.asked += 1
        floor = self.plan.version_floor(strategy, key)
        sent_s = now_s()
        tries = len(targets.urls) if targets.follows_dns else 1
        for tries_left in reversed(range(tries)):
            pod = targets.pick(turn)
            with self.client.get(
                f"{pod}/{strategy}/data?id={key}", name=f"/{strategy}/data", catch_response=True
            ) as response:
                if response.status_code == 0 and tries_left:
                    targets.leave_alone(pod)
                    response.request_meta["name"] = REROUTED
                    response.success()
                    if _metrics is not None:
                        _metrics.rerouted()
                    continue
                self.keep(strategy, key, floor, sent_s, response)
            return

    def keep(self, strategy: str, key: int, floor: int, sent_s: float, response: Any) -> None:
        """Check the answer, tell Locust, and write it down."""
        ended_s = now_s()
        code, body = response.status_code, response.content or b""
        fault = self.plan.check(strategy, key, body, floor) if code == 200 else ""
        if fault or code not in (200, 404):
            response.failure(fault or f"{code} {body[:200].decode(errors='replace')}")
        else:
            response.success()
        headers = response.headers if code else {}
        cache_status = headers.get("cache-status", "")
        status, age_s = (_parameter(cache_status, name) for name in ("detail", "age"))
        pod = headers.get("x-served-by", "")
        intended_s = sent_s if self.plan.period_s is None else self.due_s
        times = (f"{moment:.6f}" for moment in (intended_s, sent_s, ended_s))
        self.plan.record(*times, key, code, status, age_s, pod, fault)
        if _metrics is not None:
            _metrics.answered(strategy, code, ended_s - intended_s, sent_s - intended_s, fault)

    def choose_key(self) -> int:
        keys = self.plan.scenario.keys
        if keys.hot_share is None:
            return self.rng.randrange(keys.count)
        return 0 if self.rng.random() < keys.hot_share else self.rng.randrange(1, keys.count)


def _parameter(cache_status: str, name: str) -> str:
    """The value of one parameter of a Cache-Status header, or nothing."""
    _, found, rest = cache_status.partition(f"; {name}=")
    return rest.split(";", 1)[0] if found else ""

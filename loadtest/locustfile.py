"""The load, for Locust: `lab bench` drives it headless, the stack distributed, and plain `locust -f` works too.

In an open loop each process sends its share of the arrivals, whatever number of users Locust is told, and latency
counts from the intended start. In a closed loop users ask and wait. They are spread evenly over the pods (each goes
round robin, beginning with another) and over time (each begins at a random point of its first pause), so that the
generator is no stampede of its own; where a rate is stated, every user has a timetable that it never forgets, and
latency counts from the timetable. Every answer is checked.
"""

import gc
import inspect
import logging
from argparse import Namespace
from typing import Any

import gevent
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.log import greenlet_exception_logger
from locust.runners import MasterRunner, Runner, WorkerRunner

from loadtest.arrivals import first_pause_s
from loadtest.drive.client import Client
from loadtest.drive.dispatcher import TAIL_S, Arrival, Dispatcher, Share, all_of_it, due, own_share, share_out
from loadtest.drive.exporter import LoadMetrics
from loadtest.drive.generator import Meter, now_s
from loadtest.drive.plan import Plan
from loadtest.drive.targets import LOOK_EVERY_S

SHARES = "lab_shares"
"""Under this name the master adds to the options what its workers are to share: Locust hands them on."""

_log = logging.getLogger(__name__)

# Locust makes the users, so what they share has no other place.
_metrics: LoadMetrics | None = None
_test: "Test | None" = None


class Test:
    """One test in one process that sends, from its start to its stop."""

    def __init__(self, environment: Environment, options: Namespace) -> None:
        runner = environment.runner
        self.plan = plan = Plan(options, LabUser.host, getattr(runner, "worker_index", 0))
        share: Share | None = all_of_it(options.run_time)
        if isinstance(runner, WorkerRunner):
            share = own_share(runner.client_id, getattr(options, SHARES))
        self.processes = share.of if share else 1
        bound = share.part(plan.load.in_flight_max) if share else 0
        self.meter = Meter(bound if plan.is_open else None, self.processes)
        self.client = Client(plan, self.meter, environment.events.request.fire, _metrics)
        self.dispatcher: Dispatcher | None = None
        if share and plan.is_open:
            coming = due(plan.load, plan.scenario.keys, share, plan.seed)
            self.dispatcher = Dispatcher(coming, share, self.send, self.meter)
            failed = greenlet_exception_logger(_log)  # type: ignore[no-untyped-call]
            self.dispatcher.start(failed)  # which makes Locust's exit code 2
        elif plan.is_open:
            _log.warning("This worker came when the test had begun: it sends nothing until the next one")

    def send(self, arrival: Arrival, intended_s: float) -> None:
        self.client.ask(self.plan.strategy_for(arrival.number), arrival.key, arrival.number, intended_s)

    def end(self, grace_s: float, tail_s: float = TAIL_S) -> None:
        """Send no more; what is on its way may come back for a while."""
        self.plan.over.set()
        if self.dispatcher is not None:
            self.dispatcher.end(grace_s, tail_s)
        self.meter.stop()

    def write(self) -> None:
        """The generator's own record, once everything has come back."""
        if self.plan.folder is not None:
            self.meter.write(self.plan.folder)

    def target_rate(self, users: int) -> float:
        """Requests/s that this process is to send now; the base of a shape, and 0 where nothing states it."""
        if self.plan.period_s:
            return users / self.plan.period_s
        return (self.plan.load.rate_per_s or 0.0) / self.processes if self.dispatcher else 0.0

    def follow(self, runner: Runner) -> None:
        """As long as it runs: keep up with the pods and strategies that come and go."""
        while not self.plan.over.is_set():
            if _metrics is not None:
                _metrics.runs(self.plan.strategies, runner.user_count, self.target_rate(runner.user_count))
            gevent.sleep(LOOK_EVERY_S)
            self.plan.follow()


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    group = parser.add_argument_group("Stampede Lab")
    group.add_argument("--scenario", default="hot-key", env_var="LAB_SCENARIO", help="a scenario's name or .toml file")
    group.add_argument("--strategy", default="", env_var="LAB_STRATEGY", help="one or more by comma; default: all")
    group.add_argument("--targets", default="", env_var="LAB_TARGETS", help="pods by comma, or dns:host:port")
    group.add_argument("--rate", type=float, env_var="LAB_RATE", help="requests/s of all processes together")
    group.add_argument("--answers", default="", env_var="LAB_ANSWERS", help="folder for the record of every answer")
    group.add_argument("--lab-seed", default="1", env_var="LAB_SEED", help="of arrivals, keys and pauses: a number")
    group.add_argument("--metrics-port", type=int, env_var="LAB_METRICS_PORT", help="serve this process's metrics here")


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    global _metrics  # noqa: PLW0603
    options = environment.parsed_options or Namespace(metrics_port=None)
    if options.metrics_port:
        _metrics = LoadMetrics(options.metrics_port)
    # What would hold up all requests for tens of milliseconds is done now: when a test stops, Locust asks for its
    # stack, which reads every module's source the first time; and the collector would walk all that was imported.
    inspect.stack()
    gc.collect()
    gc.freeze()
    # Timers count from gevent's idea of now, which stood still while all this was imported: a run time of 12 s would
    # end after 11, and every user's first pause at once.
    gevent.get_hub().loop.update_now()


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    global _test  # noqa: PLW0603
    runner, options = environment.runner, environment.parsed_options or Namespace()
    if isinstance(runner, MasterRunner):
        workers = runner.clients.ready + runner.clients.running + runner.clients.spawning
        setattr(options, SHARES, share_out((worker.id for worker in workers), options.run_time))
        return
    _test = Test(environment, options)
    if _metrics is not None:
        _metrics.meters(_test.meter)
    if runner is not None:
        runner.greenlet.spawn(_test.follow, runner)


@events.test_stopping.add_listener
def finish(environment: Environment, **_: Any) -> None:
    if _test is not None:
        _test.end(environment.stop_timeout or 0.0)


@events.test_stop.add_listener
def stop(**_: Any) -> None:
    if _test is not None:
        _test.write()
    if _metrics is not None:
        _metrics.rests()


@events.quitting.add_listener
def end(**_: Any) -> None:
    if _test is not None:
        _test.end(grace_s=0, tail_s=0)  # a test that was not stopped before
        _test.write()
        _test.plan.close()


class LabUser(FastHttpUser):
    """One user of a closed loop. An open loop has none of its own: there this one only stands for the test."""

    host = "http://127.0.0.1:8000"

    def on_start(self) -> None:
        assert _test is not None, "Locust starts users after test_start"
        self.test, self.plan = _test, _test.plan
        if self.plan.is_open:
            return
        self.number = next(self.plan.user_numbers)
        self.asked = 0
        plan = self.plan
        pause_s = first_pause_s(plan.seed, plan.worker, self.number, plan.period_s or plan.think_s)
        self.due_s = now_s() + pause_s
        gevent.sleep(pause_s)

    def wait_time(self) -> float:
        """Seconds until the next request: the think time, or what is left until the timetable's next entry."""
        if self.plan.period_s is None:
            return self.plan.think_s
        self.due_s += self.plan.period_s
        return max(0.0, self.due_s - now_s())

    @task
    def ask(self) -> None:
        """One request, to its answer."""
        if self.plan.is_open:
            self.plan.over.wait()
            raise StopUser
        strategies = self.plan.strategies
        strategy = strategies[(self.number // len(self.plan.targets.urls) + self.asked) % len(strategies)]
        turn = self.number + self.asked
        self.asked += 1
        intended_s = None if self.plan.period_s is None else self.due_s
        self.test.client.ask(strategy, next(self.plan.keys), turn, intended_s)

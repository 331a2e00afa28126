"""The load as a Locust file: headless under `lab bench`, distributed in the stack, or run with plain `locust -f`.

An open loop sends each process's share of the arrivals in a thread of its own, whatever number of users Locust starts.
Its latency counts from the intended start. The users of a closed loop ask and wait. Each asks the pods round robin,
beginning with another pod, and begins at a random point of its first pause. So the generator itself causes no stampede.
A stated rate gives every user a timetable that it never leaves, and latency counts from the timetable. Every answer is
checked.
"""

import gc
import inspect
import logging
import sys
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event
from locust import FastHttpUser, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, WorkerRunner
from locust.web import WebUI

from loadtest.generator.deal import DEAL_EVERY_S, Dealer
from loadtest.generator.door import close_door
from loadtest.generator.exporter import LoadMetrics
from loadtest.generator.meter import now_s
from loadtest.generator.plan import BadOption, LoadPlan, check
from loadtest.generator.pods import NoPods, ask_pod
from loadtest.generator.run import LoadRun
from loadtest.generator.targets import BadTargets, pod_url
from loadtest.workload.arrivals import first_pause_s, pauses_s

DEAL = "lab_deal"
"""The option in which the master sends its workers their shares, and the name of the message that repeats it."""
BEGUN = "lab_begun"
"""The message by which a worker reports that it has begun."""
BEGIN_WITHIN_S = 5.0
"""Seconds after which a worker that has not begun loses its share and is started again."""
BAD_INPUT = 2
ITS_OWN = ("metrics_port", "metrics_host", "web_names")
"""Options of the master alone: a worker keeps the values that it was started with."""

GRACE_S = 10.0
"""Seconds for the answers still due at a test's end, unless Locust's `--stop-timeout` is set."""

_log = logging.getLogger(__name__)

# Locust makes the users, so what they share has no other place.
_metrics: LoadMetrics | None = None
_run: LoadRun | None = None
_is_prepared = False
_has_begun = Event()
_dealer: Dealer | None = None
_begun: set[str] = set()


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    # What is added to a group is not in the UI: whom the load goes to and what it writes is nothing for a form.
    group = parser.add_argument_group("Stampede Lab")
    group.add_argument("--scenario", default="hot-key", env_var="LAB_SCENARIO", help="a scenario's name or .toml file")
    group.add_argument("--live", action="store_true", env_var="LAB_LIVE", help="as the scenario's [live] table has it")
    group.add_argument("--strategy", default="", env_var="LAB_STRATEGY", help="names by comma, or a group of them")
    group.add_argument("--targets", default="", env_var="LAB_TARGETS", help="pods by comma, or dns:host:port")
    group.add_argument("--duration", type=float, env_var="LAB_DURATION", help="seconds to send; default: the run time")
    group.add_argument("--answers", default="", env_var="LAB_ANSWERS", help="folder for the record of every answer")
    group.add_argument("--metrics-port", type=int, env_var="LAB_METRICS_PORT", help="serve this process's metrics here")
    group.add_argument("--metrics-host", default="127.0.0.1", env_var="LAB_METRICS_HOST", help="and on this address")
    group.add_argument("--web-names", default="", env_var="LAB_WEB_NAMES", help="hosts that the UI is called, by comma")
    parser.add_argument("--rate", type=_rate, env_var="LAB_RATE", help="requests/s of all processes together")
    parser.add_argument("--lab-seed", default="1", env_var="LAB_SEED", help="of arrivals, keys and pauses: a number")


def _rate(text: str) -> float | None:
    """The rate that a text states; None for an empty text, where the scenario's own rate counts."""
    return float(text) if text else None


@events.init.add_listener
def prepare(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
    global _metrics, _is_prepared  # noqa: PLW0603
    runner, options = environment.runner, environment.parsed_options
    if options is None:
        return
    try:
        if options.host:
            environment.host = options.host = pod_url(options.host)
        else:
            options.host = LabUser.host if web_ui is not None else None
        is_told = isinstance(runner, WorkerRunner) and not (options.targets or options.host)
        check(options, LabUser.host, None if isinstance(runner, MasterRunner) or is_told else ask_pod)
    except BadTargets as error:
        _refuse(f"--host: {error}")
    except (BadOption, NoPods) as error:
        _refuse(str(error))
    # an answer that is due when the time is up is no failure of the service
    environment.stop_timeout = environment.stop_timeout or GRACE_S
    if web_ui is not None:
        assert web_ui.app is not None
        close_door(web_ui.app, [web_ui.host, *options.web_names.split(",")], dict(vars(options)))
    if options.metrics_port:
        _metrics = LoadMetrics(options.metrics_port, options.metrics_host)
    # What would hold up all requests for tens of milliseconds is done now: when a test stops, Locust asks for its
    # stack, which reads every module's source the first time; and the collector would walk all that was imported.
    inspect.stack()
    gc.collect()
    gc.freeze()
    # Timers count from gevent's idea of now, which stood still while all this was imported: a run time of 12 s would
    # end after 11, and every user's first pause at once.
    gevent.get_hub().loop.update_now()
    _is_prepared = True
    if isinstance(runner, MasterRunner):
        for name in ITS_OWN:
            delattr(options, name)
        runner.register_message(BEGUN, lambda environment, msg: _begun.add(msg.node_id))
    elif isinstance(runner, WorkerRunner):
        runner.register_message(DEAL, _on_deal)
        if hasattr(options, DEAL):  # the test began while this worker was being made
            begin(environment)


def _refuse(why: str) -> None:
    print(f"error: {why}", file=sys.stderr)
    sys.exit(BAD_INPUT)


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    global _run, _dealer  # noqa: PLW0603
    runner, options = environment.runner, environment.parsed_options
    if runner is None or options is None or not _is_prepared:
        return  # a worker may be told to begin while it is being made still: `prepare` begins then
    if isinstance(runner, MasterRunner):
        _begun.clear()
        _dealer = Dealer(_alive(runner), options.duration or options.run_time, runner.target_user_count)
        setattr(options, DEAL, _dealer.deal)
        gevent.spawn(_deal_on, runner, _dealer)
        return
    worker = runner if isinstance(runner, WorkerRunner) else None
    try:
        number = max(0, getattr(runner, "worker_index", 0))
        _run = LoadRun(
            LoadPlan(_heard(options, environment), LabUser.host, number),
            options,
            environment.events.request.fire,
            _metrics,
            worker.client_id if worker else None,
        )
    except (BadOption, NoPods) as error:
        _log.error("No test: %s", error)
        environment.process_exit_code = BAD_INPUT
        gevent.spawn(runner.stop if environment.web_ui is not None else runner.quit)
        return
    if _metrics is not None:
        _metrics.meters(_run.meter)
        _metrics.sends(_run.plan.scenario.name, float(_run.plan.scenario.keys.shares().max()))
    if worker is not None:
        _run.dealt(getattr(options, DEAL), is_first=True)
        worker.send_message(BEGUN)
    _has_begun.set()
    runner.greenlet.spawn(_run.follow, lambda: runner.user_count)


def _heard(options: Namespace, environment: Environment) -> Namespace:
    """The options of a worker, with the host that its master has sent it."""
    return Namespace(**vars(options) | {"host": environment.host or options.host})


def _alive(runner: MasterRunner) -> set[str]:
    return {worker.id for worker in (*runner.clients.ready, *runner.clients.running, *runner.clients.spawning)}


def _deal_on(runner: MasterRunner, dealer: Dealer) -> None:
    """Share the load anew when workers come or go, and send all workers their shares, until the test ends.

    Locust alone is not enough. It may leave out a worker that joins without the spawn message that makes it begin. It
    may also leave the users of a dead worker unspawned.
    """
    first, spread = set(dealer.deal["workers"]), set(dealer.deal["workers"])
    began_s = spread_s = now_s()
    while dealer is _dealer:
        gevent.sleep(DEAL_EVERY_S)
        alive = _alive(runner)
        ready = _begun | first if now_s() - began_s < BEGIN_WITHIN_S else _begun
        if dealer.look(alive & ready, runner.target_user_count):
            _log.info("The load is dealt anew, to %d workers", len(dealer.deal["workers"]))
        runner.send_message(DEAL, dealer.deal)
        is_stuck = bool(alive - _begun) and now_s() - spread_s > BEGIN_WITHIN_S
        if alive and (alive != spread or is_stuck) and runner.state == "running" and runner.spawning_completed:
            spread, spread_s = alive, now_s()
            runner._users_dispatcher = None  # which knows of workers that are gone, and some twice
            runner.start(runner.target_user_count, max(1, runner.target_user_count))


def _on_deal(environment: Environment, msg: Any) -> None:
    if _run is not None:
        _run.dealt(msg.data)


@events.test_stopping.add_listener
def finish(environment: Environment, **_: Any) -> None:
    global _dealer  # noqa: PLW0603
    _dealer = None
    if _run is not None:
        _run.end(environment.stop_timeout or 0.0)


@events.test_stop.add_listener
def stop(**_: Any) -> None:
    global _run  # noqa: PLW0603
    if _run is not None:
        _run.write()
    _run = None
    _has_begun.clear()
    if _metrics is not None:
        _metrics.rests()


@events.quitting.add_listener
def end(environment: Environment, **_: Any) -> None:
    if _run is None:
        return
    # the test was not stopped before: its requests end first, and are recorded
    _run.end(grace_s=0, tail_s=0)
    environment.stop_timeout = 0
    if environment.runner is not None:
        environment.runner.stop()
    stop()


class LabUser(FastHttpUser):
    """A user of a closed loop; an open loop has one only because Locust needs one."""

    host = "http://127.0.0.1:8000"

    def on_start(self) -> None:
        _has_begun.wait()
        assert _run is not None
        self.load, self.plan = _run, _run.plan
        if self.plan.is_open:
            return
        self.load.may_ask.wait()
        self.number, self.asked = next(self.plan.user_numbers), 0
        seed, worker, period_s = self.plan.seed, self.plan.worker, self.plan.period_s
        if period_s is None:
            self.pauses_s: Iterator[float] = pauses_s(self.plan.load, seed, worker, self.number)
            first_s = next(self.pauses_s)
        else:
            first_s = first_pause_s(seed, worker, self.number, period_s)
        self.due_s = max(now_s(), self.load.start_s) + first_s
        gevent.sleep(self.due_s - now_s())

    def wait_time(self) -> float:
        """Seconds until the next request: the think time, or the time until the timetable's next entry."""
        if self.plan.period_s is None:
            return next(self.pauses_s)
        self.due_s += self.plan.period_s
        return max(0.0, self.due_s - now_s())

    @task
    def ask(self) -> None:
        """Send one request, and wait for its answer."""
        self.load.may_ask.wait()
        left_s = self.load.left_s
        if self.plan.is_open or (left_s is not None and left_s <= 0):
            self.plan.over.wait()
        if self.plan.over.is_set():
            raise StopUser
        strategies = self.plan.strategies
        strategy = strategies[(self.number // len(self.plan.targets.urls) + self.asked) % len(strategies)]
        turn, number = self.number + self.asked, self.load.number_of(self.number, self.asked)
        self.asked += 1
        intended_s = None if self.plan.period_s is None else self.due_s
        self.load.client.ask(strategy, next(self.plan.keys), turn, intended_s, number)

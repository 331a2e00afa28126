"""The load plan of one generator process: targets, strategies, keys, rate, and the answers seen so far."""

import itertools
import math
from argparse import Namespace
from pathlib import Path

from gevent.event import Event
from pydantic import ValidationError

from app.contender_names import file_of
from app.discovery import discover
from app.input_faults import input_faults
from app.strategy_groups import BY_DEFAULT, GROUPS, named, words
from loadtest.generator.client_records import ClientRecords
from loadtest.generator.pods import AskPod, NoPods, Told, ask_pod, ask_pods, check_strategies
from loadtest.generator.targets import BadTargets, Targets
from loadtest.workload.answer_check import AnswerCheck
from loadtest.workload.arrivals import closed_keys
from loadtest.workload.client import RetryPolicy
from loadtest.workload.departures import Departures
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.workload.traffic import Load


class BadOption(ValueError):
    """An option of the load cannot be followed; the text names it."""


class LoadPlan:
    """A load plan made from Locust's options when a test starts; it records answers if a folder is named for them."""

    def __init__(self, options: Namespace, default_host: str, worker: int, ask: AskPod = ask_pod) -> None:
        """Make the plan. Raises `BadOption`, and `NoPods` where the pods to ask do not answer."""
        self.scenario, self.seed = _scenario(options), _seed(options)
        self.departures = Departures(self.scenario.faults, self.seed)
        self.worker = worker
        self.targets = _targets(options, default_host)
        self.load: Load = _load(options, self.scenario)
        """The scenario's load, at the rate of the options; a trace has its own."""
        self.is_open = self.load.loop == "open"
        self.users = int(options.num_users or self.load.users or 1)
        """The users of a closed loop, in all processes together."""
        self.over = Event()
        """The event of the test's end; a worker's runner still says "stopped" when a test starts."""
        self.user_numbers = itertools.count()
        self.keys = closed_keys(self.scenario.keys, self.seed, worker)
        """The keys of a closed loop, in the order in which they are asked for."""
        self._ask = ask
        told = ask_pods(self.targets, ask)
        self._asked = _asked(options)
        self._follows_groups = any(word in GROUPS for word in self._asked)
        self.strategies: list[str] = named(self._asked, told.groups)
        try:
            check_strategies(self._asked, told)
        except ValueError as error:
            raise BadOption(f"--strategy: {error}") from None
        law_s = self.scenario.origin.longest_ms / 1000
        self.answers = AnswerCheck(law_s if told.longest_load_s is None else told.longest_load_s)
        self._hear(told)
        self.folder = Path(options.answers) if options.answers else None
        """The folder of this process's records; None where answers are not recorded."""
        try:
            self.records = ClientRecords(self.folder, with_retries=self.scenario.client.retries > 0)
        except OSError as error:
            raise BadOption(f"--answers: {error}") from None

    @property
    def period_s(self) -> float | None:
        """Seconds between two requests of a user on a timetable; None without one."""
        return self.users / self.load.rate_per_s if self.load.rate_per_s and not self.is_open else None

    def client_header(self, number: int) -> tuple[str, str] | None:
        """The name and the value of the header that tells a request's client; None where pods go by its address."""
        name = self.scenario.nets.client_header
        return (name, self.scenario.client_of(number)) if name else None

    def follow(self) -> None:
        """Look up the pods, and the members of groups that were named; pods that do not answer are left out."""
        self.targets.follow()
        if self._follows_groups:
            try:
                self._hear(self._ask(self.targets.pick(0)))
            except NoPods:
                pass  # as it was; its requests tell

    def strategy_for(self, turn: int) -> str:
        """The strategy of turn `turn` of an open loop: the next with each round of the pods, so all pairs occur."""
        return self.strategies[turn // len(self.targets.urls) % len(self.strategies)]

    def retry_policy(self, processes: int = 1) -> RetryPolicy | None:
        """The policy of this process's clients, one of so many; None where they stay, wait, and ask once.

        A budget is kept by each process for its own requests. Its share holds for all of them together then, and they
        divide its burst.
        """
        table = self.scenario.client
        return None if table.is_patient and not self.departures else RetryPolicy(table, self.seed, processes)

    def _hear(self, told: Told) -> None:
        self.strategies = named(self._asked, told.groups) or self.strategies
        window_s = told.stale_if_error_s
        self.answers.promise(
            {
                name: _promised_s(name, self.scenario) if oldest_s is None else oldest_s
                for name, oldest_s in told.strategies.items()
            },
            self.scenario.nets.stale_if_error_s if window_s is None else window_s,
            told.lag_s,
        )
        if told.ahead_s is not None:
            self.answers.clock(told.ahead_s)
        if told.items is not None:
            self.answers.existing(told.items)


def check(options: Namespace, default_host: str, ask: AskPod | None = ask_pod) -> None:
    """Check that a plan can be made of the options. Raises `BadOption` and `NoPods`; without `ask` no pod is asked."""
    scenario = _scenario(options)
    _seed(options)
    _load(options, scenario)
    if options.answers and not Path(options.answers).is_dir():
        raise BadOption(f"--answers: there is no folder {options.answers}")
    targets, asked = _targets(options, default_host), _asked(options)
    if ask is not None:
        told = ask_pods(targets, ask)
        try:
            check_strategies(asked, told)
        except ValueError as error:
            raise BadOption(f"--strategy: {error}") from None


def _scenario(options: Namespace) -> Scenario:
    try:
        scenario = read_scenario(options.scenario)
        return scenario.in_the_stack() if getattr(options, "live", False) else scenario
    except BadScenario as error:
        raise BadOption(f"--scenario: {error}") from None


def _seed(options: Namespace) -> int:
    try:
        seed = int(options.lab_seed)
    except ValueError:
        seed = -1
    if seed < 0:
        raise BadOption(f"--lab-seed: must be a whole number from 0 on, not {options.lab_seed!r}")
    return seed


def _targets(options: Namespace, default_host: str) -> Targets:
    named = "--targets" if options.targets else "--host"
    try:
        return Targets(options.targets or options.host or default_host)
    except BadTargets as error:
        raise BadOption(f"{named}: {error}") from None
    except OSError as error:
        raise NoPods(f"{options.targets} stands for nobody: {error}") from None


def _asked(options: Namespace) -> list[str]:
    """The names and groups of strategies that are asked."""
    if not options.strategy:
        return [BY_DEFAULT]
    asked = words(options.strategy)
    if "" in asked:
        raise BadOption(f"--strategy: names by comma, not {options.strategy!r}")
    return asked


def _load(options: Namespace, scenario: Scenario) -> Load:
    load = scenario.load
    if options.rate in (None, "") or load.trace is not None:
        return load
    try:
        rate = float(options.rate)
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError
        return Load.model_validate(load.model_dump() | {"rate_per_s": rate, "think_s": None})
    except ValidationError as error:
        raise BadOption(f"--rate: {input_faults(error)[0].reason}") from None
    except ValueError:
        raise BadOption(f"--rate: must be a number of requests/s above 0, not {options.rate!r}") from None


def _promised_s(strategy: str, scenario: Scenario) -> float:
    """The oldest answer that a strategy promises under the scenario's settings, seconds, where pods state none."""
    if file_of(strategy) is not None:
        return math.inf  # how old its answers are is a figure
    found = discover(wrong=True).choosable
    return scenario.stated(found[strategy]).oldest_s() if strategy in found else scenario.cache.ttl_s

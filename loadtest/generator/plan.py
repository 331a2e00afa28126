"""What all users of one generator process share: whom to ask for what, how fast, and what was seen so far."""

import csv
import itertools
import math
import os
from argparse import Namespace
from pathlib import Path
from typing import IO

from gevent.event import Event
from pydantic import ValidationError

from app.discovery import discover
from app.latency import Latency
from loadtest.figures.records import ANSWER_COLUMNS
from loadtest.generator.pods import AskPod, NoPods, Told, ask_pod, ask_pods, check_strategies
from loadtest.generator.targets import BadTargets, Targets
from loadtest.workload.answer_check import AnswerCheck
from loadtest.workload.arrivals import closed_keys
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.workload.traffic import Load


class BadOption(ValueError):
    """An option of the load cannot be followed; the text names it."""


class LoadPlan:
    """Made from Locust's options when a test starts. Answers are recorded only where a folder for them is named."""

    def __init__(self, options: Namespace, default_host: str, worker: int, ask: AskPod = ask_pod) -> None:
        """Raises `BadOption`, and `NoPods` where those who are to be asked do not answer."""
        self.scenario, self.seed = _scenario(options), _seed(options)
        self.worker = worker
        self.targets = _targets(options, default_host)
        self.load: Load = _load(options, self.scenario)
        """The scenario's, at the rate that was asked for; a trace has its own."""
        self.is_open = self.load.loop == "open"
        self.users = int(options.num_users or self.load.users or 1)
        """Of all processes together, in a closed loop."""
        self.over = Event()
        """Set when the test stops. A runner's state cannot tell: a worker's still says "stopped" as a test starts."""
        self.user_numbers = itertools.count()
        self.keys = closed_keys(self.scenario.keys, self.seed, worker)
        """Which to ask for next, in a closed loop."""
        self._ask = ask
        told = ask_pods(self.targets, ask)
        self.strategies: list[str] = _names(options)
        self._discovers = not self.strategies
        try:
            check_strategies(self.strategies, told)
        except ValueError as error:
            raise BadOption(f"--strategy: {error}") from None
        law_s = Latency.parse(self.scenario.origin.latency).longest_ms / 1000
        self.answers = AnswerCheck(law_s if told.longest_load_s is None else told.longest_load_s)
        self._hear(told)
        self.folder = Path(options.answers) if options.answers else None
        """For the records of this process."""
        self.instance_id = str(os.getpid())
        """This process's and this test's own, in the names of its records."""
        self._file: IO[str] | None = None
        if self.folder is not None:
            self._open(self.folder)

    @property
    def period_s(self) -> float | None:
        """Between two requests of a user on a timetable, seconds; None where there is none."""
        return self.users / self.load.rate_per_s if self.load.rate_per_s and not self.is_open else None

    def follow(self) -> None:
        """Look again which pods and strategies there are, where they were not named. Who does not answer, is not."""
        self.targets.follow()
        if self._discovers:
            try:
                self._hear(self._ask(self.targets.pick(0)))
            except NoPods:
                pass  # as it was; its requests tell

    def strategy_for(self, turn: int) -> str:
        """In turn number `turn` of an open loop: the next with each round of the pods, so that every pair comes up."""
        return self.strategies[turn // len(self.targets.urls) % len(self.strategies)]

    def record(self, *values: object) -> None:
        """A line of `ANSWER_COLUMNS`."""
        if self._file is not None:
            self._writer.writerow(values)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _hear(self, told: Told) -> None:
        if self._discovers:
            self.strategies = [name for name in told.strategies if name not in told.others] or self.strategies
        self.answers.promise(
            {
                name: _promised_s(name, self.scenario) if oldest_s is None else oldest_s
                for name, oldest_s in told.strategies.items()
            }
        )
        if told.ahead_s is not None:
            self.answers.clock(told.ahead_s)

    def _open(self, folder: Path) -> None:
        """A file that was not there: a second test of the same process must not take the first one's."""
        for number in itertools.count(1):
            instance_id = self.instance_id if number == 1 else f"{self.instance_id}-{number}"
            try:
                self._file = (folder / f"answers-{instance_id}.csv").open(
                    "x", newline="", encoding="utf-8", buffering=1 << 16
                )
            except FileExistsError:
                continue
            except OSError as error:
                raise BadOption(f"--answers: {error}") from None
            self.instance_id = instance_id
            break
        self._writer = csv.writer(self._file)  # type: ignore[arg-type]
        self._writer.writerow(ANSWER_COLUMNS)


def check(options: Namespace, default_host: str, ask: AskPod | None = ask_pod) -> None:
    """Whether a plan could be made of the options. Raises `BadOption` and `NoPods`; without `ask`, no pod is asked."""
    scenario = _scenario(options)
    _seed(options)
    _load(options, scenario)
    if options.answers and not Path(options.answers).is_dir():
        raise BadOption(f"--answers: there is no folder {options.answers}")
    targets, names = _targets(options, default_host), _names(options)
    if ask is not None:
        told = ask_pods(targets, ask)
        try:
            check_strategies(names, told)
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


def _names(options: Namespace) -> list[str]:
    if not options.strategy:
        return []
    names = [name.strip() for name in options.strategy.split(",")]
    if "" in names:
        raise BadOption(f"--strategy: names by comma, not {options.strategy!r}")
    return names


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
        raise BadOption(f"--rate: {error.errors()[0]['msg']}") from None
    except ValueError:
        raise BadOption(f"--rate: must be a number of requests/s above 0, not {options.rate!r}") from None


def _promised_s(strategy: str, scenario: Scenario) -> float:
    """What the strategy of that name promises under the scenario's settings, where pods do not say it."""
    found = discover().strategies
    return scenario.stated(found[strategy]).oldest_s() if strategy in found else scenario.cache.ttl_s

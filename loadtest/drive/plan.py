"""What all users of one generator process share: whom to ask for what, how fast, and what was seen so far."""

import csv
import itertools
import json
import os
import urllib.request
from argparse import Namespace
from pathlib import Path
from typing import IO

from gevent.event import Event

from loadtest.answer_check import AnswerCheck
from loadtest.arrivals import closed_keys
from loadtest.drive.targets import Targets
from loadtest.load import Load
from loadtest.records import ANSWER_COLUMNS
from loadtest.scenario import Scenario, read_scenario


class Plan:
    """Made from Locust's options when a test starts. Answers are recorded only where a folder for them is named."""

    def __init__(self, options: Namespace, default_host: str, worker: int) -> None:
        self.scenario: Scenario = read_scenario(options.scenario)
        self.seed = int(options.lab_seed)
        self.worker = worker
        self.targets = Targets(options.targets or options.host or default_host)
        self.strategies: list[str] = options.strategy.split(",") if options.strategy else []
        self._discovers = not options.strategy
        load = self.scenario.load
        if options.rate and load.trace is None:
            load = load.model_copy(update={"rate_per_s": float(options.rate)})
        self.load: Load = load
        """The scenario's, at the rate that was asked for; a trace has its own."""
        self.is_open = load.loop == "open"
        self.think_s = load.think_s or 0.0
        users = options.num_users or load.users or 1
        self.period_s = users / load.rate_per_s if load.rate_per_s and not self.is_open else None
        """Between two requests of a user on a timetable, seconds; None where there is none."""
        self.over = Event()
        """Set when the test stops. A runner's state cannot tell: a worker's still says "stopped" as a test starts."""
        self.user_numbers = itertools.count()
        self.keys = closed_keys(self.scenario.keys, self.seed, worker)
        """Which to ask for next, in a closed loop."""
        self.answers = AnswerCheck()
        self._file: IO[str] | None = None
        self.follow()
        self.folder = Path(options.answers) if options.answers else None
        """For the records of this process."""
        if self.folder is not None:
            path = self.folder / f"answers-{os.getpid()}.csv"
            self._file = path.open("w", newline="", encoding="utf-8", buffering=1 << 16)
            self._writer = csv.writer(self._file)
            self._writer.writerow(ANSWER_COLUMNS)

    def follow(self) -> None:
        """Look again which pods and strategies there are, where they were not named. Raises OSError at first only."""
        self.targets.follow()
        if self._discovers:
            try:
                with urllib.request.urlopen(f"{self.targets.pick(0)}/strategies", timeout=10) as answer:
                    self.strategies = list(json.load(answer)["strategies"])
            except OSError:
                if not self.strategies:
                    raise

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

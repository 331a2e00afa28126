"""What all users of one generator process share: whom to ask for what, how fast, and what was seen so far."""

import csv
import itertools
import json
import os
import urllib.request
import zlib
from argparse import Namespace
from pathlib import Path
from typing import IO

from loadtest.measure import ANSWER_COLUMNS
from loadtest.scenario import Scenario, read_scenario
from loadtest.targets import Targets


class Plan:
    """Made from Locust's options when a test starts. Answers are recorded only where a folder for them is named."""

    def __init__(self, options: Namespace, default_host: str, worker: int) -> None:
        self.scenario: Scenario = read_scenario(options.scenario)
        self.seed = f"{options.lab_seed}/{worker}"
        self.targets = Targets(options.targets or options.host or default_host)
        self.strategies: list[str] = options.strategy.split(",") if options.strategy else []
        self._discovers = not options.strategy
        load = self.scenario.load
        self.think_s = load.think_s or 0.0
        rate_per_s = options.rate or load.rate_per_s
        self.period_s = (options.num_users or load.users or 1) / rate_per_s if rate_per_s else None
        """Between two requests of a user on a timetable, seconds; None where answers set the pace."""
        self.is_over = False
        """Set when the test stops. A runner's state cannot tell: a worker's still says "stopped" as a test starts."""
        self.user_numbers = itertools.count()
        self._newest_version: dict[tuple[str, int], int] = {}
        self._file: IO[str] | None = None
        self.follow()
        if options.answers:
            path = Path(options.answers) / f"answers-{os.getpid()}.csv"
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

    def version_floor(self, strategy: str, key: int) -> int:
        """The newest version seen by now: what is asked for from here on must not be older."""
        return self._newest_version.get((strategy, key), 0)

    def check(self, strategy: str, key: int, body: bytes, floor: int) -> str:
        """What is wrong with an item, or nothing."""
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
        if version > self.version_floor(strategy, key):
            self._newest_version[strategy, key] = version
        return ""

    def record(self, *values: object) -> None:
        """A line of `ANSWER_COLUMNS`."""
        if self._file is not None:
            self._writer.writerow(values)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

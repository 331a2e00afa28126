"""The records of a simulated run on disk, as a native run leaves them: its figures can be made again from them."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.ledger import OriginRead
from app.strategy import Strategy
from loadtest.figures.records import ANSWER_COLUMNS, NO_STATUS, OUTCOMES, STATUSES, WHYS, Answers, Integers, Reads
from loadtest.figures.run_folder import RunRecord, write_whole
from loadtest.figures.run_summary import Row
from loadtest.workload.scenario import Scenario
from loadtest.workload.trace import scenario_json


class Place(NamedTuple):
    """Where the records of one run go, and what its row is called."""

    run: Path
    label: str
    name: str
    repeat: int = 1

    @property
    def folder(self) -> Path:
        return self.run / "raw" / self.label


class RawRecords:
    """Written piece by piece: memory does not grow with the run. Numbers are written so that they are read as the very
    same. `sent_s` stays empty: a simulated client is as late as it was meant to be. Raises OSError."""

    def __init__(self, place: Place, scenario: Scenario, strategy: type[Strategy], seed: int) -> None:
        self._folder, self._strategy = place.folder, strategy.name
        self._folder.mkdir(parents=True)
        write_whole(self._folder / "scenario.json", scenario_json(scenario, self._folder, place.run))
        self._record = RunRecord(
            scenario=scenario.name,
            strategy=place.name,
            world="virtual",
            seed=seed,
            repeat=place.repeat,
            pods=scenario.pods,
            loop=scenario.load.loop,
            duration_s=scenario.duration_s,
            target_rate=scenario.target_rate,
            oldest_s=scenario.stated(strategy).oldest_s(),
            is_over=False,
        )
        self._record.write(self._folder)
        self._answers = (self._folder / "answers-1.csv").open("w", newline="", encoding="utf-8")
        self._ledger = (self._folder / "ledger.csv").open("w", newline="", encoding="utf-8")
        csv.writer(self._answers).writerow(ANSWER_COLUMNS)
        csv.writer(self._ledger).writerow(OriginRead._fields)

    def begin(self, start_s: float) -> None:
        """The load begins."""
        self._record.start_s = start_s

    def answers(self, piece: Answers, pods: Integers, faults: Sequence[tuple[int, str]]) -> None:
        """`pods` has an element per answer; `faults` are places in the piece, and what was wrong there."""
        wrong = defaultdict(str, faults)
        statuses = [*map(str, STATUSES), ""]
        assert statuses.index("") == NO_STATUS
        columns = (piece.intended_s, piece.ended_s, piece.key, piece.code, piece.status, piece.age_s, pods)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        csv.writer(self._answers).writerows(
            (intended_s, "", ended_s, key, code, statuses[status], _known(age_s), f"pod-{pod + 1}", wrong[place])
            for place, (intended_s, ended_s, key, code, status, age_s, pod) in enumerate(rows)
        )

    def reads(self, piece: Reads, pods: Integers) -> None:
        """`pods` has an element per read."""
        rows = zip(*(column.tolist() for column in (*piece, pods)), strict=True)
        csv.writer(self._ledger).writerows(
            OriginRead(
                asked_s=asked_s,
                started_s=_known(started_s),  # type: ignore[arg-type]
                ended_s=ended_s,
                key=f"lab:{self._strategy}:{key}",
                strategy=self._strategy,
                pod=f"pod-{pod + 1}",
                why=WHYS[why],
                outcome=OUTCOMES[outcome],
            )
            for asked_s, started_s, ended_s, key, why, outcome, pod in rows
        )

    def end(self, row: Row) -> None:
        """The run is over, and this is what came out."""
        self.close()
        self._record.events, self._record.is_valid, self._record.trace = [*row.events], row.valid, row.trace
        self._record.is_over = True
        self._record.write(self._folder)

    def close(self) -> None:
        self._answers.close()
        self._ledger.close()


def _known(value: float) -> float | str:
    return "" if np.isnan(value) else value

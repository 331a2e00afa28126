"""Good answers over time, and what they took: clients' attempts, and reads that the origin was asked for.

An answer is good where it is the item or its absence (200 or 404) with the right content, and its client still waited.
Each request counts once, in the step of its intended start, however many attempts it took.
"""

from typing import Any

import numpy as np

from loadtest.figures.records import Answers, Floats, Integers, Reads, Retries
from loadtest.figures.recovery import STEP_S, UNKNOWN, recovery
from loadtest.figures.run_summary import Attempted
from loadtest.workload.trigger import Trigger

STEPS_IN_SECOND = 100
"""Fine steps of a second, in which arrivals and retries are counted, so that a wave is found wherever it begins."""
IN_STEP = round(STEP_S * STEPS_IN_SECOND)
"""Fine steps of a step of `STEP_S`."""
WAVE_S = 0.1
"""The length of a wave of retries: those within it meet the same queue."""
DURING_S_MIN = 1.0
"""The least time that counts as during a trigger, because that of some has no length."""
TAIL_S = 60.0
"""Seconds beyond the load's end in which waves of retries are looked for; later ones are told by their number alone."""


class GoodAnswers:
    """The counts of one run by steps of `STEP_S`, fed in chunks.

    Those of all requests, which the tally has already, are given to the methods that make figures of them.
    """

    def __init__(self, start_s: float, duration_s: float, is_paced: bool, is_patient: bool) -> None:
        """Make empty counts: `is_paced` as in `recovery`; patient clients wait for each answer and ask once."""
        self._start_s, self._duration_s = start_s, duration_s
        self._is_paced, self._is_patient = is_paced, is_patient
        self._steps = max(1, int(np.ceil(round(duration_s / STEP_S, 6))))
        self._short, self._reads = np.zeros((2, self._steps), dtype=np.int64)
        self._retries = np.zeros(1 if is_patient else int((duration_s + TAIL_S) * STEPS_IN_SECOND), dtype=np.int64)
        self._retried = self._gave_up = 0

    def add_answers(self, chunk: Answers, is_good: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Add answers in any order, of which those are good."""
        if not is_good.all():
            self._count(self._short, chunk.intended_s[~is_good], IN_STEP)
        if not self._is_patient:
            self._retried += int(chunk.attempts.sum()) - len(chunk.attempts)
            self._gave_up += int(chunk.gave_up.sum())

    def add_retries(self, chunk: Retries) -> None:
        """Add attempts beyond the first of their requests, in any order."""
        in_time = chunk.sent_s < self._start_s + len(self._retries) / STEPS_IN_SECOND
        self._count(self._retries, chunk.sent_s[in_time], 1)

    def add_reads(self, chunk: Reads) -> None:
        """Add reads of the origin's ledger, whatever their outcome."""
        self._count(self._reads, chunk.asked_s, IN_STEP)

    def _count(self, steps: Integers, moments_s: Floats, fine_steps: int) -> None:
        if not np.isfinite(self._start_s):  # a killed generator told no start
            return
        places = ((moments_s - self._start_s) * STEPS_IN_SECOND).astype(np.int64) // fine_steps
        steps += np.bincount(np.clip(places, 0, len(steps) - 1), minlength=len(steps))

    def figures(self, asked: Integers) -> dict[str, Any]:
        """The fields of a `RunSummary` about impatient clients; others have none."""
        if self._is_patient:
            return {}
        requests = int(asked.sum())
        attempts = requests + self._retried
        waves = np.convolve(self._retries, np.ones(round(WAVE_S * STEPS_IN_SECOND), dtype=np.int64))
        return {
            "goodput": self._goodput(asked),
            "attempts": attempts,
            "attempts_per_request": round(attempts / requests, 4) if requests else None,
            "retries_peak_100ms": int(waves.max()),
            "gave_up": self._gave_up,
        }

    @property
    def short(self) -> Integers:
        """Requests without a good answer, in steps of `STEP_S`."""
        return self._short

    def _goodput(self, asked: Integers) -> float:
        return round((int(asked.sum()) - int(self._short.sum())) / self._duration_s, 2)

    def outage(self, asked: Integers, trigger: Trigger | None, unended: int = 0) -> dict[str, Any]:
        """The fields of a `RunSummary` about a trigger; without one there are none.

        `unended` reads were asked for, and had not ended with the run, so that no ledger has them.
        """
        if trigger is None:
            return {}
        begin = min(self._steps - 1, round(trigger.begin_s / STEP_S))
        end = round(max(trigger.end_s, trigger.begin_s + DURING_S_MIN) / STEP_S)
        requests, reads = int(asked[begin:].sum()), int(self._reads[begin:].sum()) + unended
        found = recovery(asked, asked - self._short, trigger, self._is_paced) if requests else UNKNOWN
        return {
            "goodput": self._goodput(asked),
            "failed_during": int(self._short[begin:end].sum()),
            "recovers_after_s": found.recovers_after_s,
            "worst_second": found.worst_second,
            "origin_attempts_per_request": round(reads / requests, 4) if requests else None,
        }

    def series(self, asked: Integers) -> Attempted:
        """Requests and good answers of every whole second, and attempts per `WAVE_S` where clients retry."""
        whole = int(self._duration_s) * round(1 / STEP_S)
        requests, short = (counts[:whole].reshape(-1, round(1 / STEP_S)).sum(axis=1) for counts in (asked, self._short))
        attempts = None
        if not self._is_patient:
            retries = self._retries[: len(self._retries) // IN_STEP * IN_STEP].reshape(-1, IN_STEP).sum(axis=1)
            attempts = asked + retries[: self._steps]
        return Attempted(requests.astype(np.float64), (requests - short).astype(np.float64), attempts)

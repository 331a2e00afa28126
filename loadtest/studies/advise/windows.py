"""The history of a run from one second of its load on: what comes before fills the cache, and counts for nothing."""

import gc
import math
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loadtest.figures.history import Chunk, Ending, History
from loadtest.figures.incident import Incident
from loadtest.figures.records import Answers, Reads, Retries
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.scenario_tables import Warm

CUT = "cut short"
"""The words with which the incident of a run begins that was not watched to its end."""


def later_part(scenario: Scenario, begin_s: float) -> Scenario:
    """The scenario as a run of it looks from that second on: warm, and with the rest of its time and faults."""
    faults = [one.model_copy(update={"at_s": one.at_s - begin_s}) for one in scenario.faults if one.at_s >= begin_s]
    return scenario.model_copy(
        update={
            "duration_s": scenario.duration_s - begin_s,
            "faults": faults,
            "warm": Warm(keys="burst") if begin_s else scenario.warm,
            "load": scenario.load.model_copy(update={"phases": []} if begin_s else {}),
            "warming": None if begin_s else scenario.warming,
        }
    )


class LaterPart:
    """The part of a history that begins at a second of its load. Implements `History`.

    It is cut short once `failed_max` requests have failed: who fails so many need not be watched to the end. Redis
    commands are not told by their moment: a part has the share of them that its requests are of all.
    """

    def __init__(self, whole: History, begin_s: float, failed_max: float = math.inf) -> None:
        self._whole, self._begin_s, self._failed_max = whole, begin_s, failed_max
        self.run: PlannedRun = replace(whole.run, scenario=later_part(whole.run.scenario, begin_s))
        self._requests = self._all_requests = self._failed = 0
        self._cut: Incident | None = None

    @property
    def world(self) -> str:
        """Implements `History.world`."""
        return self._whole.world

    @property
    def start_s(self) -> float:
        """Implements `History.start_s`."""
        return self._whole.start_s + self._begin_s

    @property
    def oldest_s(self) -> float | None:
        """Implements `History.oldest_s`."""
        return self._whole.oldest_s

    def chunks(self) -> Iterator[Chunk]:
        """Implements `History.chunks`."""
        chunks = self._whole.chunks()
        for chunk in chunks:
            if isinstance(chunk, Answers):
                part = _answers(chunk, chunk.intended_s >= self.start_s)
                self._all_requests += len(chunk.key)
                self._requests += len(part.key)
                self._failed += int(np.sum((part.code != 200) & (part.code != 404)))
                yield part
                if self._failed > self._failed_max:
                    after_s = float(chunk.ended_s[-1]) - self.start_s
                    self._cut = _cut(self._failed, self._requests, after_s)
                    _abandon(chunks)
                    return
            elif isinstance(chunk, Reads):
                yield chunk.only(chunk.asked_s >= self.start_s)
            elif isinstance(chunk, Retries):
                kept = chunk.sent_s >= self.start_s
                yield Retries(chunk.sent_s[kept], chunk.attempt[kept], chunk.key[kept])
            else:
                yield chunk

    def ending(self) -> Ending:
        """Implements `History.ending`."""
        if self._cut is not None:
            return Ending([self._cut])
        ending = self._whole.ending()
        share = self._requests / max(1, self._all_requests)
        commands = ending.redis_commands
        return replace(
            ending,
            incidents=[_moved(one, self._begin_s) for one in ending.incidents],
            redis_commands=None if commands is None else commands * share,
        )


def _abandon(chunks: Iterator[Chunk]) -> None:
    """End a simulation in the middle: what is under way in it finds its loop closed, and need not say so."""
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: None if "closed" in str(unraisable.exc_value) else hook(unraisable)
    try:
        if isinstance(chunks, Generator):
            chunks.close()
        gc.collect()
    finally:
        sys.unraisablehook = hook


def _cut(failed: int, requests: int, after_s: float) -> Incident:
    return Incident(f"{CUT} after {after_s:.1f} s: {failed:,} of {requests:,} requests had failed by then")


def _moved(incident: Incident, by_s: float) -> Incident:
    began_s, ended_s = incident.began_s, incident.ended_s
    return incident._replace(
        began_s=None if began_s is None else began_s - by_s,
        ended_s=None if ended_s is None else ended_s - by_s,
    )


def _answers(chunk: Answers, kept: NDArray[np.bool_]) -> Answers:
    """The answers that are kept; wrong ones count wherever they are."""
    is_wrong = np.zeros(len(chunk.key), dtype=np.bool_)
    is_wrong[chunk.wrong_at] = True
    return Answers(
        chunk.intended_s[kept],
        chunk.ended_s[kept],
        chunk.age_s[kept],
        chunk.code[kept],
        chunk.status[kept],
        chunk.key[kept],
        chunk.wrong_answer_kinds,
        chunk.attempts[kept],
        chunk.gave_up[kept],
        np.flatnonzero(is_wrong[kept]),
    )

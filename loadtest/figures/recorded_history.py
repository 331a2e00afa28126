"""The history of a run that left records on disk."""

import math
from collections.abc import Iterator
from pathlib import Path

from app.contender_names import file_of
from loadtest.figures.failures import Failures, Kind, counted
from loadtest.figures.generator_record import read_generator
from loadtest.figures.history import Chunk, Ending
from loadtest.figures.incident import Incident
from loadtest.figures.net_acts import net_acts
from loadtest.figures.pod_costs import log_bytes, memory_peak_mb
from loadtest.figures.proxy_costs import service_cpu_s
from loadtest.figures.records import first_intended_s, read_answers, read_ledger, read_retries, read_writes
from loadtest.figures.redis_commands import BEFORE, EARLIER, local_hits, reads_asked, redis_commands
from loadtest.figures.redis_info import what_happened
from loadtest.figures.run_folder import read_record
from loadtest.workload.planned_run import PlannedRun

WRITES = "writes.csv"
CUT_SHORT = Incident("the bench was ended before this run was over")
NO_GENERATOR = Incident("the generator left no record: it was killed")


class RecordedHistory:
    """A `History` that is read from the folder of one run's records. Raises OSError, or ValueError naming the file."""

    def __init__(self, raw: Path, run: PlannedRun) -> None:
        self.run, self._raw, self._record = run, raw, read_record(raw)
        self.world, self.oldest_s = self._record.world, self._record.oldest_s
        self._answers = sorted(raw.glob("answers*.csv"))
        self.start_s = math.inf if self._record.start_s is None else self._record.start_s

    def chunks(self) -> Iterator[Chunk]:
        """Implements `History.chunks`."""
        if self._record.start_s is None:  # the records of real clients say only when each request was meant
            self.start_s = first_intended_s(self._answers)
        yield from read_writes(self._raw / WRITES)
        yield from read_answers(self._answers)
        # all reads: the ledger was begun anew behind the warm-up, and clocks are not exact enough to tell them by
        yield from read_ledger(self._raw / "ledger.csv", self._record.clock_offset_s)
        yield from read_retries(sorted(self._raw.glob("retries*.csv")))

    def ending(self) -> Ending:
        """Implements `History.ending`."""
        record = self._record
        incidents = [*record.incidents] if record.is_over else [*record.incidents, CUT_SHORT]
        if record.world == "virtual":
            told = Failures({(Kind(kind), what): count for kind, what, count in record.failures})
            return Ending(
                incidents,
                record.notes,
                told,
                net_acts=record.net_acts,
                local_hits=record.local_hits,
                trace=record.trace,
            )
        since = BEFORE if record.world != "native" else EARLIER if record.are_pods_kept else None
        failures, unknown = counted(self._raw, self.run.scenario.pods, since)
        of_redis, notes = what_happened(self._raw, self.run.scenario)
        notes = [*record.notes, *notes]
        generator = read_generator(self._raw)
        incidents += map(Incident, (*unknown, *of_redis))
        if generator is None:
            incidents.append(NO_GENERATOR)
        else:
            notes = [*notes, *generator.notes]
        is_warmed = record.warmed_s is not None and math.isfinite(self.start_s)
        return Ending(
            incidents,
            notes,
            failures,
            generator,
            redis_commands(self._raw, has_own_client=file_of(self.run.strategy) is not None),
            net_acts(self._raw, self.run.scenario.pods),
            reads_asked(self._raw, self.run.strategy),
            service_cpu_s(self._raw),
            memory_peak_mb(self._raw),
            log_bytes(self._raw),
            local_hits(self._raw, self.run.strategy),
            lead_s=round(self.start_s - (record.warmed_s or 0.0), 3) if is_warmed else 0.0,
            warm_spread_s=record.warm_spread_s if is_warmed else 0.0,
        )

"""One run of the league, as it is kept: an entrant, a workload, a world, a seed, and the figures."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtest.figures.plain_text import quoted
from loadtest.figures.run_summary import NEVER
from loadtest.figures.summarise import Finished
from loadtest.stats.rows import figure
from loadtest.studies.league.columns import FIGURES

INCIDENTS_MAX = 5
"""The most incidents, and the most notes, that the league keeps of a run; its folder has them all."""
NOTHING = "nothing was asked, or nothing was answered"


@dataclass(frozen=True, slots=True)
class LeagueRun:
    """One run, with the figures that the league shows; one that could not take place has the reason instead."""

    entrant: str
    world: str
    workload: str
    seed: int
    repeat: int
    session: str
    """The session in which it was made, by the name that the records have for it."""
    fingerprint: str = ""
    """The workload's own, see `Workload.fingerprint`."""
    version: str = ""
    """The version of the library that ran; empty for the lab's own."""
    figures: Mapping[str, float | None] = field(default_factory=dict)
    """The figures by their names in summary.json; infinite for a time that never came."""
    assumed: tuple[str, ...] = ()
    """The figures that virtual time assumes."""
    is_valid: bool = True
    incidents: tuple[str, ...] = ()
    """Events of the run that should not have been."""
    wrong: tuple[str, ...] = ()
    """The kinds of wrong answers, each with its count."""
    faults: tuple[str, ...] = ()
    """The planned faults with the moments at which they really began and ended."""
    why_none: str = ""
    """The reason why there are no figures; empty where there are."""
    folder: str = ""
    """The folder of its records, from that of the league's results; empty where it left none."""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """The key that tells the runs of the league apart."""
        return self.world, self.workload, self.entrant, self.repeat

    def value(self, name: str) -> float | None:
        return self.figures.get(name)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them, without those that are empty."""
        told = {name: value for name, value in asdict(self).items() if value not in ("", (), {})}
        if self.figures:
            told["figures"] = {
                name: NEVER if value == math.inf else value for name, value in self.figures.items() if value is not None
            }
        return told

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> "LeagueRun":
        """The run that `as_dict` describes. Raises TypeError where it is none."""
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stated.items()
        }
        figures = known.get("figures", {})
        known["figures"] = {name: math.inf if value == NEVER else value for name, value in figures.items()}
        return cls(**known)


def league_run(finished: Finished, session: str, fingerprint: str, version: str = "", folder: str = "") -> LeagueRun:
    """The run of the league that a finished run is, whatever came of it."""
    run, summary = finished.run, finished.summary
    row = summary.as_dict()
    about: dict[str, Any] = {
        "entrant": run.strategy, "world": summary.world, "workload": run.scenario.name, "seed": run.seed,
        "repeat": run.repeat, "session": session, "fingerprint": fingerprint, "version": version, "folder": folder,
    }  # fmt: skip
    incidents = tuple(map(quoted, summary.incidents[:INCIDENTS_MAX]))
    if finished.error is not None:
        return LeagueRun(**about, is_valid=False, why_none=quoted(str(finished.error)))
    if not summary.requests:
        return LeagueRun(**about, is_valid=False, incidents=incidents, why_none=NOTHING)
    return LeagueRun(
        **about,
        figures={name: figure(row, name) for name in FIGURES},
        assumed=tuple(name for name in summary.assumed if name in FIGURES),
        is_valid=summary.valid,
        incidents=incidents,
        wrong=tuple(f"{count:,} answers: {quoted(kind)}" for kind, count in summary.wrong_answer_kinds.items()),
        faults=tuple(str(one["what"]) for one in summary.planned_faults),
    )


def refused(
    entrant: str, world: str, workload: str, session: str, fingerprint: str, why: str, version: str = ""
) -> LeagueRun:
    """The run of an entrant that a world cannot have, with the reason."""
    return LeagueRun(entrant, world, workload, 0, 1, session, fingerprint, version, why_none=why)

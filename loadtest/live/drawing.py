"""The drawing of a bench that runs: its state as events, in the figures, the colours and the columns of its report."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.figures.courses import courses
from loadtest.figures.incident import Incident
from loadtest.figures.records import Floats
from loadtest.figures.repeats import Medians, medians
from loadtest.figures.run_summary import Series
from loadtest.figures.summarise import failed
from loadtest.live.growing_course import GrowingCourse
from loadtest.live.page_events import PageEvents
from loadtest.live.run_feed import SoFar
from loadtest.live.watch import Watch
from loadtest.report.chart import course_figure, limits
from loadtest.report.colours import colours
from loadtest.report.columns import FIRST_COLUMNS, OUTAGE_COLUMNS, comparison
from loadtest.report.embedding import chart, drawing_script
from loadtest.report.fault_marks import fault_marks
from loadtest.report.marks import marked
from loadtest.report.rendering import render
from loadtest.report.runs_counted import runs_counted
from loadtest.report.workload_in_words import brief, sentence
from loadtest.workload.faults import Lasting

COLUMNS = tuple(column for column in FIRST_COLUMNS[1:] if column not in OUTAGE_COLUMNS)
"""The columns so far, behind the name. Those of an outage are left out: it is over when its run is."""
INCIDENTS_MAX = 20
"""The most incidents that are shown, the latest ones."""


def page() -> str:
    """The page before anything is known; its script draws what the events bring."""
    return render(
        "live.html", script=drawing_script(), title="A bench that runs", legend="", said=(), notes=(), stamp=()
    )


class Drawing:
    """A watched bench as events of its page."""

    def __init__(self, watch: Watch, names: Sequence[str], known: Sequence[str], baseline: str | None) -> None:
        """Draw the strategies in the order of `names`, with the colours of the `known` ones."""
        self._watch, self._baseline = watch, baseline
        references = {run.name for run in watch.runs if run.is_reference}
        self._names = [*names]
        self._drawn = [name for name in names if name not in references]
        self._inks = colours(known, self._drawn)
        self._shown = {name: marked(name) for name in names}
        """The names with their marks, which are looked up in folders."""
        first = {run.name: run for run in reversed(watch.runs)}
        self._empty = {name: medians([failed(first[name], "native", "").summary])[0] for name in names}
        self._course = GrowingCourse()
        self._ended: dict[str, Series] = {}
        """The courses of strategies with a run that has ended."""
        self._is_new = True

    @property
    def report(self) -> Path | None:
        """The report of the bench; None where there is none."""
        path = self._watch.folder / "report.html"
        return path if path.exists() else None

    def look(self, log: PageEvents, is_last: bool = False) -> None:
        """Look at the bench, and add what is new to the log. Raises OSError and ValueError."""
        has_turned = self._watch.look(is_last) or self._is_new
        so_far = self._watch.so_far()
        if has_turned:
            ended = [one for one in self._watch.ended.values() if one.run.name in self._drawn]
            self._ended = courses([(one.summary, one.series) for one in ended])
            log.add_figure(_as_json(self._figure(so_far)))
            self._course, self._is_new = GrowingCourse(), False
        run = self._watch.run
        if so_far is not None and run is not None and run.name in self._drawn:
            self._course.take(so_far.series)
        state = self._state(so_far)
        place = None if run is None else self._place(run.name)
        course = self._course
        log.add_grown(
            _as_json({**state, "course": course.gained(place)}),
            lambda: _as_json({**state, "course": course.all(place)}),
        )

    def _figure(self, so_far: SoFar | None) -> dict[str, Any]:
        """Everything but the run that is on; its chart is there without a course, as those to come are."""
        rows, series, run = self._rows(None), self._ended, self._watch.run
        ends = limits(list(rows.values()), [*series.values(), *([] if so_far is None else [so_far.series])])
        strategies = []
        for name in self._drawn:
            row = rows[name]
            shown = _EMPTY if run is not None and run.name == name else series.get(name, _EMPTY)
            drawn = course_figure(row, shown, self._inks[name], fault_marks(row, self._watch.scenario), ends)
            one = chart(
                f"course-{self._place(name)}", f"{self._shown[name]}: origin reads and latency over time", "", drawn
            )
            strategies.append({
                "id": one.name, "label": one.label, "name": self._shown[name], "colour": self._inks[name],
                "height_px": one.height_px, "figure": str(one.data),
            })  # fmt: skip
        scenario = self._watch.scenario
        return {
            "title": scenario.title, "brief": brief(scenario), "sentence": sentence(scenario),
            "folder": str(self._watch.folder), "strategies": strategies,
        }  # fmt: skip

    def _state(self, so_far: SoFar | None) -> dict[str, Any]:
        """All that is known this moment, but for the course."""
        runs = [*self._ended.values(), *([] if so_far is None else [so_far.series])]
        rows = self._rows(so_far)
        return {
            "now": self._now(),
            "ranges": limits(list(rows.values()), runs).ranges,
            "told": [self._told(name, rows[name], so_far) for name in self._drawn],
            "table": self._table(rows, so_far),
            "incidents": self._incidents(),
        }

    def _rows(self, so_far: SoFar | None) -> dict[str, Medians]:
        """A row per strategy: of the repeats that have ended, else of the run that is on, else an empty one."""
        found = {}
        for name in self._names:
            ended = [one.summary for one in self._watch.ended.values() if one.run.name == name]
            if not ended and so_far is not None and so_far.summary.strategy == name:
                ended = [so_far.summary]
            (found[name],) = medians(ended) if ended else [self._empty[name]]
        return found

    def _place(self, name: str) -> int:
        return self._names.index(name)

    def _now(self) -> dict[str, Any]:
        run, watch = self._watch.run, self._watch
        if run is None:
            return {"head": "All runs have ended", "told": "The report is being made.", "part": 1.0}
        repeats = max(one.repeat for one in watch.runs)
        which = f", repeat {run.repeat} of {repeats}" if repeats > 1 else ""
        order = "; each round of runs has a random order" if repeats > 1 else ""
        elapsed_s, duration_s = watch.elapsed_s, run.scenario.duration_s
        if elapsed_s is None or elapsed_s < 0:
            told, part = "its system is being started", 0.0
        elif elapsed_s < duration_s:
            told, part = f"{duration_s - elapsed_s:.0f} s of {duration_s:g} s left", elapsed_s / duration_s
        else:
            told, part = "its last answers and its figures", 1.0
        return {
            "head": f"{self._shown[run.name]}{which}",
            "told": f"run {watch.number} of {len(watch.runs)}: {told}{order}",
            "part": round((watch.number - 1 + part) / len(watch.runs), 4),
        }  # fmt: skip

    def _state_of(self, name: str) -> tuple[str, str]:
        """The kind of a strategy's state, and the words for it."""
        run, runs = self._watch.run, [one for one in self._watch.runs if one.name == name]
        ended = sum(one.run.name == name for one in self._watch.ended.values())
        is_on = run is not None and run.name == name and self._watch.elapsed_s is not None
        if len(runs) == 1:
            return ("on", "so far") if is_on else ("ended", "") if ended else ("to come", "to come")
        of = f"{ended} of {len(runs)} repeats"
        if is_on:
            return "on", of if ended else f"repeat 1 of {len(runs)} so far"
        return ("ended", of) if ended else ("to come", "to come")

    def _told(self, name: str, row: Medians, so_far: SoFar | None) -> str:
        """The words above a course: both peaks, as a report has them."""
        kind, state = self._state_of(name)
        if kind == "to come":
            return state
        if kind == "on" and so_far is not None:
            (row,) = medians([so_far.summary])
            repeats = sum(run.name == name for run in self._watch.runs)
            state = "so far" if repeats == 1 else f"repeat {row.repeat} so far"
        elif kind == "on":
            return "begins"
        steady = "nothing expired" if row.steady_peak_1s is None else f"steady peak {row.steady_peak_1s:,}"
        told = f"{steady}, cold start {row.cold_peak_1s:,}"
        if kind == "on":
            return f"{state}: {told}"
        told += f"; {state}" if state else ""
        counted = runs_counted(row)
        return f"{told}; {counted}" if counted else told

    def _table(self, rows: dict[str, Medians], so_far: SoFar | None) -> dict[str, Any]:
        states = {name: self._state_of(name) for name in self._names}
        ended = {one.run.name for one in self._watch.ended.values()}
        known = [name for name in self._names if name in ended or (so_far and so_far.summary.strategy == name)]
        shown = comparison([rows[name] for name in known], self._baseline, columns=COLUMNS)
        cells = {name: list(line) for name, line in zip(known, shown.lines, strict=True)}
        return {
            "headings": shown.headings,
            "lines": [
                {
                    "name": self._shown[name], "colour": self._inks.get(name, "transparent"), "kind": kind,
                    "state": state, "cells": cells.get(name), "is_bad": name in ended and not rows[name].is_result,
                    "note": runs_counted(rows[name]) if name in ended else "",
                }
                for name, (kind, state) in states.items()
            ],
        }  # fmt: skip

    def _incidents(self) -> list[dict[str, Any]]:
        """The faults and the incidents of the runs so far, those of the run that is on last."""
        told = [
            {"text": f"{one.run.label}: {what}", "kind": "incident"}
            for one in self._watch.ended.values() if one.is_final
            for what in one.summary.incidents
        ]  # fmt: skip
        run = self._watch.run
        if run is not None:
            lasting: set[str] = {fault.kind for fault in run.scenario.faults if isinstance(fault, Lasting)}
            told += [_incident(run.label, one, lasting) for one in self._watch.incidents]
        return told[-INCIDENTS_MAX:]


_NOTHING: Floats = np.full(1, np.nan)  # 0 would be drawn, as a line of a run that has not begun
_EMPTY = Series(1.0, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
"""A course without values; the page puts in those of the run that is on."""


def _incident(label: str, one: Incident, lasting: set[str]) -> dict[str, Any]:
    if not one.is_planned:
        return {"text": f"{label}: {one.what}", "kind": "incident"}
    kind = one.what.partition(" ")[0]
    is_on = kind in lasting and one.ended_s is None
    return {"text": f"{label}: {kind} since {one.began_s:.1f} s" if is_on else f"{label}: {one.what}",
            "kind": "fault on" if is_on else "fault"}  # fmt: skip


def _as_json(value: dict[str, Any]) -> str:
    """The value on one line, as an event needs it. Raises ValueError where a number is not finite."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)

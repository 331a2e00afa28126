"""The league as one HTML page: sorted and filtered by its reader, with the runs below the tables that lead to them."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from loadtest.contract.behaviour.probes import LOADS, QUESTIONS
from loadtest.figures.run_summary import NEVER
from loadtest.report.contents import circumstances
from loadtest.report.rendering import render
from loadtest.studies.league.behaviour_page import found_cell, probes_shown
from loadtest.studies.league.cells_in_markdown import Reasons
from loadtest.studies.league.columns import FAULT_LEGEND, LEGEND
from loadtest.studies.league.league_page import HOW_TO_READ
from loadtest.studies.league.league_records import WORLDS, LeagueRecords
from loadtest.studies.league.league_table import LeagueCell, ShownFigure, league_table
from loadtest.studies.league.places import heading
from loadtest.studies.league.runs_page import run_lines
from loadtest.studies.league.workloads import Workload

TITLE = "The league: libraries under the same loads and faults"


class _Shown(NamedTuple):
    """A figure with the place of its runs; its value is empty where it is not known."""

    world: str
    text: str
    value: str
    href: str


class _Cell(NamedTuple):
    shown: Sequence[_Shown]
    is_apart: bool


def league_html(records: LeagueRecords, workloads: Sequence[Workload], folder: Path) -> str:
    """The page of these records, which lies in the folder of a league; the records of runs are linked if they exist."""
    return render(
        "league.html",
        title=TITLE,
        sentence=HOW_TO_READ.replace("`", ""),
        legend="",
        said=[],
        notes=[],
        stamp=[],
        classes=sorted({records.protection(name) for name in records.entrants}),
        found=_found(records),
        tables=[_table(records, one) for one in workloads if records.has(one.name)],
        entrants=[one for _, one in sorted(records.entrants.items())],
        runs=[one for workload in workloads for one in _runs(records, workload, folder)],
        sessions=[(name, circumstances(about)) for name, about in sorted(records.sessions.items())],
    )


def _place(workload: str, entrant: str, world: str) -> str:
    return f"{workload}-{entrant}-{world}"


def _table(records: LeagueRecords, workload: Workload) -> Mapping[str, Any]:
    table, reasons = league_table(records, workload), Reasons()
    return {
        "name": workload.name,
        "title": workload.scenario.title,
        "sentence": workload.in_words,
        "legend": FAULT_LEGEND if workload.scenario.faults else LEGEND,
        "headings": ["name", *(one.heading for one in table.columns)],
        "lines": [
            {
                "name": line.entrant.name,
                "setting": f"setting-{line.entrant.name}",
                "protection": records.protection(line.entrant.name),
                "cells": [_cell(records, workload.name, line.entrant.name, cell, reasons) for cell in line.cells],
            }
            for line in table.lines
        ],
        "reasons": reasons.text,
    }


def _found(records: LeagueRecords) -> Mapping[str, Any]:
    """The findings of the probes: a table with a column each, and the sentences that its cells lead to."""
    probes, reasons = sorted(probes_shown(records), key=LOADS.__ne__), Reasons()  # the class of protection first
    lines, sentences = [], []
    for name in sorted(records.entrants):
        told = [found_cell(records, name, probe) for probe in probes]
        lines.append(
            {
                "name": name,
                "protection": records.protection(name),
                "cells": [(reasons.after(one.text, one.why_none), bool(one.leads_to)) for one in told],
            }
        )
        if (one := records.probed_of(name)) is not None:
            sentences.append(
                (name, [(QUESTIONS.get(each.name, each.name), each.sentence) for each in one.behaviour.findings])
            )
    headings = [QUESTIONS.get(probe, probe) for probe in probes]
    return {"headings": headings, "lines": lines if probes else [], "reasons": reasons.text, "sentences": sentences}


def _cell(records: LeagueRecords, workload: str, entrant: str, cell: LeagueCell, reasons: Reasons) -> _Cell:
    def shown(one: ShownFigure) -> _Shown:
        value = "" if one.value is None else NEVER if math.isinf(one.value) else f"{one.value:.10g}"
        ran = records.runs_of(one.world, workload, entrant)
        text = reasons.after(one.text, one.why_none)
        return _Shown(one.world, text, value, _place(workload, entrant, one.world) if ran else "")

    return _Cell([*map(shown, cell.shown)], cell.is_apart)


def _runs(records: LeagueRecords, workload: Workload, folder: Path) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for name in sorted(records.entrants):
        for world in WORLDS:
            if runs := records.runs_of(world, workload.name, name):
                told = run_lines(workload, world, runs)
                found.append(
                    {
                        "id": _place(workload.name, name, world),
                        "workload": workload.name,
                        "heading": heading(name, world),
                        "about": told.about,
                        "headings": told.headings,
                        "lines": told.lines,
                        "command": told.command,
                        "notes": told.notes,
                        "folders": [
                            (one.repeat, f"{one.folder}{os.sep}")
                            for one in runs
                            if one.folder and (folder / one.folder).is_dir()
                        ],
                    }
                )
    return found

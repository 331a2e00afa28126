"""The page of the runs of one workload: every figure of every run, its seed, its command, its session."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.report.contents import circumstances
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.report.workload_in_words import virtual_world
from loadtest.studies.league.columns import LeagueColumn, all_columns
from loadtest.studies.league.league_records import WORLDS, LeagueRecords
from loadtest.studies.league.league_run import LeagueRun
from loadtest.studies.league.league_table import NONE, SPOILED, shown_figure
from loadtest.studies.league.places import WORDS, anchor, heading
from loadtest.studies.league.workloads import Workload

ALL_RUNS = "all"
"""The name of the line that stands for all runs of an entrant."""
TITLE = "# The league: "
"""The beginning of every page of runs."""
MADE_BY = "Written by `lab league --page`, from the records beside it; not to be edited by hand."


class RunLines(NamedTuple):
    """The text on the runs of one entrant in one world."""

    about: str
    """The version and the world, or the reason why nothing ran."""
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    """A line for all runs where there are several, then one for each; empty where nothing ran."""
    command: str
    notes: Sequence[str]
    """Incidents and planned faults, with the number of the run."""


def run_lines(workload: Workload, world: str, runs: Sequence[LeagueRun]) -> RunLines:
    """The runs of one entrant in one world, of which there is at least one."""
    version = next((f"{one.version}, " for one in runs if one.version), "")
    if not any(one.figures for one in runs):
        return RunLines(f"{version}{WORDS[world]}: {runs[0].why_none}.", (), (), "", ())
    told = [
        one
        for one in all_columns(bool(workload.scenario.faults))
        if any(run.value(one.name) is not None for run in runs)
    ]
    lines = [_line(ALL_RUNS, "", world, told, runs)] if len(runs) > 1 else []
    lines += [_line(str(one.repeat), str(one.seed), world, told, [one]) for one in runs]
    notes = [
        f"run {one.repeat}: {what}"
        for one in runs
        for what in (*one.incidents, *one.wrong, *one.faults, one.why_none)
        if what
    ]
    headings = ["run", "seed", *(one.heading for one in told)]
    return RunLines(
        f"{version}{WORDS[world]}.", headings, lines, workload.command(world, runs[0].entrant, runs[0].seed), notes
    )


def _line(name: str, seed: str, world: str, columns: Sequence[LeagueColumn], runs: Sequence[LeagueRun]) -> list[str]:
    mark = "" if all(one.is_valid for one in runs) else SPOILED
    return [name + mark, seed, *(shown_figure(world, one, runs).text.removesuffix(SPOILED) for one in columns)]


def runs_page(records: LeagueRecords, workload: Workload) -> str:
    """The page of a workload; an entrant without a run there has no heading."""
    text = [
        f"{TITLE}{for_markdown(workload.scenario.title)}", "",
        f"{MADE_BY} The tables are in [league.md](../league.md).", "",
        for_markdown(workload.in_words), "",
        f"In virtual time: {for_markdown(virtual_world(workload.scenario))}.", "",
    ]  # fmt: skip
    used: dict[str, None] = {}
    for name in sorted(records.entrants):
        for world in WORLDS:
            if runs := records.runs_of(world, workload.name, name):
                used |= dict.fromkeys(one.session for one in runs)
                text += _runs(workload, name, world, runs)
    for session in used:
        text += session_lines(session, records.sessions.get(session, {}))
    return "\n".join(text).rstrip("\n")


def _runs(workload: Workload, name: str, world: str, runs: Sequence[LeagueRun]) -> list[str]:
    told = run_lines(workload, world, runs)
    led = ", ".join(f"[{one}](#{anchor(one)})" for one in dict.fromkeys(one.session for one in runs))
    text = [f"## {for_markdown(heading(name, world))}", "", f"{for_markdown(told.about)} Session {led}.", ""]
    if told.lines:
        lines = [[*map(for_markdown, line)] for line in told.lines]
        text += [*markdown_table(told.headings, lines, numbers=True), "", for_markdown_code(told.command), ""]
    return [*text, *(f"- {for_markdown(note)}" for note in told.notes), *([""] if told.notes else [])]


def session_lines(name: str, about: Mapping[str, Any]) -> list[str]:
    """The circumstances of a session, under its name as a heading."""
    lines = [f"- {for_markdown(label)}: {for_markdown(text)}" for label, text in circumstances(about)]
    return [f"## {name}", "", *(lines or [NONE]), ""]

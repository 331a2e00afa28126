"""The tables of docs/league.md, in Markdown: by the names of the entrants, with a link at every figure."""

from collections.abc import Sequence

from loadtest.contract.behaviour.probes import LOADS, QUESTIONS
from loadtest.figures.plain_text import plain
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.studies.calibration.agreement import TOLERANCES
from loadtest.studies.league.behaviour_page import LARGE, found_cell, probes_shown
from loadtest.studies.league.cells_in_markdown import (
    AGREE,
    APART,
    Reasons,
    cell_in_markdown,
    fault_in_markdown,
    found_in_markdown,
)
from loadtest.studies.league.columns import FAULT_LEGEND, LEGEND
from loadtest.studies.league.entrant import Entrant
from loadtest.studies.league.league_records import PROBES_WORD, WORLDS, LeagueRecords
from loadtest.studies.league.league_table import NONE, NOT_RUN, LeagueTable, league_table, short_table
from loadtest.studies.league.places import PAGES, anchor, defined, label, label_of_findings, place
from loadtest.studies.league.workloads import Workload

BLOCK = "league"
"""The name in the markers of the page."""
OF_A_COMMIT = "it is of this repository, and so of the commit that each session names"
NO_VERSION = "it has no distribution of Python's"
NO_LICENCE = "its distribution states none; its repository may"
HOW_TO_READ = (
    f"In a cell, the native figure is on the left and that of virtual time on the right; each leads to its runs, with "
    f"seed, command, versions and machine. Of several runs the median is shown, of errors the worst. "
    f"“{APART.strip()}” in the place of “{AGREE.strip()}”: the two are further apart than `lab calibrate` allows, "
    f"over the seeds that both have run. "
    f"{TOLERANCES}. “!”: a run had an incident, which its page names. “~”: virtual time assumes it, and it is "
    "not compared."
)


def league_block(records: LeagueRecords, workloads: Sequence[Workload]) -> str:
    """All tables between the markers of the page."""
    calm = [one for one in workloads if not one.scenario.faults and records.has(one.name)]
    broken = [one for one in workloads if one.scenario.faults and records.has(one.name)]
    text = [_counted(records), "", HOW_TO_READ, "", f"The columns: {LEGEND}", "", f"Under a fault: {FAULT_LEGEND}", ""]
    text += ["### Entrants", "", *_entrants(records)]
    if broken:
        text += ["### What happens when something breaks", "", *_faults(records, broken)]
    for one in (*calm, *broken):
        text += _workload(records, one)
    if records.probed:
        text += ["### Behaviour", "", *_behaviour(records)]
    text += ["### Settings", "", *_settings(records)]
    return "\n".join(["", *text, *_addresses(records, workloads), ""])


def _addresses(records: LeagueRecords, workloads: Sequence[Workload]) -> list[str]:
    """The addresses of all runs and findings, by the labels that the tables have for them."""
    found = []
    for name in sorted(records.entrants):
        if records.probed_of(name) is not None:
            found.append(defined(label_of_findings(name), f"{PAGES}/{PROBES_WORD}.md#{anchor(name)}"))
        for one in workloads:
            worlds = [world for world in WORLDS if records.runs_of(world, one.name, name)]
            found += [defined(label(one.name, name, world), place(one.name, name, world)) for world in worlds]
    return [*found, ""] if found else []


def _counted(records: LeagueRecords) -> str:
    """The sentence on how much was run, and when."""
    counts = [f"{sum(key[0] == world for key in records.with_figures):,} {world}" for world in WORLDS]
    dates = sorted(str(one.get("started_at", ""))[:10] for one in records.sessions.values())
    span = " to ".join(dict.fromkeys((*dates[:1], *dates[-1:])))
    return f"{len(records.entrants)} entrants, {' and '.join(counts)} runs{f', {span}' if span else ''}."


def _ran(records: LeagueRecords, workload: str, entrant: str) -> frozenset[str]:
    return frozenset(world for world in WORLDS if records.runs_of(world, workload, entrant))


def _entrants(records: LeagueRecords) -> list[str]:
    lines, reasons = [], Reasons()
    for _, one in sorted(records.entrants.items()):
        own = [run for run in records.runs.values() if run.entrant == one.name]
        sessions = {run.session for run in own}
        dates = sorted({str(records.sessions.get(each, {}).get("started_at", ""))[:10] for each in sessions} - {""})
        where = f"[{for_markdown(one.name)}](#{anchor(one.name)})"
        told = [
            for_markdown(one.library or one.kind),
            for_markdown(one.version) or f"{NONE}{reasons.number(OF_A_COMMIT if one.is_own else NO_VERSION)}",
            for_markdown(one.licence) or f"{NONE}{reasons.number(OF_A_COMMIT if one.is_own else NO_LICENCE)}",
        ]
        found = found_in_markdown(found_cell(records, one.name, LOADS), reasons)
        lines.append([where, *told, found, ", ".join(dates) or f"{NONE}{reasons.number(NOT_RUN)}"])
    headings = ("name", "library", "version", "licence", "who loads at an expiry", "date of the runs")
    return [*markdown_table(headings, lines), "", *reasons.lines]


def _faults(records: LeagueRecords, workloads: Sequence[Workload]) -> list[str]:
    """The table of all faults beside each other."""
    tables = [short_table(records, one) for one in workloads]
    reasons, lines = Reasons(), []
    for number, name in enumerate(sorted(records.entrants)):
        cells = [
            fault_in_markdown(
                table.lines[number], table.workload.name, reasons, _ran(records, table.workload.name, name)
            )
            for table in tables
        ]
        large = found_in_markdown(found_cell(records, name, LARGE), reasons)
        lines.append([for_markdown(name), *cells, *([large] if records.probed else [])])
    headings = ["name", *(table.workload.scenario.title for table in tables)]
    headings += ["Entries of 5 MB"] if records.probed else []
    return [*markdown_table(headings, lines), "", *reasons.lines]


def _workload(records: LeagueRecords, workload: Workload) -> list[str]:
    """The table of one workload, with its words and its command."""
    table, page = league_table(records, workload), f"{PAGES}/{workload.name}.md"
    return [
        f"### {for_markdown(workload.name)}", "",
        f"{for_markdown(workload.scenario.title)}. {for_markdown(workload.in_words)}", "",
        *_table(records, table),
        f"All runs: [{page}]({page}).", "",
        for_markdown_code(f"lab league {workload.name}"), "",
    ]  # fmt: skip


def _table(records: LeagueRecords, table: LeagueTable) -> list[str]:
    reasons, name, lines = Reasons(), table.workload.name, []
    for line in table.lines:
        ran = _ran(records, name, line.entrant.name)
        cells = (cell_in_markdown(line, cell, name, reasons, ran) for cell in line.cells)
        lines.append([for_markdown(line.entrant.name), *cells])
    headings = ["name", *(one.heading for one in table.columns)]
    return [*markdown_table(headings, lines, numbers=True), "", *reasons.lines]


def _behaviour(records: LeagueRecords) -> list[str]:
    """The findings of all probes, a column each."""
    reasons, names = Reasons(), probes_shown(records)
    lines = [
        [for_markdown(name), *(found_in_markdown(found_cell(records, name, probe), reasons) for probe in names)]
        for name in sorted(records.entrants)
    ]
    page = f"{PAGES}/{PROBES_WORD}.md"
    return [
        "Findings of probes over three pods on one Redis, by counting. None refuses an entrant.", "",
        *markdown_table(["name", *(QUESTIONS.get(name, name) for name in names)], lines), "",
        *reasons.lines,
        f"All findings: [{page}]({page}).", "",
        for_markdown_code(f"lab league {PROBES_WORD}"), "",
    ]  # fmt: skip


def _settings(records: LeagueRecords) -> list[str]:
    return [line for _, one in sorted(records.entrants.items()) for line in _setting(one)]


def _setting(one: Entrant) -> list[str]:
    """The text on one entrant: its sentence, with the lines of its documentation that its setting is taken from."""
    text = [f"#### {for_markdown(one.name)}", "", plain(one.does), ""]
    if one.is_own:
        return [*text, f"One of the lab's own: [its page](strategies/{one.name}.md).", ""]
    quoted = [f"> {plain(line)}  " for line in one.setting.splitlines()]
    where = f"[Its documentation]({one.documentation}) shows:" if one.documentation else "Its setting:"
    text += [where, "", *quoted, ""] if quoted else []
    text += [f"Reference: {plain(one.reference)}", ""] if one.reference else []
    return [*text, *([f"Not in virtual time: {plain(one.not_virtual)}.", ""] if one.not_virtual else [])]

"""Findings of the behaviour contract as tables: each cell leads to the sentences on its entrant."""

from typing import NamedTuple

from loadtest.contract.behaviour.probes import QUESTIONS
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown
from loadtest.studies.league.league_records import LeagueRecords, ProbedBehaviour
from loadtest.studies.league.league_table import NONE
from loadtest.studies.league.places import WORDS, anchor, label_of_findings
from loadtest.studies.league.runs_page import MADE_BY, TITLE, session_lines

LARGE = "large-values"
"""The probe of an entry of 5 MB, which stands beside the faults."""
OF_CONTENDERS = "the probes are of contenders; what one of the lab's own does, its page says"
NOT_PROBED = "it was not probed yet"


class FoundCell(NamedTuple):
    """A finding in a cell, or a dash with its reason."""

    text: str
    leads_to: str
    """The label of the findings on the entrant."""
    why_none: str


def found_cell(records: LeagueRecords, entrant: str, probe: str) -> FoundCell:
    """The finding of a probe on an entrant, in a few words."""
    one = records.probed_of(entrant)
    finding = None if one is None else one.behaviour.finding(probe)
    if one is None or finding is None:
        return FoundCell(NONE, "", OF_CONTENDERS if records.entrants[entrant].is_own else NOT_PROBED)
    return FoundCell(finding.cell, label_of_findings(entrant), "")


def probes_shown(records: LeagueRecords) -> list[str]:
    """The names of the probes that were asked, in their order."""
    found = dict.fromkeys(finding.name for one in records.probed.values() for finding in one.behaviour.findings)
    return [*(name for name in QUESTIONS if name in found), *(name for name in found if name not in QUESTIONS)]


def behaviour_page(records: LeagueRecords) -> str:
    """The page of all findings, by the names of the entrants."""
    text = [f"{TITLE}behaviour", "", f"{MADE_BY} The tables are in [league.md](../league.md).", ""]
    used: dict[str, None] = {}
    for name in sorted(records.entrants):
        if (one := records.probed_of(name)) is not None:
            used[one.session] = None
            text += _entrant(name, one)
    for session in used:
        text += session_lines(session, records.sessions.get(session, {}))
    return "\n".join(text).rstrip("\n")


def _entrant(name: str, one: ProbedBehaviour) -> list[str]:
    found = one.behaviour
    told = [
        (QUESTIONS.get(finding.name, finding.name), finding.cell, str(finding.outcome), finding.sentence)
        for finding in found.findings
    ]
    lines = [[*map(for_markdown, line)] for line in told]
    return [
        f"## {for_markdown(name)}", "",
        f"{for_markdown(found.library)} {for_markdown(found.version)}, {WORDS[found.world]}: who loads at an expiry: "
        f"{found.protection}. Session [{one.session}](#{anchor(one.session)}).", "",
        *markdown_table(("question", "found", "outcome", "in a sentence"), lines),
        "",
    ]  # fmt: skip

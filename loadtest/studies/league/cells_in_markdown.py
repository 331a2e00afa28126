"""The cells of the league in Markdown: each figure leads to the runs that made it, each dash to its reason."""

from loadtest.report.quoting import for_markdown
from loadtest.studies.league.behaviour_page import FoundCell
from loadtest.studies.league.league_table import LeagueCell, LeagueLine, ShownFigure
from loadtest.studies.league.places import WORDS, label

AGREE, APART = " · ", " ≠ "
"""The signs between the figures of two worlds: without and with more between them than the tolerance."""
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Reasons:
    """The reasons of the dashes of one table, each with the number that stands at its dashes."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def number(self, why: str) -> str:
        """The raised number of a reason."""
        return str(self._found.setdefault(why, len(self._found) + 1)).translate(_RAISED)

    def after(self, text: str, why: str) -> str:
        """The text with the number of its reason behind it, where it has one."""
        return text + (self.number(why) if why else "")

    @property
    def text(self) -> str:
        """The reasons in the order of their numbers; empty where no dash needs one."""
        return "; ".join(f"{str(number).translate(_RAISED)} {why}" for why, number in self._found.items())

    @property
    def lines(self) -> list[str]:
        """The reasons as a paragraph of Markdown."""
        return [f"{for_markdown(self.text)}.", ""] if self._found else []


def figure_in_markdown(shown: ShownFigure, leads_to: str, reasons: Reasons) -> str:
    """One figure as a link, or a dash with the number of its reason; a dash of a run leads to that run too."""
    text = reasons.after(for_markdown(shown.text), shown.why_none)
    return f"[{text}][{leads_to}]" if leads_to else text


def cell_in_markdown(line: LeagueLine, cell: LeagueCell, workload: str, reasons: Reasons, ran: frozenset[str]) -> str:
    """The figures of both worlds, native first; `ran` are the worlds that have runs of this entrant."""
    name = line.entrant.name
    told = [
        figure_in_markdown(one, label(workload, name, one.world) if one.world in ran else "", reasons)
        for one in cell.shown
    ]
    return (APART if cell.is_apart else AGREE).join(told)


def found_in_markdown(found: FoundCell, reasons: Reasons) -> str:
    """A finding as a link, or a dash with the number of its reason."""
    text = reasons.after(for_markdown(found.text), found.why_none)
    return f"[{text}][{found.leads_to}]" if found.leads_to else text


def fault_in_markdown(line: LeagueLine, workload: str, reasons: Reasons, ran: frozenset[str]) -> str:
    """The figures of a fault in one cell: a line for each world, and one link for each."""
    told = []
    for number, world in enumerate(WORDS):
        shown = [(cell.column, cell.shown[number]) for cell in line.cells]
        known = [column.brief.format(one.text) for column, one in shown if one.value is not None]
        text = for_markdown(", ".join(known)) if known else f"-{reasons.number(shown[0][1].why_none)}"
        told.append(f"{world}: " + (f"[{text}][{label(workload, line.entrant.name, world)}]" if world in ran else text))
    return "<br>".join(told)

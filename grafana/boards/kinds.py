"""Strategies by what they do at an expiry: a closed row of each kind, for a stack in which there are many."""

from app.strategy import MechanismKind
from app.strategy_groups import CONTENDER_MARK, CONTENDERS, MARKED, WRONG
from grafana.boards.board import Json, several, strategy_variable
from grafana.boards.panels import per_strategy
from grafana.boards.story import needles, not_hit

TITLES: dict[str, str] = {
    MechanismKind.NONE: "Those whose readers all load",
    MechanismKind.COLLAPSE: "Those of whose readers one loads, while the others wait",
    MechanismKind.COLLAPSE_IN_POD: "Those that do so in each pod alone",
    MechanismKind.STALE: "Those that answer with the old entry meanwhile",
    MechanismKind.EARLY: "Those that load before the expiry, by chance",
    MechanismKind.REFRESH_AHEAD: "Those that load before the expiry, at a share of the TTL",
    MechanismKind.UNKNOWN: "Those of another kind",
    CONTENDERS: f"{CONTENDER_MARK} Contenders: libraries as their documentation has them used",
    WRONG: f"Those that are {MARKED}",
}
"""The titles of the rows, by the label `kind` of lab_strategy_info."""


def kind_rows() -> list[tuple[str, list[Json]]]:
    """A row for each kind, with the needles of its strategies and their answers that were no hits."""
    return [(title, [_needles(variable_of(kind)), _not_hit(variable_of(kind))]) for kind, title in TITLES.items()]


def kind_variables() -> list[Json]:
    """The hidden variables by which those rows are repeated, the baseline first in that of its kind."""
    return [
        strategy_variable(variable_of(kind), title, title, f'kind="{kind}"', hide=2, **several())
        for kind, title in TITLES.items()
    ]


def variable_of(kind: str) -> str:
    """The name of the variable that has the strategies of a kind."""
    return f"kind_{kind.replace(' ', '_')}"


def _needles(of: str) -> Json:
    return per_strategy(needles(f"${of}: origin reads per second", width=24, height=5, of=of), of)


def _not_hit(of: str) -> Json:
    return per_strategy(not_hit(f"${of}: answers that were no hits", width=24, height=5, of=of), of)

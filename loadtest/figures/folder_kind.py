"""The kinds of folder that the lab writes beside those of planned runs, told apart without reading any."""

from pathlib import Path

_OTHER_KINDS = {
    "points.jsonl": "a sweep, which has the figures of its points and no raw records: lab sweep --resume {} reports it",
    "league.html": "a league, whose pages lab league --render --resume {} makes again",
    "side-by-side.json": "a page of several runs, whose figures are in their own folders",
    "claims.json": "the records of lab claims, whose figures are in claims.json",
}
"""The kinds of folder beside a run's, by a file that only they have; the folder stands for the braces."""


def of_another_kind(folder: Path) -> str:
    """The kind of a folder that holds no planned runs with their figures, and what reports it; empty where it may."""
    return next((what.format(folder) for name, what in _OTHER_KINDS.items() if (folder / name).exists()), "")

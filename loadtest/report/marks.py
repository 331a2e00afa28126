"""The marks of mistakes and of contenders: the same signs in every report, and in the dashboards."""

from collections.abc import Iterable

from app.contender_names import file_of
from app.discovery import wrong_names
from app.strategy_groups import CONTENDER_MARK, CONTENDER_MARKED, MARK, MARKED


def marked(name: str) -> str:
    """The strategy's name, with a sign behind it where the strategy is wrong on purpose, or a contender."""
    if name in wrong_names():
        return f"{name} {MARK}"
    return f"{name} {CONTENDER_MARK}" if file_of(name) is not None else name


def explained(names: Iterable[str]) -> list[str]:
    """A sentence for each sign that one of the names has, with those that have it."""
    names, wrong_ones = list(names), wrong_names()
    wrong = [name for name in names if name in wrong_ones]
    contenders = [name for name in names if file_of(name) is not None]
    told = [f"{MARK}: {MARKED} (app/strategies/wrong/): {', '.join(wrong)}"] if wrong else []
    if contenders:
        told.append(f"{CONTENDER_MARK}: {CONTENDER_MARKED}: {', '.join(contenders)}")
    return told

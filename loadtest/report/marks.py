"""The mark of what is wrong on purpose: the same sign in every report, and in the dashboards."""

from collections.abc import Iterable

from app.discovery import wrong_names
from app.strategy_groups import MARK, MARKED


def marked(name: str) -> str:
    """The strategy's name, with the sign behind it where the strategy is wrong on purpose."""
    return f"{name} {MARK}" if name in wrong_names() else name


def explained(names: Iterable[str]) -> list[str]:
    """A sentence that explains the sign and names those that have it; none where no name has."""
    wrong = [name for name in names if name in wrong_names()]
    return [f"{MARK}: {MARKED} (app/strategies/wrong/): {', '.join(wrong)}"] if wrong else []

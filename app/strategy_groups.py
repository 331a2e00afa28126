"""Groups of strategies: one word that stands for several names, wherever strategies are named."""

from collections.abc import Iterable, Mapping, Sequence

BY_DEFAULT = "default"
"""The group of those that run where none is named."""
ALL = "all"
"""The group of every right strategy, the baseline first."""
WRONG = "wrong"
"""The group of the mistakes in app/strategies/wrong/."""
CONTENDERS = "contenders"
"""The group of the contenders in app/contenders/ whose library is installed."""
GROUPS = (BY_DEFAULT, ALL, WRONG, CONTENDERS)

MARK, MARKED = "✗", "wrong on purpose"
"""The sign of a mistake beside its name, and what the sign means."""

CONTENDER_MARK, CONTENDER_MARKED = "◇", "a contender: a library or a proxy as its documentation has it used"
"""The sign of a contender beside its name, and what the sign means."""

Groups = Mapping[str, Sequence[str]]
"""The names of the strategies in each group, the baseline first."""


class UnknownStrategy(ValueError):
    """A name is that of no strategy and of no group; the text names those that there are."""


def words(asked: str) -> list[str]:
    """The names and groups of a text with commas, each once and in its order."""
    return list(dict.fromkeys(word.strip() for word in asked.split(",")))


def named(asked: Iterable[str], groups: Groups) -> list[str]:
    """The names with every group word replaced by its members, each name once and in the order asked."""
    return list(dict.fromkeys(name for word in asked for name in (groups[word] if word in GROUPS else (word,))))

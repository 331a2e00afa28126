"""The acts of the nets in a run: in how many answers each had a part, and how often a circuit breaker opened.

Real pods tell them as metrics, before the load and after it; in virtual time they are events of the same names.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from app.nets.nets import Net
from loadtest.figures.pod_metrics import families
from loadtest.figures.redis_commands import AFTER, BEFORE, earlier_lives

ACTS, OPENED = "lab_net_acts", "lab_net_breaker_opened"
BREAKER_OPENED = "breaker_opened"


def act_name(net: Net | str) -> str:
    """The name of a net's acts among the figures, which gates can spell."""
    return net.replace("-", "_")


NET_ACTS = (*map(act_name, Net), BREAKER_OPENED)
"""The names of all acts that a run may have."""


def some(acts: Iterable[tuple[str, float]]) -> dict[str, int]:
    """The acts of each kind that happened, by name, in the order of `NET_ACTS`."""
    counted = Counter[str]()
    for name, count in acts:
        counted[name] += round(count)
    return {name: counted[name] for name in NET_ACTS if counted[name]}


def net_acts(raw: Path, pods: int) -> dict[str, int] | None:
    """The acts of all pods during the load; None where a pod did not tell them twice, or began anew meanwhile.

    Raises OSError, or ValueError for another text.
    """
    during: list[tuple[str, float]] = []
    for number in range(1, pods + 1):
        before, after = (raw / f"{when}pod-{number}.prom" for when in (BEFORE, AFTER))
        if not before.exists() or not after.exists():
            return None
        then, now = _told(before), _told(after)
        lives = earlier_lives(raw, after.name.removeprefix(AFTER))
        if not now or (not lives and any(now.get(name, 0) < count for name, count in then.items())):
            return None
        for life in lives:
            during += _told(life).items()
        during += ((name, count - then.get(name, 0)) for name, count in now.items())
    return some(during)


def _told(path: Path) -> dict[str, float]:
    """The acts so far, also those of which there were none; nothing where the pod does not count them."""
    told = defaultdict[str, float](float)
    for family in families(path, (ACTS, OPENED)):
        for sample in family.samples:
            if sample.name == f"{ACTS}_total":
                told[act_name(sample.labels["net"])] += sample.value
            elif sample.name == OPENED:
                told[BREAKER_OPENED] += sample.value
    return dict(told)

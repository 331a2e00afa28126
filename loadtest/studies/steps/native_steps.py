"""The steps that are measured natively: those at the corners of the way, and then those that change the most."""

from collections.abc import Sequence

from loadtest.studies.steps.plan import StepByStep
from loadtest.studies.steps.taken import READS, TakenStep

NATIVE_MAX = 12


def chosen(plan: StepByStep, lines: Sequence[TakenStep], count: int) -> list[str]:
    """So many steps in their order: the first, the last in which nothing is broken, and the last.

    More are those whose origin reads differ most from those before, as a ratio.
    """
    names = [one.step.name for one in lines]
    whole = [name for name in names if not plan.workload(name).faults]
    corners = dict.fromkeys([*names[:1], *whole[-1:], *names[-1:]])
    others = sorted((one for one in lines if one.step.name not in corners), key=_change, reverse=True)
    picked = [*corners, *(one.step.name for one in others)][:count]
    return [name for name in names if name in picked]


def _change(one: TakenStep) -> float:
    now, before = one.value(READS), one.value_before(READS)
    return max(now / before, before / now) if now and before else 0.0

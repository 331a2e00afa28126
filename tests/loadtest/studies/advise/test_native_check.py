"""The native check of an advice: the advised strategy decides, and a baseline that is said to break down does not."""

from dataclasses import replace
from typing import Any

import pytest

from loadtest.studies.advise.native_check import CheckedStrategy, CheckOutcome, NativeCheck, check_lines
from loadtest.studies.calibration.agreement import agrees
from loadtest.studies.calibration.calibration import Calibration
from tests.loadtest.report.test_report import row

REQUESTS = 4_500


def checked(strategy: str, errors: tuple[int, int] = (0, 0), reads: tuple[int, int] = (75, 75), **other: Any) -> Any:
    """A strategy, with errors and reads of its native run and of virtual time."""
    figures = [
        Calibration("service", strategy, name, real, played, None, bool(agrees(name, real, played)))
        for name, real, played in (("origin_reads", *reads), ("p50_ms", 4.4, 0.5))
    ]
    ran, played = (row(strategy, errors=one, requests=REQUESTS) for one in errors)
    return CheckedStrategy(strategy, replace(ran, **other), [played] * 2, figures)


def check(advised: CheckedStrategy, baseline: CheckedStrategy | None) -> NativeCheck:
    return NativeCheck(advised, baseline, "both", ())


BROKEN: dict[str, Any] = {"valid": False, "incidents": ["loads that got no answer from the origin in time: 414"]}


def test_a_baseline_that_breaks_down_in_both_worlds_is_agreement_and_its_reads_decide_nothing() -> None:
    found = check(checked("advised"), checked("base", (414, 306), (553, 470), **BROKEN))
    assert found.holds
    told = " ".join(found.sentences)
    assert "base breaks down in both: 414 of 4,500 requests failed natively, 306 of 4,500 simulated." in told
    assert [line[-1] for line in check_lines(found)] == ["yes", *["no (decides nothing)"] * 3]


@pytest.mark.parametrize(
    ("advised", "baseline", "outcome"),
    [
        (checked("a", reads=(90, 75)), None, CheckOutcome.DISAGREES),
        (checked("a", (414, 0), **BROKEN), None, CheckOutcome.BREAKS_NATIVELY),
        (checked("a", (414, 306), **BROKEN), None, CheckOutcome.BREAKS_IN_BOTH),
        (checked("a", valid=False, incidents=["the generator was late"]), None, CheckOutcome.NO_RESULT),
        (checked("a"), checked("b", reads=(553, 470)), CheckOutcome.AGREES),
        (checked("a"), checked("b", (414, 0), **BROKEN), CheckOutcome.AGREES),
    ],
)
def test_the_advice_is_not_confirmed_where_the_advised_strategy_or_a_baseline_that_should_hold_disagrees(
    advised: CheckedStrategy, baseline: CheckedStrategy | None, outcome: CheckOutcome
) -> None:
    found = check(advised, baseline)
    assert advised.outcome is outcome
    assert not found.holds
    assert "not confirmed" in found.sentences[-1]


@pytest.mark.parametrize(
    "baseline",
    [
        None,
        checked("b"),
        checked("b", (0, 306), (300, 470)),
        checked("b", valid=False, incidents=["the generator was late"]),
    ],
)
def test_nothing_else_about_the_baseline_decides(baseline: CheckedStrategy | None) -> None:
    assert check(checked("a"), baseline).holds

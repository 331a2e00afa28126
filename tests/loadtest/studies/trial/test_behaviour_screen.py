"""A contender is unusable only where its answers are wrong, or where there are none."""

import pytest

from loadtest.contract.behaviour.finding import VIRTUAL, Behaviour, BehaviourFinding, FindingOutcome, Protection
from loadtest.contract.behaviour.probes import RIGHT
from loadtest.studies.trial.behaviour_screen import not_held, why_unusable

SENTENCE = "Of 9 requests. The first: KeyError: 'x' (line 7)"


def behaviour(outcome: FindingOutcome, wrong: int = 0, torn: int = 0, errors: int = 0) -> Behaviour:
    numbers = {"requests": 9, "wrong": wrong, "torn": torn, "errors": errors}
    right = BehaviourFinding(RIGHT, outcome, SENTENCE, "", numbers)
    age = BehaviourFinding("age", FindingOutcome.FIGURE, "", "1.00 TTL")
    return Behaviour("mylib", "mylib", "1", VIRTUAL, Protection.UNKNOWN, (right, age))


@pytest.mark.parametrize(
    ("found", "is_unusable"),
    [
        (behaviour(FindingOutcome.HELD), False),
        (behaviour(FindingOutcome.NOT_HELD, errors=8), False),
        (behaviour(FindingOutcome.NOT_HELD, errors=9), True),
        (behaviour(FindingOutcome.NOT_HELD, wrong=1), True),
        (behaviour(FindingOutcome.NOT_HELD, torn=1), True),
        (behaviour(FindingOutcome.UNKNOWN), True),
    ],
)
def test_wrong_answers_make_a_contender_unusable_and_some_errors_do_not(found: Behaviour, is_unusable: bool) -> None:
    breach = why_unusable(found)
    assert (breach is not None) is is_unusable
    if breach is not None:
        assert (breach.what, breach.line) == ("KeyError: 'x' (line 7)", 7)


def test_only_findings_that_are_named_and_do_not_hold_are_missed() -> None:
    assert not_held(behaviour(FindingOutcome.NOT_HELD), ["age"]) == []
    assert [one.name for one in not_held(behaviour(FindingOutcome.UNKNOWN), [RIGHT, "age"])] == [RIGHT]

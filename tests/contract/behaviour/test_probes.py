"""The probes tell right contenders from wrong ones, in virtual time."""

import gc

import pytest

from app.contender import Contender
from loadtest.contract.behaviour.finding import BehaviourFinding, FindingOutcome, Protection
from loadtest.contract.behaviour.probes import LOADS, PROBES
from loadtest.contract.behaviour.virtual import found_in_virtual_time
from tests.contract.behaviour import contenders as tiny

BY_NAME = {probe.name: probe for probe in PROBES}


def found(contender: type[Contender], name: str) -> BehaviourFinding:
    return found_in_virtual_time(contender, BY_NAME[name])


def test_a_right_contender_holds_whatever_can_be_held() -> None:
    findings = [found(tiny.OneAtAll, name) for name in BY_NAME]
    assert [one for one in findings if one.outcome not in {FindingOutcome.HELD, FindingOutcome.FIGURE}] == []


@pytest.mark.parametrize(
    ("contender", "name", "cell"),
    [
        (tiny.MixesKeys, "right-answers", "wrong"),
        (tiny.AnswersNone, "right-answers", "wrong"),
        (tiny.ServesStale, "age", "2.04 TTL"),
        (tiny.NeverExpires, "expires", "does not expire"),
        (tiny.RemembersFailures, "failed-load", "for ever"),
        (tiny.LeaderTakesAllDown, "failed-load", "for ever"),
        (tiny.KeepsTheLock, "failed-load", "for 30"),
        (tiny.KeepsTheLock, "leader-cancelled", "31.0 s of waiting"),
        (tiny.LeaderTakesAllDown, "leader-cancelled", "4 of 13 harmed"),
        (tiny.CancelsTheOthers, "leader-cancelled", "3 of 13 harmed"),
        (tiny.CancelsTheOthers, "follower-cancelled", "4 of 14 harmed"),
        (tiny.LockStays, "leader-hangs", "nobody"),
        (tiny.LockStays, "leader-dies", "nobody"),
        (tiny.NeverBack, "restart", "keeps nothing after it"),
        (tiny.NeverBack, "reset", "keeps nothing after it"),
        (tiny.RefusesLarge, "large-values", "6 loads"),
        (tiny.NeverExpires, "left-behind", "20 keys without an expiry"),
        (tiny.LeavesTasks, "left-behind", "tasks"),
    ],
)
def test_it_finds(contender: type[Contender], name: str, cell: str) -> None:
    finding = found(contender, name)
    assert finding.outcome is FindingOutcome.NOT_HELD
    assert cell in finding.cell


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_connections_that_are_left_open_are_counted() -> None:
    assert found(tiny.LeavesConnections, "left-behind").cell == "3 connections"
    gc.collect()


def test_an_age_that_its_documentation_states_is_held() -> None:
    assert found(tiny.SaysSo, "age").outcome is FindingOutcome.HELD


@pytest.mark.parametrize(
    ("contender", "protection"),
    [
        (tiny.Plain, Protection.EVERY),
        (tiny.PerPod, Protection.ONE_PER_POD),
        (tiny.FourAtOnce, Protection.SOME),
        (tiny.OneAtAll, Protection.ONE),
    ],
)
def test_the_class_of_protection_is_counted(contender: type[Contender], protection: Protection) -> None:
    finding = found(contender, LOADS)
    assert finding.cell == protection
    assert finding.numbers["expiries"] in {5, 6}


def test_the_expiry_of_a_lock_under_a_load_that_takes_longer_is_counted() -> None:
    takes_over = found(tiny.OneAtAll, "long-load").numbers["loads"]
    assert takes_over is not None
    assert takes_over > 1
    assert found(tiny.LockStays, "long-load").numbers["loads"] == 1


def test_what_requests_get_while_redis_is_away_is_told_apart() -> None:
    values, errors = (found(one, "away") for one in (tiny.Plain, tiny.DiesWithRedis))
    assert (values.cell, errors.cell) == ("values", "errors")
    assert values.numbers["loads"] == values.numbers["requests"] == errors.numbers["errors"]


def test_half_of_the_loads_failing_harms_those_who_share_a_load() -> None:
    assert found(tiny.Plain, "half-failing").numbers["failed_share"] == pytest.approx(0.02, abs=0.02)
    hangs = found(tiny.LeaderTakesAllDown, "half-failing").numbers["failed_share"]
    assert hangs is not None
    assert hangs > 0.1


def test_a_lock_that_a_failed_load_leaves_behind_fails_most_requests_whose_clients_wait_no_longer_than_a_ttl() -> None:
    finding = found(tiny.KeepsTheLock, "half-failing")
    share = finding.numbers["failed_share"]
    assert share is not None
    assert share > 0.5
    assert "no answer within 5 s" in finding.sentence


def test_what_redis_holds_and_is_sent_is_counted() -> None:
    plain = found(tiny.Plain, "footprint").numbers
    assert (plain["keys"], plain["commands_per_load"], plain["commands_per_hit"]) == (1, 2, 1)
    assert found(tiny.KeepsAnIndex, "footprint").numbers["keys_elsewhere"] == 1


@pytest.mark.parametrize("name", [LOADS, "half-failing", "away"])
def test_the_same_probe_finds_the_same_again(name: str) -> None:
    assert found(tiny.PerPod, name) == found(tiny.PerPod, name)

"""Pods that go and come, under load."""

from tests.stack.stages import PICKED_UP_WITHIN_S, Killed, Scaled, Stack
from tests.stack.waiting import wait_until


def test_a_killed_pod_is_seen_to_be_gone(stack: Stack, killed: Killed) -> None:
    assert killed.gone_after_s < PICKED_UP_WITHIN_S
    assert stack.pods_scraped() == killed.others


def test_a_killed_pod_costs_no_more_than_its_requests_in_flight(killed: Killed) -> None:
    assert killed.after.errors - killed.before.errors <= killed.in_flight
    assert killed.after.wrong_answers == killed.before.wrong_answers


def test_the_load_goes_to_the_other_pods_instead(stack: Stack, killed: Killed) -> None:
    assert killed.after.rate > 0.9 * killed.before.rate
    asked = stack.grafana.by("pod", "sum by (pod) (increase(lab_requests_total[5s])) > 0")
    assert set(asked) == killed.others


def test_a_missing_pod_alarms_by_its_name(stack: Stack, killed: Killed) -> None:
    assert wait_until("PodLost fires", lambda: stack.firing("PodLost", pod=killed.pod), within_s=30)


def test_more_pods_are_scraped_and_asked_sooner_than_by_default(scaled: Scaled) -> None:
    assert scaled.scraped_after_s < PICKED_UP_WITHIN_S
    assert scaled.asked_after_s < PICKED_UP_WITHIN_S

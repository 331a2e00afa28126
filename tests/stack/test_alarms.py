"""Alarms that are right: soon, alone where one cause explains all, and silent about a restart of the metrics store."""

from tests.stack.alarms import RedisAway, Restarted
from tests.stack.grafana import Window
from tests.stack.stages import Calm, Stack

NEEDLES_MAX = 6
HERDS = {"Herd", "OriginReadsPeak"}
"""A strategy without a remedy has them anyway."""
BUSY = {("ScrapesMissing", name) for name in ("app-1", "app-2", "app-3", "load-worker-1")} | {("Errors", "cache")}
"""Of a machine that is too busy for its processes to tell their metrics, or to hear Redis, in time."""


def test_needles_alarm_before_there_were_many(stack: Stack, calm: Calm) -> None:
    """Counted in herds, from the first one that pods told of until the alarm, whatever the machine's speed."""
    since_the_start = Window(calm.window.start_s - 60, calm.window.end_s)
    again = 'sum(increase(lab_origin_asked_again_total{strategy="static"}[1s])) > 0'
    (herds,) = stack.grafana.series(again, since_the_start)
    (alarm,) = stack.grafana.series(
        'present_over_time(ALERTS{alertname="Herd",alertstate="firing",strategy="static"}[1s])', since_the_start
    )
    fired_s = float(alarm["values"][0][0])
    seconds = [float(moment) for moment, _ in herds["values"] if float(moment) <= fired_s]
    apart = [second for before, second in zip([0.0, *seconds], seconds, strict=False) if second - before > 2]
    assert len(apart) <= NEEDLES_MAX


def test_a_restart_of_the_metrics_store_loses_nothing(restarted: Restarted) -> None:
    assert restarted.asked_before > 0
    assert restarted.asked_after == restarted.asked_before


def test_a_restart_of_the_metrics_store_and_of_vmalert_raises_no_alarm(restarted: Restarted) -> None:
    assert ("Herd", "static") in restarted.fired_after
    herded = {subject for alarm, subject in restarted.fired_after if alarm == "Herd"}
    raised = restarted.fired_after - restarted.fired_before - BUSY
    # what has herds may by now have missed too much for two minutes
    assert {(alarm, subject) for alarm, subject in raised if subject not in herded or alarm in HERDS} == set()


def test_while_redis_is_away_that_alone_is_alarmed_about(redis_away: RedisAway) -> None:
    assert redis_away.fired_meanwhile - BUSY == {("CacheAway", "")}


def test_with_redis_back_no_alarm_is_left_of_it(redis_away: RedisAway) -> None:
    """`CacheAway` has ended, else there were nothing to look at; a busy machine may not hear Redis again."""
    left = redis_away.fired_after - BUSY - {("CacheAway", "")}
    assert {alarm for alarm in left if alarm[0] not in HERDS} == set()

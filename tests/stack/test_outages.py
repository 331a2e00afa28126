"""An outage by hand: a key is pressed, and the room sees it in Grafana. Its alarms are in `test_alarms`."""

from itertools import pairwise

from tests.stack.alarms import AWAY_FOR_S, RedisAway
from tests.stack.stages import Stack


def test_it_begins_ends_and_says_so(redis_away: RedisAway) -> None:
    assert redis_away.code == 0, redis_away.said
    assert "/d/outage: the alert CacheAway, alone" in redis_away.said
    assert "redis-killed has ended after" in redis_away.said


def test_grafana_shows_one_span_from_its_beginning_to_its_end(redis_away: RedisAway) -> None:
    assert {later - earlier for earlier, later in pairwise(redis_away.marked)} == {1.0}
    lasted_s = redis_away.marked[-1] - redis_away.marked[0]
    assert AWAY_FOR_S <= lasted_s <= redis_away.lasted.end_s - redis_away.lasted.start_s + 1


def test_pods_use_redis_again_when_it_is_back(stack: Stack, redis_away: RedisAway) -> None:
    assert stack.grafana.number("max(lab_cache_away)") == 0

"""The probes in real time, for contenders with threads: counts alone, because other things run beside them."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from app.contender import Contender
from loadtest.contract.behaviour.finding import BehaviourFinding, FindingOutcome
from loadtest.contract.behaviour.native import found_natively
from loadtest.contract.behaviour.native_redis import NativeRedis
from loadtest.contract.behaviour.probes import PROBES
from loadtest.worlds.child_processes import Children
from loadtest.worlds.redis_process import start_redis
from tests.contract.behaviour import contenders as tiny

BY_NAME = {probe.name: probe for probe in PROBES}


def found(contender: type[Contender], name: str, folder: Path) -> BehaviourFinding:
    return asyncio.run(found_natively(contender, BY_NAME[name], folder))


@pytest.mark.parametrize(
    ("contender", "name", "outcome"),
    [
        (tiny.PerPod, "failed-load", FindingOutcome.HELD),
        (tiny.CancelsTheOthers, "follower-cancelled", FindingOutcome.NOT_HELD),
        (tiny.PerPod, "leader-dies", FindingOutcome.HELD),
        (tiny.PerPod, "large-values", FindingOutcome.HELD),
        (tiny.PerPod, "footprint", FindingOutcome.FIGURE),
    ],
)
def test_a_probe_finds_the_same_in_real_time(
    contender: type[Contender], name: str, outcome: FindingOutcome, tmp_path: Path
) -> None:
    assert found(contender, name, tmp_path).outcome is outcome


def test_redis_can_be_restarted_left_and_cut_off(tmp_path: Path) -> None:
    async def main() -> None:
        async with Children() as children:
            redis = NativeRedis(await start_redis(children, tmp_path))
            await redis.open()
            pods = [Redis.from_url(redis.url_of(pod), retry=Retry(NoBackoff(), 1)) for pod in range(2)]
            await pods[0].set("k", "value")
            assert [(key.name, key.ttl_s, key.value_bytes) for key in await redis.keys()] == [("k", None, 5)]
            await redis.leave()
            for pod in pods:
                with pytest.raises(ConnectionError):
                    await pod.get("k")
            await redis.come_back()
            assert [await pod.get("k") for pod in pods] == [b"value", b"value"]
            await redis.restart()
            assert [await pod.get("k") for pod in pods] == [None, None]
            await redis.cut_off(0)
            with pytest.raises(ConnectionError):
                await pods[0].get("k")
            assert await pods[1].get("k") is None
            assert await redis.connections() == 1
            for pod in pods:
                await pod.aclose()
            await redis.aclose()

    asyncio.run(main())

"""Probes in real time, for contenders that cannot run in virtual time, against an embedded Redis of their own."""

from pathlib import Path

from app.contender import Contender
from loadtest.contract.behaviour.bench import REAL_SCALE
from loadtest.contract.behaviour.finding import BehaviourFinding
from loadtest.contract.behaviour.native_redis import NativeRedis
from loadtest.contract.behaviour.probe import Probe
from loadtest.worlds.child_processes import Children
from loadtest.worlds.redis_process import start_redis


async def found_natively(contender: type[Contender], probe: Probe, folder: Path) -> BehaviourFinding:
    """The finding of a probe on a bench of its own, with the log of its Redis in `folder`.

    Raises `WorldFailed` without a Redis, and what setting up a pod raises.
    """
    async with Children() as children:
        redis = NativeRedis(await start_redis(children, folder))
        try:
            await redis.open()
            return await probe.find(contender, redis, REAL_SCALE)
        finally:
            await redis.aclose()

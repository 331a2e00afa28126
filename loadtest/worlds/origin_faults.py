"""The faults of the origin, as calls of the pods' controls (`app.troubled_store`)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from app.troubled_store import FOR_S_MAX, PATH
from loadtest.workload import faults
from loadtest.workload.faults import Fault
from loadtest.worlds.nemesis import CannotBreak

ANSWER_WITHIN_S = 5.0


def body_of(fault: Fault) -> dict[str, Any] | None:
    """The fault as a pod's control states it, without its time; None where it is none of the origin."""
    match fault:
        case faults.OriginFails(share=share):
            return {"kind": "fails", "share": share}
        case faults.OriginSlow(times=times):
            return {"kind": "slow", "times": times}
        case faults.OriginHangs():
            return {"kind": "hangs"}
    return None


class OriginFaults:
    """The faults of the origin of all pods, each of which ends them by itself. Implements `Nemesis`."""

    def __init__(self, pod_urls: Callable[[], Sequence[str]]) -> None:
        """`pod_urls` tells the pods that run at the moment."""
        self._pod_urls = pod_urls
        self._on: dict[str, tuple[dict[str, Any], float]] = {}
        """The faults that are on, and when each is over, monotonic seconds."""

    async def begin(self, fault: Fault) -> None:
        body = body_of(fault)
        if body is None or not isinstance(fault, faults.Lasting):
            raise CannotBreak("it is no fault of the origin")
        self._on[body["kind"]] = body, time.monotonic() + fault.for_s
        await asyncio.gather(*(self._put(url, body["kind"]) for url in self._pod_urls()))

    async def end(self, fault: Fault) -> None:
        body = body_of(fault)
        if body is None:
            raise CannotBreak("it is no fault of the origin")
        self._on.pop(body["kind"], None)
        for ended in await asyncio.gather(
            *(_call("DELETE", f"{url}{PATH}/{body['kind']}") for url in self._pod_urls()), return_exceptions=True
        ):
            if isinstance(ended, BaseException) and not isinstance(ended, CannotBreak):
                raise ended
        # a pod that does not answer, as one that is paused, ends it by itself

    async def tell_new_pod(self, url: str) -> None:
        """Begin in a pod that has just started what is on in the others. Raises `CannotBreak`."""
        for kind in tuple(self._on):
            await self._put(url, kind)

    async def _put(self, url: str, kind: str) -> None:
        body, over_s = self._on[kind]
        left_s = min(over_s - time.monotonic(), FOR_S_MAX)
        if left_s > 0:
            await _call("PUT", f"{url}{PATH}", body | {"for_s": left_s})


async def _call(method: str, url: str, body: dict[str, Any] | None = None) -> None:
    try:
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=False) as client:
            (await client.request(method, url, json=body)).raise_for_status()
    except httpx.HTTPError as error:
        raise CannotBreak(f"{url} does not do it: {error!r}") from error

"""Viewers who read, who do not, and who are still there at the end, in virtual time."""

import asyncio
from collections.abc import AsyncIterator

from loadtest.live.audience import BEAT_S, LIVE_FAREWELL_S, Audience
from loadtest.live.page_events import KEPT_MAX, PageEvents
from loadtest.sim.kernel.loop import run


def begun() -> Audience:
    log = PageEvents("a")
    log.add_figure("figure")
    log.add_grown("part", lambda: "whole")
    return Audience(log)


def grow(audience: Audience, times: int = 1) -> None:
    for _ in range(times):
        audience.log.add_grown("part", lambda: "whole")
        audience.tell()


async def read(stream: AsyncIterator[bytes], events: int) -> list[str]:
    """The names of the next events; lines that say nothing are left out."""
    found: list[str] = []
    while len(found) < events:
        text = (await anext(stream)).decode()
        found += [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    return found


def test_a_viewer_who_never_reads_holds_nothing_up_and_gets_the_latest_state_when_it_does() -> None:
    async def main() -> None:
        audience = begun()
        quick, slow = audience.stream(""), audience.stream("")
        assert await read(slow, 1) == ["figure"]
        assert await read(quick, 2) == ["figure", "grown"]
        for _ in range(10 * KEPT_MAX):
            grow(audience)
            assert await read(quick, 1) == ["grown"]
        assert await read(slow, 3) == ["grown", "figure", "grown"]  # what it was being sent, and then all of the latest
        grow(audience)
        assert await read(slow, 1) == ["grown"]

    run(main())


def test_a_quiet_stream_beats_so_that_a_viewer_who_has_gone_is_noticed() -> None:
    async def main() -> None:
        audience, loop = begun(), asyncio.get_running_loop()
        stream = audience.stream("")
        await read(stream, 2)
        began_s = loop.time()
        assert await anext(stream) == b":\n\n"
        assert loop.time() - began_s == BEAT_S
        await stream.aclose()  # type: ignore[attr-defined]
        assert audience.viewers == 0

    run(main())


def test_the_farewell_ends_once_every_viewer_has_left() -> None:
    async def main() -> None:
        audience, loop = begun(), asyncio.get_running_loop()

        async def view(for_s: float) -> None:
            stream = audience.stream("")
            await read(stream, 2)
            await asyncio.sleep(for_s)
            await stream.aclose()  # type: ignore[attr-defined]

        viewers = [asyncio.create_task(view(for_s)) for for_s in (0.5, 2.0)]
        await asyncio.sleep(0.1)
        await audience.farewell()
        assert loop.time() == 2.0
        await asyncio.gather(*viewers)

    run(main())


def test_the_farewell_is_bounded_and_ends_the_streams_that_are_left() -> None:
    async def main() -> None:
        audience, loop = begun(), asyncio.get_running_loop()
        stream = audience.stream("")
        await read(stream, 2)
        await audience.farewell()
        assert loop.time() == LIVE_FAREWELL_S
        assert [one async for one in stream] == []
        assert audience.viewers == 0

    run(main())


def test_a_bench_that_nobody_watches_ends_at_once() -> None:
    async def main() -> None:
        await begun().farewell()
        assert asyncio.get_running_loop().time() == 0

    run(main())

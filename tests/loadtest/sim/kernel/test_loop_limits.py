"""What a run in virtual time must not do, and how it says so."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import DeadlineReached, Deadlock, VirtualTimeError


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_a_deadlock_is_an_error_that_names_who_waits_and_where() -> None:
    async def waits_in_vain() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.sleep(1.5)
        await asyncio.create_task(waits_in_vain(), name="reader 7")

    with pytest.raises(Deadlock, match=r"at 1.5 s.*main.*reader 7 in waits_in_vain \(.*\) > wait \(locks.py:\d+\)"):
        loop.run(main())


def test_the_deadline_is_an_error_at_its_own_time_that_names_who_is_not_done() -> None:
    ended_s: list[float] = []

    async def ticks() -> None:
        try:
            for _ in range(100):
                await asyncio.sleep(3)
        finally:
            ended_s.append(now_s())

    async def main() -> None:
        await asyncio.create_task(ticks(), name="ticker")

    with pytest.raises(DeadlineReached, match=r"10 s.*ticker in ticks \(.*\) > sleep"):
        loop.run(main(), deadline_s=10)
    assert ended_s == [10]


def test_a_time_that_stands_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "TURNS_AT_ONCE_MAX", 1_000)

    async def spins() -> None:
        for _ in range(10_000):
            await asyncio.sleep(0)

    with pytest.raises(DeadlineReached, match=r"stands still at 0 s.*spins"):
        loop.run(spins())


def test_a_task_that_refuses_to_end_is_an_error_too() -> None:
    async def clings() -> None:
        while True:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                pass

    async def main() -> float:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # hears of the task that was never done
        asyncio.create_task(clings(), name="limpet")  # noqa: RUF006
        await asyncio.sleep(1)
        return now_s()

    with pytest.raises(DeadlineReached, match=r"61 s.*limpet"):
        loop.run(main())


@pytest.mark.parametrize(
    "reaches_out",
    [
        lambda running: asyncio.to_thread(print),
        lambda running: running.run_in_executor(None, print),
        lambda running: running.getaddrinfo("localhost", 80),
        lambda running: asyncio.open_connection("127.0.0.1", 9),
        lambda running: asyncio.start_server(print, "127.0.0.1", 0),
        lambda running: asyncio.create_subprocess_exec("true"),
        lambda running: running.sock_recv(None, 1),
        lambda running: running.add_reader(0, print),
        lambda running: running.add_signal_handler(2, print),
    ],
    ids=["to_thread", "executor", "dns", "connect", "serve", "subprocess", "sock_recv", "add_reader", "signal"],
)
def test_the_outside_world_is_refused(reaches_out: Callable[[Any], Awaitable[Any]]) -> None:
    async def main() -> None:
        await reaches_out(asyncio.get_running_loop())

    with pytest.raises(VirtualTimeError, match=r"no place in virtual time"):
        loop.run(main())


def test_another_thread_is_refused() -> None:
    refusals: list[str] = []

    async def main() -> None:
        running = asyncio.get_running_loop()

        def intrudes() -> None:
            try:
                running.call_soon_threadsafe(print, "never")
            except VirtualTimeError as refusal:
                refusals.append(str(refusal))

        thread = threading.Thread(target=intrudes)
        thread.start()
        thread.join()

    loop.run(main())
    assert len(refusals) == 1
    assert "another thread" in refusals[0]


def test_a_timer_set_to_nan_is_refused() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_at(float("nan"), print)

    with pytest.raises(ValueError, match="NaN"):
        loop.run(main())

"""Tasks that begin at once: each step is in the context of their beginning, whoever ends what they wait for."""

import asyncio
from contextvars import Context, ContextVar, copy_context

import pytest

from loadtest.sim.kernel import loop
from loadtest.sim.kernel.eager_task import StartedTask, Starter
from loadtest.sim.kernel.loop import VirtualLoop

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


@pytest.mark.parametrize("is_stated", [False, True])
def test_every_step_is_in_the_context_of_the_beginning(is_stated: bool) -> None:
    async def main() -> list[str]:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        waited_for: list[asyncio.Future[None]] = [running.create_future() for _ in range(2)]

        async def work() -> list[str]:
            seen = []
            for one in waited_for:
                await one
                await asyncio.sleep(0)
                seen.append(whose.get())
            return seen

        async def end_all() -> None:
            whose.set("another's")
            for one in waited_for:
                await asyncio.sleep(1)
                one.set_result(None)

        begun: asyncio.Future[StartedTask[list[str]]] = running.create_future()

        def begin() -> None:  # from a callback, as traffic does: within a task none can begin at once
            context: Context | None = copy_context() if is_stated else None
            task = Starter(running).start(work(), context)
            assert isinstance(task, StartedTask)
            begun.set_result(task)

        own = copy_context()
        own.run(whose.set, "its own")
        running.call_soon(begin, context=own)
        ending = asyncio.ensure_future(end_all())
        seen = await (await begun)
        await ending
        return seen

    assert loop.run(main()) == ["its own", "its own"]

"""A greenlet that does nothing but be on time: its lateness is the generator's."""

from collections.abc import Callable

import gevent

from loadtest.generator.meter import TICK_S, Meter, now_s


def tick(
    meter: Meter,
    is_over: Callable[[], bool],
    clock_s: Callable[[], float] = now_s,
    sleep: Callable[[float], None] = gevent.sleep,
) -> None:
    """Report the lateness of a tick every `TICK_S`; none is left out, so that ticks are an even sample of time."""
    due_s = clock_s() + TICK_S
    while not is_over():
        sleep(max(0.0, due_s - clock_s()))
        now = clock_s()
        while due_s <= now:
            meter.ticks(now - due_s)
            due_s += TICK_S

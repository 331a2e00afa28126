"""A greenlet that does nothing but be on time: what it is late with, the generator is."""

from collections.abc import Callable

import gevent

from loadtest.generator.meter import TICK_S, Meter, now_s


def tick(
    meter: Meter,
    is_over: Callable[[], bool],
    clock_s: Callable[[], float] = now_s,
    sleep: Callable[[float], None] = gevent.sleep,
) -> None:
    """Come every `TICK_S`, and tell the meter how late. No tick is left out: after a pause, each that fell into it
    comes late, so that the ticks are an even sample of the time."""
    due_s = clock_s() + TICK_S
    while not is_over():
        sleep(max(0.0, due_s - clock_s()))
        now = clock_s()
        while due_s <= now:
            meter.ticks(now - due_s)
            due_s += TICK_S

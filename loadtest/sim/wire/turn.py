"""The time in which an engine executes, in which fakeredis asks it for the time and for random draws."""

import random
import secrets
import sys
import threading
import time
from random import Random
from types import ModuleType
from typing import Any, Protocol


class Timed(Protocol):
    """An engine, as fakeredis's clock and draws."""

    now_s: float
    rng: Random

    def begin_turn(self) -> None:
        """Take the time at which all of this turn happens."""
        ...


class _Running(threading.local):
    engine: Timed | None = None


_running = _Running()


class Turn:
    """A turn of one engine; meanwhile fakeredis's clock stands still, as Redis's does within a command."""

    def __init__(self, engine: Timed) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        self._engine.begin_turn()
        _running.engine = self._engine

    def __exit__(self, *_: object) -> None:
        _running.engine = None


class _Instead:
    """A module as fakeredis uses it, whose clock or draws are the engine's while one executes."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        engine = _running.engine
        if engine is not None:
            if self._module is time and name == "time":
                return lambda: engine.now_s
            if self._module is random and hasattr(engine.rng, name):
                return getattr(engine.rng, name)
            if self._module is secrets and name == "token_hex":
                return lambda nbytes=32: engine.rng.randbytes(nbytes).hex()
        return getattr(self._module, name)


def take_over() -> list[str]:
    """Have every module of fakeredis ask the engine for the time and for its draws, and return what was replaced."""
    replaced = []
    for name, module in tuple(sys.modules.items()):
        if name.startswith("fakeredis."):
            for real in (time, random, secrets):
                if vars(module).get(real.__name__) is real:
                    setattr(module, real.__name__, _Instead(real))
                    replaced.append(f"{name}.{real.__name__}")
    return replaced

"""Turns at the machine, among the processes that run the tests side by side."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, alone: bool) -> Iterator[None]:
    """Hold the machine, beside others or `alone`; the locks lie in `folder`, which all processes share.

    A test that is to be alone holds the door while it waits. No other one begins meanwhile, so that it waits for those
    that run already and no longer.
    """
    with _locked(folder / "machine.lock", fcntl.LOCK_EX if alone else fcntl.LOCK_SH, door=folder / "door.lock"):
        yield


@contextmanager
def _locked(path: Path, how: int, door: Path | None = None) -> Iterator[None]:
    with path.open("w") as file:
        if door is None:
            fcntl.flock(file, how)
        else:
            with _locked(door, fcntl.LOCK_EX):
                fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough: a child that was forked has the file as well

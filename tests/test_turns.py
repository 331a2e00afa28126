"""Tests side by side: one that needs the machine alone waits for who is at it, and is not passed by who comes later."""

import fcntl
import time
from pathlib import Path
from threading import Event, Thread

from tests.turns import turn

PATIENCE_S = 30.0


class Turn:
    """A turn of another process, as a thread's: it is taken once it may be, and lasts until it is `over`."""

    def __init__(self, folder: Path, alone: bool, order: list[bool]) -> None:
        self.over, self.taken = Event(), Event()
        self._thread = Thread(target=self._take, args=(folder, alone, order), daemon=True)
        self._thread.start()

    def _take(self, folder: Path, alone: bool, order: list[bool]) -> None:
        with turn(folder, alone):
            order.append(alone)
            self.taken.set()
            self.over.wait(PATIENCE_S)

    def end(self) -> None:
        self.over.set()
        self._thread.join(PATIENCE_S)


def is_held(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_one_that_is_alone_waits_for_those_before_it_and_those_after_wait_for_it(tmp_path: Path) -> None:
    order: list[bool] = []
    first, beside = Turn(tmp_path, False, order), Turn(tmp_path, False, order)
    assert first.taken.wait(PATIENCE_S)
    assert beside.taken.wait(PATIENCE_S), "ordinary tests run beside each other"

    alone = Turn(tmp_path, True, order)
    until_s = time.monotonic() + PATIENCE_S
    while not is_held(tmp_path / "door.lock") and time.monotonic() < until_s:
        time.sleep(0.001)
    after = Turn(tmp_path, False, order)
    first.end()
    assert not alone.taken.is_set(), "another one is still at it"
    beside.end()
    assert alone.taken.wait(PATIENCE_S)
    assert not after.taken.is_set()
    alone.end()
    assert after.taken.wait(PATIENCE_S)
    after.end()
    assert order == [False, False, True, False]

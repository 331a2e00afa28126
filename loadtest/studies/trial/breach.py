"""A broken promise of a strategy, on one screen: which one, what happened, at which line, and what to do."""

import json
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.contract import BLOCKED, PROMISE_S_MAX
from loadtest.figures.plain_text import plain

WIDTH = 110
LINES_AROUND = 2

Advice = Sequence[tuple[str, str]]
"""The advice on usual mistakes, by a pattern of what happened."""
ADVICE: Advice = (
    (
        r"answered None, not a Lookup",
        "Some path through get_or_load ends without an answer. Return a Lookup on every one: Lookup(Status.HIT, entry) "
        "for what was cached, Lookup(Status.MISS, await self.lab.store(key, loaded, self.ttl_s)) for what was loaded.",
    ),
    (
        r"answered .*, not a Lookup|a Lookup of ",
        "Return Lookup(status, entry): how the answer was made, then the Entry: what the cache answered, or what "
        "`await self.lab.store(key, loaded, self.ttl_s)` returns; loaded.as_entry(self.ttl_s) keeps nothing.",
    ),
    (
        r"never awaited|'coroutine' object",
        "An `await` is missing: what it belongs to does nothing until it is awaited.",
    ),
    (
        r"can't be used in 'await'|cannot be awaited",
        "What stands after `await` is no coroutine. If it is get_or_load itself, its `async` is missing: "
        "async def get_or_load(self, key: str, load: Loader) -> Lookup.",
    ),
    (r"'await' outside async function", "Write `async def` where the function awaits."),
    (
        r"no place in virtual time|no running event loop",
        "A strategy starts no thread, process or connection of its own: wait with asyncio, load with `load`, and "
        "refresh in the background with self.lab.flights.refresh.",
    ),
    (
        r"holds up everything|that much processor time",
        "Nothing else runs until a coroutine awaits: no loop without an await, no time.sleep (await asyncio.sleep), no "
        "file, process or request that is waited for in place.",
    ),
    (
        r"one Strategy per file, not 0",
        "The file needs a class: class Mine(Strategy), with get_or_load. See the template.",
    ),
    (r"import does not end", "What a file does at its top is done by every pod at its start: only define things."),
    (r"one Strategy per file, not \d", "Put each strategy into a file of its own; its name is the file's."),
    (r"does not define get_or_load", "Add: async def get_or_load(self, key: str, load: Loader) -> Lookup."),
    (r"SyntaxError|IndentationError|TabError", "Python cannot read that line, or the one before it."),
    (r"ImportError|ModuleNotFoundError", "Import from app.strategy and the standard library, and check the spelling."),
    (
        r"Mechanism: .* must be|Mechanism\.\w+\(\)|is no Mechanism",
        "Return a Mechanism with the numbers that theory needs, as Mechanism.stale(window_s=self.stale_s); "
        "app/mechanism.py lists its kinds.",
    ),
    (r"must be a (finite )?number|must be one of", "Give the parameter a default within its own bounds."),
    (
        r"__init__\(\)|has no attribute 'lab'",
        "A strategy needs no __init__; one that is written all the same takes `lab` and calls super().__init__(lab).",
    ),
    (
        r"nothing is left to run|not done after|time stands still",
        "That line waits for something that never comes. Whoever is to wake it must do so whatever happens, in a "
        "`finally`; or leave the waiting to self.lab.flights.collapse, which bounds it.",
    ),
)


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise: which, what happened, at which line, and the advice."""

    promise: str
    what: str
    line: int | None
    advice: str

    def screen(self, name: str, source: Path) -> str:
        """The breach of a strategy as text, at most a screen of it."""
        title, place = f"{name} breaks a promise: {self.promise}", f"app/strategies/{source.name}"
        return self.told(title, source, place, f"make try S={name}", ADVICE)

    def told(self, title: str, source: Path, shown: str, then: str, usual: Advice) -> str:
        """The breach under a title, with the file as it is `shown`; `then` is the command to give once it is mended."""
        place = shown + (f", line {self.line}" if self.line else "")
        parts = [
            title,
            *_wrapped(plain(self.what), 5),
            place,
            *self._excerpt(source),
        ]
        if advice := next((text for pattern, text in usual if re.search(pattern, self.what)), self.advice):
            parts += _wrapped(f"What to do: {advice}", 6)
        return "\n".join([*parts, f"Then: {then}"])

    def _excerpt(self, source: Path) -> list[str]:
        if not self.line:
            return []
        try:
            lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        first = max(1, self.line - LINES_AROUND)
        shown = enumerate(lines[first - 1 : self.line + LINES_AROUND], first)
        return [f"  {'>' if number == self.line else ' '} {number:4} | {_code(text)}" for number, text in shown]


def unusable(why: str) -> Breach:
    """The breach of a file that is no strategy yet, by the reason that discovery gives."""
    at = re.search(r"line (\d+)", why)
    return Breach("its file can be used", why, int(at[1]) if at else None, "Make the file importable.")


def read_verdict(folder: Path, source: Path) -> Breach | int:
    """The verdict that a run of the contract left on one strategy: its breach, or the number of promises it holds.

    Raises ValueError where there is none.
    """
    try:
        said = json.loads((folder / f"{source.stem}.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"the contract left no verdict: {error}") from error
    if said["state"] == "held":
        return int(said["promises"])
    if said["state"] == "broken":
        return Breach(said["promise"], said["what"], said["line"], said["advice"])
    return Breach(said["promise"], *_held_up(folder, source), advice=said["advice"])


def _held_up(folder: Path, source: Path) -> tuple[str, int | None]:
    """The line of the strategy's file that ran when the time was over, in words and as a number."""
    dumped = (folder / BLOCKED).read_text() if (folder / BLOCKED).exists() else ""
    if not dumped:
        return "the process that ran it has ended", None
    at = re.search(rf'File "{re.escape(str(source))}", line (\d+) in (\w+)', dumped)
    if at is None:
        return f"it was not kept within {PROMISE_S_MAX:g} s: every request costs that much processor time", None
    return (
        f"{at[2]} holds up everything: after {PROMISE_S_MAX:g} s it was at this line, and nobody else could run",
        int(at[1]),
    )


def _code(line: str) -> str:
    """A line of the file, as far as it fits, with its indentation."""
    text = line.expandtabs(4)
    indent = len(text) - len(text.lstrip(" "))
    return (" " * indent + plain(text))[:WIDTH]


def _wrapped(text: str, lines_max: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, max_lines=lines_max, placeholder=" …")

"""The commands that run the same again, and what they can promise."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DIRTY = "dirty"
_COMMIT = re.compile("[0-9a-f]{7,40}")


class Again(NamedTuple):
    """Commands to run in turn, and a sentence on what they repeat."""

    commands: Sequence[str]
    remark: str


def run_again(about: Mapping[str, Any], folder: str) -> Again | None:
    """The commands for a run of that environment, whose records are in `folder`; None where no command is known.

    A scenario of one's own may have changed since, so that the run's copy in the folder stands in its place.
    """
    words = _split(str(about.get("command") or ""))
    if len(words) < 2 or words[0] != "lab":
        return None
    kept = f"{folder}/scenario.json"
    its_own = _scenario(words)
    if is_file := its_own is not None and _is_file(words[its_own]):
        words[its_own : its_own + 1] = [
            words[its_own].partition("=")[0] + f"={kept}" if "=" in words[its_own] else kept
        ]
    commit, _, state = str(about.get("commit")).partition(" ")
    is_clean = _COMMIT.fullmatch(commit) is not None and DIRTY not in state
    commands = [f"git checkout {shlex.quote(commit)}"] if is_clean else []
    remark = _of_code(commit, is_clean) + " " + _of_world(about)
    if is_file:
        remark += " The scenario was a file of one's own; the run's copy of it is in its folder."
    return Again([*commands, shlex.join(words)], f"{remark} The same workload alone: --scenario {kept}")


def command(about: Mapping[str, Any], folder: Path) -> str:
    """The command that runs all of a folder's runs again; empty where none is known."""
    again = run_again(about, f"{folder.parent.name}/{folder.name}")
    return again.commands[-1] if again else ""


def _split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _scenario(words: Sequence[str]) -> int | None:
    """The place of the scenario's name among the words."""
    for place, word in enumerate(words):
        if word == "--scenario" and place + 1 < len(words):
            return place + 1
        if word.startswith("--scenario="):
            return place
    return None


def _is_file(word: str) -> bool:
    return word.endswith((".toml", ".json"))


def _of_code(commit: str, is_clean: bool) -> str:
    if is_clean:
        return f"The run was made at commit {commit}, without other changes."
    if _COMMIT.fullmatch(commit) is None:
        return "The commit that the run was made at is not known, so that other code may give other figures."
    return (
        f"The checkout had changes beside commit {commit} that no commit holds: the command repeats the workload, and "
        "the code only where those changes are still there."
    )


def _of_world(about: Mapping[str, Any]) -> str:
    if about.get("world") == "virtual time":
        return "In virtual time the same code, seed and options give the same figures on any machine."
    return "Real processes on another machine, or at another hour, give figures near these and not the same."

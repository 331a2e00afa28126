"""A clone in a folder of a test's own, in which every program that is run only writes down how it was called."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parents[2]
Answer = str | tuple[str, int]
# POSIX's shell: a Python of its own for every call would be most of what these tests cost
_SPY = """#!/bin/sh
given=${{STACK_GIVEN-}} # its lines would look like variables themselves
unset STACK_GIVEN STACK_RUNS
{{ printf '%s\\0' "${{0##*/}}" "$@"; printf '\\001'; env; printf '\\003%s\\002' "$given"; }} >>{calls}
case " $* " in
{answers}
esac
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a program."""

    program: str
    words: list[str]
    environment: dict[str, str]


class Clone:
    """`make` and `bin/` as they are in the repository; `lab`, `docker` and what else is asked for are spies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outside = folder.parent / "outside"
        self._calls = self.outside / "calls"
        self._programs = self.outside / "bin"
        self._programs.mkdir(parents=True)
        folder.mkdir()
        shutil.copytree(ROOT / "bin", folder / "bin")
        for name in ("Makefile", ".env", "pyproject.toml", "docker-compose.yml"):
            shutil.copy(ROOT / name, folder)
        scenarios = folder / "loadtest" / "scenarios"
        scenarios.mkdir(parents=True)
        for name in ("side-by-side.toml", "many-keys.toml"):
            shutil.copy(ROOT / "loadtest" / "scenarios" / name, scenarios)
        (folder / "requirements").mkdir()
        (folder / "requirements" / "dev.txt").touch()
        (folder / ".venv" / "bin").mkdir(parents=True)
        self.spy("lab", folder / ".venv" / "bin")
        self.spy("python", folder / ".venv" / "bin")
        (folder / ".venv" / ".ready").touch()

    def spy(
        self, name: str, folder: Path | None = None, to: Mapping[str, Answer] | None = None, **answers: Answer
    ) -> None:
        """Puts a program that writes down its calls where the script finds it.

        A call with a word that is the name of an answer prints that answer, and ends with the code beside it. `to` has
        answers to words that are no names.
        """
        said = "\n".join(
            f"  *' '{quote(word)}' '*) printf '%s\\n' {quote(text)}; exit {code} ;;"
            for word, answer in {**(to or {}), **answers}.items()
            for text, code in [answer if isinstance(answer, tuple) else (answer, 0)]
        )
        path = (folder or self._programs) / name
        path.write_text(_SPY.format(calls=quote(str(self._calls)), answers=said), encoding="utf-8")
        path.chmod(0o755)

    def surroundings(self) -> dict[str, str]:
        """Of the test's own environment what a shell needs, and the spies."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
        return kept | {"PATH": f"{self._programs}:/usr/local/bin:/usr/bin:/bin"}

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """In the clone's folder and its surroundings."""
        return subprocess.run(
            command, cwd=self.folder, env=self.surroundings() | environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip

    def calls(self, program: str) -> list[Call]:
        """Of one program, in order."""
        if not self._calls.exists():
            return []
        found = []
        for call in self._calls.read_text(encoding="utf-8").split("\2")[:-1]:
            words, environment = call.split("\1", 1)
            environment, given = environment.split("\3", 1)
            name, *rest = words.split("\0")[:-1]
            pairs = (line.partition("=") for line in environment.splitlines())
            known = {key: value for key, separator, value in pairs if separator}
            found.append(Call(name, rest, known | {"STACK_GIVEN": given}))
        return [call for call in found if call.program == program]

    def words(self, program: str) -> list[list[str]]:
        """What the program was called with, call by call."""
        return [call.words for call in self.calls(program)]

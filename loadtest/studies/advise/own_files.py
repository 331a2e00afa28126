"""The files of an advice for one's own code base: the code, and the scenario with gates and the script that runs it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from loadtest.studies.advise.gates_of_service import ServiceGates, gate_script
from loadtest.studies.advise.service_code import ServiceCode
from loadtest.workload.toml_writer import as_toml

CODE, OWN_CODE, SCENARIO, SCRIPT = "cache.py", "cache_own.py", "service.toml", "gate.sh"
"""The names of the files: code with a library, the same without, scenario with gates, its script."""


class OwnFile(NamedTuple):
    """A file by its name, the name of its language, and its text without the last line's end."""

    name: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """The code and the gates that an engineer takes from the advice into a repository of one's own."""

    code: ServiceCode
    gates: ServiceGates
    strategy: str
    changes: tuple[str, ...]
    """The changes that made the service small for the gates, in sentences."""

    @property
    def of_code(self) -> list[OwnFile]:
        """The code, the one to use first."""
        found = [OwnFile(CODE, "python", self.code.code.rstrip("\n"))]
        if self.code.library:
            found.append(OwnFile(OWN_CODE, "python", self.code.own_code.rstrip("\n")))
        return found

    @property
    def of_gate(self) -> list[OwnFile]:
        """The scenario with its gates, and the script that holds a run to them."""
        return [
            OwnFile(SCENARIO, "toml", as_toml(self.gates.scenario).rstrip("\n")),
            OwnFile(SCRIPT, "sh", gate_script(self.strategy).rstrip("\n")),
        ]

    def about_code(self) -> Iterator[str]:
        """The reasons for this code, in sentences."""
        yield self.code.why
        for sentence in self.code.not_held:
            yield f"A probe that it did not hold as its documentation has it: {sentence}"
        yield from self.code.remarks

    def about_gate(self) -> Iterator[str]:
        """The gates, in sentences."""
        yield from self.changes
        yield from self.gates.sentences
        if not self.gates.tells_from_baseline:
            yield "No bound tells it from the baseline here, which keeps them all."

    @property
    def pip(self) -> str:
        """The command that installs what the code imports."""
        return f"pip install {self.code.requires}"

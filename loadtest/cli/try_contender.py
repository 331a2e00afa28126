"""`lab try` of a contender: its behaviour on one screen, then a short comparison with what the lab has."""

from collections.abc import Sequence
from pathlib import Path

from rich.status import Status

from app.contender import Contender
from app.contender_names import file_of, is_proxy, place_of
from app.contender_strategy import ContenderStrategy
from app.discovery import Discovered
from app.strategy import MechanismKind
from app.strategy_groups import words
from loadtest import ROOT
from loadtest.cli.output_files import write_beside
from loadtest.cli.running import guarded
from loadtest.cli.terminal import console, errors, fail, print_text, show_screen
from loadtest.cli.terminal import shown as shown_here
from loadtest.contract.behaviour.examination import examine
from loadtest.contract.behaviour.finding import Behaviour
from loadtest.contract.behaviour.probes import QUESTIONS
from loadtest.studies.trial.behaviour_screen import USUAL_ADVICE, behaviour_screen, not_held, why_unusable
from loadtest.studies.trial.breach import Breach, unusable
from loadtest.workload.absent_library import why_absent
from loadtest.workload.near_names import no_such
from loadtest.workload.scenario import Scenario


def held_names(text: str) -> list[str]:
    """The probes of `--hold`; exit 2 for a name that is none of theirs."""
    names = words(text) if text else []
    for name in names:
        if name not in QUESTIONS:
            fail(f"--hold: {no_such('probe', name, QUESTIONS, 'docs/contenders.md names all')}")
    return names


def contenders_named(found: Discovered, name: str, is_file: bool) -> list[type[Contender]]:
    """The contender of that name, or all of the file of that name.

    Exit 2, with a screen, where the file is broken, and with the command where its library is not installed.
    """
    file = file_of(name)
    assert file is not None, "it is a contender's name"
    if is_proxy(file):
        fail(f"{name} is a proxy, and the probes are for a library inside a pod. Run it: make bench STRATEGIES={name}")
    if file in found.missing:
        fail(why_absent(name, file, found.missing[file]))
    if file in found.broken_contenders:
        breach = unusable(found.broken_contenders[file])
        show_screen(_told(breach, name, file), code=2)
    named = {one: kind for one, kind in found.contenders.items() if name == (file_of(one) if is_file else one)}
    if not named:
        known = [one for one in found.contenders if file_of(one) == file]
        fail(f"{place_of(file)}: {no_such('contender', name, known)}")
    return [kind.contender for kind in named.values() if issubclass(kind, ContenderStrategy)]


def _told(breach: Breach, name: str, file: str) -> str:
    """The screen of a contender that cannot be used, with the command that tries it again."""
    place = Path(place_of(file))
    source, shown = ROOT / place, str(shown_here(place))
    then = f"lab try {shown}" if place.is_absolute() else f"make try S={file}"
    return breach.told(f"{name} cannot be used", source, shown, then, USUAL_ADVICE)


def show_behaviour(contender: type[Contender], held: Sequence[str]) -> Behaviour:
    """Examine a contender, and show its behaviour.

    Exit 1, with a screen, where its answers are wrong, and where a probe named in `held` does not hold.
    """
    file = file_of(contender.name)
    assert file is not None
    with Status(f"{contender.name} is being probed …", console=console if console.quiet else errors):
        behaviour = guarded(examine(contender))
    if breach := why_unusable(behaviour):
        show_screen(_told(breach, contender.name, file), code=1)
    print_text(behaviour_screen(behaviour))
    if missed := not_held(behaviour, held):
        fail(f"{contender.name}: {', '.join(f'{one.name} {one.outcome}' for one in missed)}", code=1)
    assert isinstance(behaviour, Behaviour)
    return behaviour


def write_findings(path: Path, behaviours: Sequence[Behaviour]) -> None:
    """Write the behaviours as a JSON list, which replaces only such a file."""
    write_beside(path, "[" + ",\n".join(one.as_json() for one in behaviours) + "]\n", r'\[\{\s*"contender"')


def beside(found: Discovered, contenders: Sequence[type[Contender]], workload: Scenario) -> list[str]:
    """The names to compare: the baseline, the first strategy that loads once over all pods, and the contenders."""
    collapsing = (
        name
        for name, kind in found.strategies.items()
        if workload.stated(kind).mechanism().kind is MechanismKind.COLLAPSE
    )
    first = [name for name in (found.baseline, next(collapsing, None)) if name is not None]
    return [*first, *(one.name for one in contenders)]

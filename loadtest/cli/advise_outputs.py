"""The outputs of `lab advise` for one's own code base: Python, and the gate for CI; each as files in the folder."""

import json
from pathlib import Path

from app.discovery import Discovered
from loadtest.cli.advise_inputs import said
from loadtest.cli.conduct import simulated
from loadtest.cli.terminal import console, named, print_text
from loadtest.figures.whole_file import write_whole
from loadtest.studies.advise.advice import Ranked
from loadtest.studies.advise.gates_of_service import SEEDS, gate_script, gates_for
from loadtest.studies.advise.samples.sample import TrafficSample
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.service_code import code_for
from loadtest.studies.advise.small_service import SmallService, small
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed
from loadtest.workload.toml_writer import as_toml

CODE, OWN_CODE, SCENARIO, SCRIPT, SAMPLE = "cache.py", "cache_own.py", "service.toml", "gate.sh", "sample.json"
"""The names of the files: code with a library, the same without, scenario with gates, its script, the sample."""


def keep_sample(sample: TrafficSample, service: Service, folder: Path) -> None:
    """Write the figures of a sample, and tell whether it is long enough."""
    told = sample.as_dict() | {"sentences": said(sample), "too_short": sample.why_too_short(service.ttl_s)}
    write_whole(folder / SAMPLE, json.dumps(told, indent=2))


def keep_code(best: Ranked, service: Service, found: Discovered, folder: Path) -> None:
    """Write the code for the service, and show it."""
    strategy = found.choosable[best.strategy].stated(service.ttl_s, best.parameters)
    code = code_for(service, strategy, found.baseline or best.strategy)
    write_whole(folder / CODE, code.code.rstrip("\n"))
    console.print("\n[bold]In your service[/]")
    print_text(code.why)
    for sentence in code.not_held:
        print_text(f"- Not held, in the setting of its documentation: {sentence}")
    if code.library:
        write_whole(folder / OWN_CODE, code.own_code.rstrip("\n"))
        print_text(f"pip install {code.library}")
    print_text("\n" + code.code)
    console.print(f"It is in {named(folder / CODE)}; put your query into load.", soft_wrap=True, highlight=False)
    if code.library:
        own = named(folder / OWN_CODE)
        console.print(f"The same with redis-py alone is in {own}.", soft_wrap=True, highlight=False)


def keep_gate(best: Ranked, service: Service, found: Discovered, folder: Path, seed: int) -> None:
    """Simulate the small service with the advised strategy and the baseline, and write its scenario with gates."""
    made = small(service)
    rows = simulated(planned(made, best, found, seed, SEEDS))
    baseline = found.baseline or best.strategy
    scenario = made.with_strategy(found.choosable[best.strategy], best.parameters)
    gates = gates_for(scenario, rows[best.strategy], [] if baseline == best.strategy else rows[baseline])
    write_whole(folder / SCENARIO, as_toml(gates.scenario, folder).rstrip("\n"))
    write_whole(folder / SCRIPT, gate_script(best.strategy).rstrip("\n"))
    (folder / SCRIPT).chmod(0o755)
    console.print("\n[bold]In your CI[/]")
    for sentence in (*made.changes, *gates.sentences):
        print_text(f"- {sentence}")
    if not gates.tells_from_baseline:
        print_text("- No count tells it from the baseline here: the gates hold errors and wrong answers alone.")
    console.print(f"{named(folder / SCRIPT)} runs {SCENARIO} and holds it to them.", soft_wrap=True, highlight=False)


def planned(made: SmallService, best: Ranked, found: Discovered, seed: int, repeats: int = 1) -> list[PlannedRun]:
    """The runs of the advised strategy and of the baseline, each with so many seeds."""
    names = dict.fromkeys([best.strategy, *([found.baseline] if found.baseline else [])])
    scenario: Scenario = made.with_strategy(found.choosable[best.strategy], best.parameters)
    return [
        PlannedRun(scenario, name, run_seed(seed, repeat), repeat)
        for repeat in range(1, repeats + 1)
        for name in names
    ]  # fmt: skip

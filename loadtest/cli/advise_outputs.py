"""The outputs of `lab advise` for one's own code base: Python, and the gate for CI; each as files in the folder."""

import json
from pathlib import Path

from app.discovery import Discovered
from loadtest.cli.advise_inputs import said
from loadtest.cli.conduct import simulated
from loadtest.cli.document import tell
from loadtest.cli.terminal import console, named, print_text
from loadtest.figures.whole_file import write_whole
from loadtest.studies.advise.advice import Advice, Ranked
from loadtest.studies.advise.advice_html import advice_html
from loadtest.studies.advise.gates_of_service import SEEDS, gates_for
from loadtest.studies.advise.native_check import NativeCheck
from loadtest.studies.advise.own_files import CODE, OWN_CODE, SCENARIO, SCRIPT, OwnFiles
from loadtest.studies.advise.page import as_markdown
from loadtest.studies.advise.samples.sample import TrafficSample
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.service_code import code_for
from loadtest.studies.advise.small_service import SmallService, small
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed

SAMPLE, ENVIRONMENT = "sample.json", "environment.json"
"""The names of the files with the figures of a sample, and with the circumstances of the run."""


def keep_sample(sample: TrafficSample, service: Service, folder: Path) -> None:
    """Write the figures of a sample, and tell whether it is long enough."""
    told = sample.as_dict() | {"sentences": said(sample), "too_short": sample.why_too_short(service.ttl_s)}
    write_whole(folder / SAMPLE, json.dumps(told, indent=2))


def keep_pages(found: Advice, folder: Path, files: OwnFiles | None = None, check: NativeCheck | None = None) -> None:
    """Write report.md and report.html, with what is known so far. Raises OSError."""
    write_whole(folder / "report.md", as_markdown(found, files, check))
    write_whole(
        folder / "report.html", advice_html(found, json.loads((folder / ENVIRONMENT).read_text()), files, check)
    )


def own_files(best: Ranked, service: Service, found: Discovered, seed: int) -> OwnFiles:
    """The code and the gates; for these the small service is simulated with the advised strategy and the baseline."""
    strategy, baseline = found.choosable[best.strategy], found.baseline or best.strategy
    made = small(service)
    rows = simulated(planned(made, best, found, seed, SEEDS))
    scenario = made.with_strategy(strategy, best.parameters)
    return OwnFiles(
        code_for(service, strategy.stated(service.ttl_s, best.parameters), baseline),
        gates_for(scenario, rows[best.strategy], [] if baseline == best.strategy else rows[baseline]),
        best.strategy,
        made.changes,
    )


def keep_own_files(files: OwnFiles, folder: Path) -> None:
    """Write code, scenario and script, and show the code. Raises OSError."""
    for one in (*files.of_code, *files.of_gate):
        write_whole(folder / one.name, one.text)
    (folder / SCRIPT).chmod(0o755)
    tell(files=[str(folder / one.name) for one in (*files.of_code, *files.of_gate)], requires=files.code.requires)
    console.print("\n[bold]In your service[/]")
    for sentence in files.about_code():
        print_text(f"- {sentence}")
    print_text(f"\n{files.pip}\n\n{files.code.code}")
    console.print(f"It is in {named(folder / CODE)}; put your query into load.", soft_wrap=True, highlight=False)
    if files.code.library:
        own = named(folder / OWN_CODE)
        console.print(f"The same with redis-py alone is in {own}.", soft_wrap=True, highlight=False)
    console.print("\n[bold]In your CI[/]")
    for sentence in files.about_gate():
        print_text(f"- {sentence}")
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

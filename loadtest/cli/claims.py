"""`lab claims`: published figures run again, each with a verdict."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.cli.conduct import real, run_in, virtual
from loadtest.cli.document import tell
from loadtest.cli.inputs import discovered
from loadtest.cli.options import RESULTS, Results, Seed
from loadtest.cli.output_files import why_not_over
from loadtest.cli.running import guarded, guarded_here, run_folder, this_run
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.run_summary import as_written
from loadtest.figures.whole_file import write_whole
from loadtest.report.write import Extras
from loadtest.studies.claims.claims_page import TITLE, ClaimsPage, markdown, print_ledger
from loadtest.studies.claims.published_experiment import PublishedExperiment, read_experiments
from loadtest.studies.claims.reruns import EvidenceByVariant, evidence, keep, native_runs, records_of, virtual_runs
from loadtest.studies.claims.verdict import judge, unexpected
from loadtest.workload.near_names import no_such
from loadtest.workload.scenario import BadScenario


def claims(
    only: Annotated[str | None, typer.Option(help="Claims, or files of them, by comma. Default: all.")] = None,
    virtual_only: Annotated[bool, typer.Option("--virtual-only", help="Nothing with real processes.")] = False,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Native runs of each variant; their median counts.")] = 1,
    seed: Seed = 1,
    out: Annotated[Path | None, typer.Option(help="Default: CLAIMS.md; of a part, one beside the records.")] = None,
    results: Results = RESULTS,
) -> None:
    """Run every published figure again: published, predicted, simulated, measured, and a verdict on each.

    Exit 1 where a verdict is another than expected, 3 where a native run was no valid result.
    """
    began_s = time.monotonic()
    try:
        chosen = _chosen(only)
        found = evidence(chosen, discovered())
    except BadScenario as error:
        fail(error)
    page = out if out or only or virtual_only else Path("CLAIMS.md")
    if page is not None and (why := why_not_over(page, TITLE)):
        fail(f"--out {page}: {why}")
    about = this_run(seed)
    folder = run_folder(results, "claims", about)
    sink = partial(keep, found)
    if not virtual_only:
        runs = native_runs(chosen, found, repeats, seed)
        console.print(f"{len(runs)} runs with real processes, one after another …")
        with real("native", partial(records_of, folder), "lab claims") as shown:
            guarded(run_in(shown, runs, sink))
    runs = virtual_runs(chosen, found, seed)
    console.print(f"{len(runs)} runs in virtual time …")
    if runs:
        with virtual(len(runs)) as shown:
            guarded(run_in(shown, runs, sink))
    wall_s = time.monotonic() - began_s
    judged = {one.name: judge(one, found[one.name]) for one in chosen}
    ledger = ClaimsPage(chosen, judged, about, wall_s, 0 if virtual_only else repeats)
    path = page or folder / "CLAIMS.md"
    with guarded_here():
        write_whole(folder / "claims.json", json.dumps(_records(found), indent=2))
    tell(page=str(path), claims={name: [one.as_dict() for one in each] for name, each in judged.items()})
    extras = Extras()
    extras.make(str(path), lambda: write_whole(path, markdown(ledger)), None)
    warn(extras.missing)
    print_ledger(console, ledger)
    console.print(f"{wall_s / 60:.1f} min. {named(path)}; records in {named(folder)}", highlight=False, soft_wrap=True)
    everything = [one for each in judged.values() for one in each]
    if invalid := [one.claim.name for one in everything if one.invalid]:
        fail(f"native runs that are no valid result: {', '.join(invalid)}", code=3)
    if wrong := unexpected(everything):
        fail("verdicts that are not as expected:\n" + "\n".join(wrong), code=1)


def _chosen(only: str | None) -> Sequence[PublishedExperiment]:
    """The experiments, or parts of them, that are asked for. Raises `BadScenario`."""
    experiments = read_experiments()
    if only is None:
        return experiments
    names: list[str] = only.split(",")
    known = {name for one in experiments for name in (one.name, *(claim.name for claim in one.claims))}
    if unknown := [name for name in names if name not in known]:
        raise BadScenario(no_such("claim", min(unknown), sorted(known), "loadtest/scenarios/claims/ has all"))
    return [part for one in experiments if (part := one.only(names)) is not None]


def _records(found: EvidenceByVariant) -> dict[str, Any]:
    """Every figure of every run, by experiment and variant."""
    return {
        experiment: {
            variant: {
                "scenario": of.workload.model_dump(mode="json"),
                "simulated": sorted(map(as_written, of.simulations), key=lambda one: one["seed"]),
                "measured": [*map(as_written, of.measurements)],
                "invalid": of.invalid,
            }
            for variant, of in variants.items()
        }
        for experiment, variants in found.items()
    }

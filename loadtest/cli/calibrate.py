"""`lab calibrate`: the same plan in two worlds, and virtual time fitted to this machine."""

import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from loadtest.cli.conduct import measured, simulated
from loadtest.cli.document import tell
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import RESULTS, Duration, Results, Seed, Strategies
from loadtest.cli.running import run_folder, this_run
from loadtest.cli.terminal import console, exit_unless_valid, fail, warn
from loadtest.figures.whole_file import write_whole
from loadtest.report.marks import marked
from loadtest.report.write import Extras
from loadtest.studies.calibration.calibration import LEGEND, SHORT, Calibration, all_agree, beside, calibrate_again
from loadtest.studies.calibration.calibration import calibrate as compare_worlds
from loadtest.studies.calibration.fitting import BOUND, Fit, fitted
from loadtest.workload.planned_run import PlannedRun


def calibrate(
    scenarios: Annotated[str, typer.Option(help="Names or .toml files, by comma.")] = "hot-key,bulk-warm",
    strategies: Strategies = None,
    duration: Duration = None,
    seed: Seed = 1,
    results: Results = RESULTS,
) -> None:
    """Run the same natively and in virtual time: measured, simulated, predicted. Exit 1 where they disagree.

    Then fit CPU and network to this machine, and simulate the latencies again.
    """
    found = discovered()
    workloads = [scenario_named(name, duration) for name in scenarios.split(",")]
    everything: list[Calibration] = []
    told: dict[str, list[dict[str, Any]]] = {}
    extras, valid = Extras(), True
    for workload in workloads:
        names = chosen(found, strategies, workload, in_virtual_time=True)
        folder = run_folder(results, workload.name, this_run(seed), workload)
        finished = measured([PlannedRun(workload, name, seed) for name in names], folder, "lab calibrate")
        rows = [one.summary for one in finished]
        by_name = simulated(beside(finished))
        calibrated: list[Calibration] = []
        for row in rows:
            compared = partial(compare_worlds, workload, found.choosable[row.strategy], row)
            calibrated += extras.make(
                f"what stands beside {row.strategy}",
                lambda: list(compared(by_name[row.strategy])),  # noqa: B023
                [],
            )
            valid = valid and row.valid
            extras.missing += [f"{workload.name}, {row.strategy}: {event}" for event in row.incidents]
        again: list[Calibration] = []
        fit = fitted(workload, rows, {one.strategy: one.simulated for one in calibrated if one.figure == "p50_ms"})
        if fit is None:
            extras.missing.append(f"{workload.name}: no valid run told its CPU time and a median: nothing was fitted")
        else:
            by_name = simulated(beside(finished, fit))
            for row in rows:
                anew = partial(calibrate_again, workload, row, fit, by_name[row.strategy])
                again += extras.make(f"the fitted latencies of {row.strategy}", anew, [])
        told[workload.name] = [one.as_dict() for one in (*calibrated, *again)]
        tell(calibrations=told)
        write_whole(folder / "calibration.json", json.dumps(told[workload.name], indent=2))
        console.print(f"\n{workload.name}", markup=False, highlight=False)
        _print_calibrated(calibrated)
        if fit is not None:
            _print_fitted(fit, again)
        everything += calibrated
    console.print(f"{LEGEND} {BOUND}", style="dim", markup=False)
    warn(extras.missing)
    exit_unless_valid(valid)
    if not all_agree(everything):
        fail("virtual time disagrees with what was measured, see above", code=1)


def _print_calibrated(calibrated: Sequence[Calibration]) -> None:
    table = _table("measured", "simulated", "predicted", "error")
    for one in calibrated:
        predicted = "-" if one.predicted is None else f"{one.predicted:,.1f}"
        cells = (*measured_and_simulated(one), predicted, f"{one.error:+.1%}")
        table.add_row(marked(one.strategy), SHORT[one.figure], *cells, _verdict(one))
    console.print(table)


def measured_and_simulated(one: Calibration) -> tuple[str, str]:
    """Both figures as texts: counts whole, and the mean of simulated ones with a digit behind the point."""
    digits = 0 if one.figure.startswith("origin") else 2
    return f"{one.measured:,.{digits}f}", f"{one.simulated:,.{max(1, digits)}f}"


def _print_fitted(fit: Fit, again: Sequence[Calibration]) -> None:
    console.print("\n".join(("For this machine, in the scenario's file:", "[virtual]", *fit.lines)), markup=False)
    table = _table("measured", "simulated with these", "ratio")
    for one in again:
        figures = (f"{value:,.2f}" for value in (one.measured, one.simulated, one.ratio))
        table.add_row(marked(one.strategy), SHORT[one.figure], *figures, _verdict(one))
    console.print(table)


def _table(*figures: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("strategy", "figure"):
        table.add_column(heading, no_wrap=True)
    for heading in (*figures, ""):
        table.add_column(heading, justify="right")
    return table


def _verdict(one: Calibration) -> str:
    return "agrees" if one.agrees else "[red]disagrees[/]" if one.decides else "disagrees"

"""The command that holds virtual time to real runs, and fits it to this machine."""

import json
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import RESULTS, Duration, Results, Seed, Strategies
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.terminal import console, exit_unless_valid, fail, warn
from loadtest.figures.run_folder import keep_figures, write_whole
from loadtest.figures.run_summary import Row
from loadtest.report.progress_bars import live
from loadtest.report.write import Extras
from loadtest.studies.calibration.calibration import LEGEND, SHORT, Calibration, all_agree, calibrate_again, measure
from loadtest.studies.calibration.calibration import calibrate as compare_worlds
from loadtest.studies.calibration.fitting import BOUND, Fit, fitted


def calibrate(
    scenarios: Annotated[str, typer.Option(help="Names or .toml files, by comma.")] = "hot-key,bulk-warm",
    strategies: Strategies = None,
    duration: Duration = None,
    seed: Seed = 1,
    results: Results = RESULTS,
) -> None:
    """Run the same natively and in virtual time: measured, simulated, predicted. Exit 1 where they disagree.

    Then what virtual time has to be told of this machine's CPU and network, and the latencies that it makes of it.
    """
    found = discovered()
    workloads = [scenario_named(name, duration) for name in scenarios.split(",")]
    everything: list[Calibration] = []
    extras, valid = Extras(), True
    for workload in workloads:
        folder = run_folder(results, workload.name, this_run(seed), workload)
        rows: list[Row] = []
        with live(console, workload) as tell:
            names = chosen(found, strategies, workload)
            guarded(_keep(folder, rows, measure(workload, names, seed, folder, tell)))
        calibrated: list[Calibration] = []
        for row in rows:
            beside = partial(compare_worlds, workload, found.strategies[row.strategy], row)
            calibrated += extras.make(f"what stands beside {row.strategy}", lambda: list(beside()), [])  # noqa: B023
            valid = valid and row.valid
            extras.missing += [f"{workload.name}, {row.strategy}: {event}" for event in row.events]
        again: list[Calibration] = []
        fit = fitted(workload, rows, {one.strategy: one.simulated for one in calibrated if one.figure == "p50_ms"})
        if fit is None:
            extras.missing.append(f"{workload.name}: no valid run told its CPU time and a median: nothing was fitted")
        else:
            for row in rows:
                anew = partial(calibrate_again, workload, found.strategies[row.strategy], row, fit)
                again += extras.make(f"the fitted latencies of {row.strategy}", anew, [])
        write_whole(folder / "calibration.json", json.dumps([one.as_dict() for one in (*calibrated, *again)], indent=2))
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


async def _keep(folder: Path, rows: list[Row], measured: AsyncIterator[Row]) -> None:
    async for row in measured:
        rows.append(row)
        keep_figures(folder, rows)


def _print_calibrated(calibrated: Sequence[Calibration]) -> None:
    table = _table("measured", "simulated", "predicted", "error")
    for one in calibrated:
        predicted = "-" if one.predicted is None else f"{one.predicted:,.1f}"
        digits = 0 if one.figure.startswith("origin") else 2
        cells = (f"{one.measured:,.{digits}f}", f"{one.simulated:,.{max(1, digits)}f}", predicted, f"{one.error:+.1%}")
        table.add_row(one.strategy, SHORT[one.figure], *cells, _verdict(one))
    console.print(table)


def _print_fitted(fit: Fit, again: Sequence[Calibration]) -> None:
    console.print("\n".join(("For this machine, in the scenario's file:", "[virtual]", *fit.lines)), markup=False)
    table = _table("measured", "simulated with these", "ratio")
    for one in again:
        figures = (f"{value:,.2f}" for value in (one.measured, one.simulated, one.ratio))
        table.add_row(one.strategy, SHORT[one.figure], *figures, _verdict(one))
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

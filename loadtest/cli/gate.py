"""`lab gate`: a run held to bounds, for a CI job."""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from loadtest.cli.document import tell
from loadtest.cli.options import LATEST, Markdown
from loadtest.cli.output_files import write_beside
from loadtest.cli.terminal import console, errors, fail, warn
from loadtest.report import gates as report
from loadtest.report.quoting import for_terminal
from loadtest.stats.gates import GateResult, judge_gates
from loadtest.stats.saved_run import BadRun, NoSummary, SavedRun, read_run
from loadtest.workload.gate import BadGate, Gate, parse_gate, several

OWN_JUNIT = r'<\?xml version="1.0" encoding="UTF-8"\?>\s*<testsuites name="stampede-lab\.'


def gate(
    run: Annotated[Path, typer.Argument(help="The run's directory.")] = LATEST,
    max_: Annotated[
        list[str] | None,
        typer.Option("--max", help="As 'singleflight.origin_peak_1s <= 10', or several. Repeatable, as the others."),
    ] = None,
    min_: Annotated[list[str] | None, typer.Option("--min", help="As 'swr.hit_ratio >= 0.99'.")] = None,
    ratio: Annotated[list[str] | None, typer.Option(help="As 'swr.p99_ms / static.p99_ms <= 0.3'.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML into this file, a test case per gate.")] = None,
    markdown: Markdown = None,
) -> None:
    """Hold a run to bounds: those named, and those that its scenario states in `gates`.

    Over repeats the median is judged; errors and wrong_answers by the worst repeat. Exit codes: 0 all kept, 1 one was
    not, 2 bad input, 3 the run is no result.
    """
    try:
        measured = read_run(run)
        asked = _asked(measured, max_, min_, ratio)
        judged = judge_gates(asked, measured)
    except NoSummary as error:
        fail(error, code=3)
    except (BadRun, BadGate) as error:
        fail(error)
    is_virtual = all(row.get("world") == "virtual" for row in measured.rows)  # the same on every machine
    for one in asked:
        if one.warning and not is_virtual:
            errors.print(Text(f"! {one.warning}", "yellow"), soft_wrap=True)
    tell(run=measured.name, commit=measured.commit, gates=[one.as_dict() for one in judged])
    styles = {"passed": "green", "failed": "bold red", "invalid": "yellow"}
    for verdict in judged:
        console.print(
            Text(f"{verdict.outcome:8}", styles[verdict.outcome]) + for_terminal(_line(verdict)), soft_wrap=True
        )
    if junit is not None:
        write_beside(junit, report.junit(judged, f"stampede-lab.{measured.rows[0].get('scenario', 'run')}"), OWN_JUNIT)
    summary = report.markdown(judged, measured)
    if markdown is not None:
        write_beside(markdown, summary, "### Gates: ")
    if step := os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(Path(step), summary)
    if any(verdict.invalid for verdict in judged):
        fail("at least one row that a gate is about is no result", code=3)
    if missed := [verdict.message for verdict in judged if not verdict.passed]:
        fail("; ".join(missed), code=1)


def _line(verdict: GateResult) -> str:
    return verdict.message if verdict.invalid else f"{verdict.gate}: {verdict.text}"


def _asked(run: SavedRun, *named: list[str] | None) -> list[Gate]:
    """The gates of the options and of the run's scenario. Raises `BadGate`."""
    kinds: tuple[tuple[str, Callable[[Gate], bool]], ...] = (
        ("--max", lambda one: one.to is None and one.operator in {"<", "<="}),
        ("--min", lambda one: one.to is None and one.operator in {">", ">="}),
        ("--ratio", lambda one: one.to is not None),
    )
    asked = []
    for (option, fits), texts in zip(kinds, named, strict=True):
        for text in itertools.chain.from_iterable(map(several, texts or ())):
            one = parse_gate(text)
            if not fits(one):
                right = next(name for name, fitting in kinds if fitting(one))
                raise BadGate(f"{option}: {text!r} belongs to {right}")
            asked.append(one)
    stated = run.scenario.get("gates", [])
    if not isinstance(stated, list):
        raise BadGate(f"{run.name}/scenario.json: gates must be a list of texts")
    asked += [parse_gate(str(text)) for text in stated]
    if alone := [one for one in asked if one.needs_healthy]:
        warn([f"{one}: left out, because only lab drill runs the scenario without its faults too" for one in alone])
    asked = [own for one in asked if not one.needs_healthy for own in _of_each(one, run)]
    if not asked:
        raise BadGate("no gate: name one by --max, --min or --ratio, or state gates in the scenario")
    return list(dict.fromkeys(asked))


def _of_each(one: Gate, run: SavedRun) -> list[Gate]:
    """The gate of every strategy that it is about; references keep no bound that they are not named in."""
    if not one.is_of_each:
        return [one]
    return [one.of(name) for name in run.strategies if name not in run.references]


def _append(path: Path, text: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        warn([f"not written: GITHUB_STEP_SUMMARY: {path}: {error.strerror or error}"])

"""Live progress of a bench on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from loadtest.figures.plain_text import quoted
from loadtest.report.quoting import for_console_markup
from loadtest.workload.scenario import Scenario
from loadtest.worlds.recorded_run import Progress as ArmProgress
from loadtest.worlds.recorded_run import Tell


@contextmanager
def live(console: Console, scenario: Scenario) -> Iterator[Tell]:
    """A line per strategy; on something that is no terminal, a line when a strategy begins."""
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        lines: dict[str, TaskID] = {}

        def tell(arm: ArmProgress) -> None:
            if arm.strategy not in lines:
                lines[arm.strategy] = progress.add_task(arm.strategy, total=scenario.duration_s, said="")
                if not console.is_terminal:
                    console.print(f"{arm.strategy}: {scenario.duration_s:g} s of {scenario.name} …", highlight=False)
            said = f"{arm.origin_reads:5} origin reads, at most {arm.origin_peak_1s} in a second"
            if arm.events:
                said += f" [red]{for_console_markup(quoted(arm.events[-1]))}[/]"
            progress.update(lines[arm.strategy], completed=min(arm.elapsed_s, scenario.duration_s), said=said)

        yield tell

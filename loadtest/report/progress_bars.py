"""Live progress of real runs on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from loadtest.figures.plain_text import quoted
from loadtest.report.quoting import for_console_markup
from loadtest.worlds.world import OnProgress
from loadtest.worlds.world import Progress as RunProgress

LINES_MAX = 16
"""The most runs with a line on the terminal, the latest ones."""


@contextmanager
def live(console: Console) -> Iterator[OnProgress]:
    """A live line per run; where the output is no terminal, a line when a run begins."""
    columns = (
        TextColumn("{task.description:14}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        lines: dict[tuple[str, str], TaskID] = {}

        def show(far: RunProgress) -> None:
            scenario = far.run.scenario
            name = (scenario.name, far.run.label)
            if name not in lines:
                if len(lines) == LINES_MAX:
                    progress.remove_task(lines.pop(next(iter(lines))))
                lines[name] = progress.add_task(far.run.label, total=scenario.duration_s, said="")
                if not console.is_terminal:
                    console.print(f"{far.run.label}: {scenario.duration_s:g} s of {scenario.name} …", highlight=False)
            said = f"{far.origin_reads:5} origin reads, at most {far.origin_peak_1s} in a second"
            if far.incidents:
                said += f" [red]{for_console_markup(quoted(far.incidents[-1]))}[/]"
            progress.update(lines[name], completed=min(far.elapsed_s, scenario.duration_s), said=said)

        yield show

"""Two runs side by side: the cells of their table, and the whole as Markdown."""

from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import marked
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.stats.compare_runs import Compared, FigureComparison
from loadtest.stats.sentences import show_median
from loadtest.stats.verdicts import Verdict


def headings(found: Compared) -> tuple[str, ...]:
    a, b = found.letters
    return "strategy", "figure", a, b, f"{b} / {a}", "verdict", "would show"


def cells(finding: FigureComparison) -> tuple[str, ...]:
    """The line of a finding, a text for each of `headings`."""
    verdict, name = finding.verdict, finding.figure.name
    a, b = (show_median(name, values, unit=False) for values in (verdict.pair.a, verdict.pair.b))
    return marked(finding.strategy), name, a, b, _change(verdict), verdict.words, verdict.would_show


def _change(verdict: Verdict) -> str:
    if verdict.ratio is None:
        return "-" if any(verdict.pair.b) else "1"
    bounds = verdict.interval
    return f"{verdict.ratio:.3g}" + (f" [{bounds.low:.3g}, {bounds.high:.3g}]" if bounds else "")


def markdown(compared: Compared) -> str:
    return "\n".join([
        f"**A** {for_markdown_code(compared.a.name)} ({for_markdown(compared.a.commit)}) and **B** "
        f"{for_markdown_code(compared.b.name)} ({for_markdown(compared.b.commit)})", "",
        *(f"- ⚠ {for_markdown(warning)}" for warning in compared.warnings), *([""] if compared.warnings else []),
        *markdown_table(headings(compared), list(map(cells, compared.findings))), "",
        f"**{compared.conclusion}**", "", compared.legend,
    ])  # fmt: skip

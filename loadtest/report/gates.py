"""The outcome of gates for a CI job, as JUnit XML and as Markdown."""

from collections.abc import Sequence

from loadtest.report.junit import JunitCase
from loadtest.report.junit import junit as xml
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.stats.gates import GateResult
from loadtest.stats.saved_run import SavedRun
from loadtest.workload.gate import WORST_COUNTS

_KINDS = {"passed": "", "failed": "failure", "invalid": "error"}


def junit(judged: Sequence[GateResult], suite: str) -> str:
    """JUnit XML: a test case per gate."""
    return xml([JunitCase(str(one.gate), _KINDS[one.outcome], one.message, one.text) for one in judged], suite)


def markdown(judged: Sequence[GateResult], run: SavedRun) -> str:
    marks = {"passed": "✅ passed", "failed": "❌ failed", "invalid": "⚠️ invalid"}
    lines = [
        (marks[one.outcome], for_markdown_code(str(one.gate)), for_markdown(one.invalid or one.text)) for one in judged
    ]
    passed = sum(one.passed for one in judged)
    return "\n".join([
        f"### Gates: {passed} of {len(judged)} passed", "",
        f"{for_markdown_code(run.name)}, commit {for_markdown(run.commit)}. Over repeats the median is judged; "
        f"{', '.join(sorted(WORST_COUNTS))} and each of wrong_answer_kinds by the worst.", "",
        *markdown_table(("outcome", "gate", "value"), lines), "",
    ])  # fmt: skip

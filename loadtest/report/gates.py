"""The outcome of gates for a CI job, as JUnit XML and as Markdown."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.stats.gates import GateResult
from loadtest.stats.saved_run import SavedRun
from loadtest.workload.gate import WORST_COUNTS

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(judged: Sequence[GateResult], suite: str) -> str:
    """JUnit XML, as CI systems show it: a test case per gate; a row that is no result is an error, not a failure."""
    counts = {
        "tests": len(judged),
        "failures": sum(one.outcome == "failed" for one in judged),
        "errors": sum(one.outcome == "invalid" for one in judged),
    }
    about = {"name": _xml(suite)} | {name: str(count) for name, count in counts.items()}
    root = ElementTree.Element("testsuites", about)
    cases = ElementTree.SubElement(root, "testsuite", about)
    for one in judged:
        case = ElementTree.SubElement(cases, "testcase", classname=_xml(suite), name=str(one.gate), time="0")
        if one.outcome != "passed":
            kind = "error" if one.invalid else "failure"
            ElementTree.SubElement(case, kind, message=_xml(one.message), type=kind).text = _xml(one.message)
        ElementTree.SubElement(case, "system-out").text = _xml(one.text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _xml(text: str) -> str:
    """The text with a mark for every character that XML 1.0 cannot hold; quoted logs have such."""
    return _NOT_XML.sub("�", text)


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

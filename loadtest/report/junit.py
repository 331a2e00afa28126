"""JUnit XML, as CI systems show it: a test case per verdict."""

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


class JunitCase(NamedTuple):
    """One test case: `kind` is failure, error or skipped, and empty where it passed."""

    name: str
    kind: str
    message: str
    text: str


def junit(cases: Sequence[JunitCase], suite: str) -> str:
    """The XML of a suite; what is no result is an error, not a failure."""
    counts = {"tests": len(cases)} | {word: sum(one.kind == kind for one in cases) for kind, word in _COUNTED.items()}
    about = {"name": _xml(suite)} | {name: str(count) for name, count in counts.items() if count or name != "skipped"}
    root = ElementTree.Element("testsuites", about)
    inner = ElementTree.SubElement(root, "testsuite", about)
    for one in cases:
        case = ElementTree.SubElement(inner, "testcase", classname=_xml(suite), name=_xml(one.name), time="0")
        if one.kind:
            message = _xml(one.message)
            ElementTree.SubElement(case, one.kind, message=message, type=one.kind).text = message
        ElementTree.SubElement(case, "system-out").text = _xml(one.text)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode")


def _xml(text: str) -> str:
    """The text with a mark for every character that XML 1.0 cannot hold; quoted logs have such."""
    return _NOT_XML.sub("�", text)

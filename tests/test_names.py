"""One name, one meaning: a reader who searches for a class finds one."""

import ast
from collections import defaultdict

from loadtest import ROOT

ROOMS = ("app", "loadtest", "grafana/boards", "benchmarks")


def public_classes() -> dict[str, list[str]]:
    """The files that define a public class of that name, by name."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_public_class_name_is_defined_twice() -> None:
    assert {name: files for name, files in public_classes().items() if len(files) > 1} == {}

"""What the documents name is there."""

import re

import pytest

from loadtest import ROOT
from loadtest.contract.behaviour.probes import PROBES

_PATH = re.compile(r"(?:`|\()((?:app|loadtest|benchmarks|tests|grafana|bin|docs|requirements)/[\w*./-]*)(?:`|\))")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_is_there(name: str) -> None:
    named = set(_PATH.findall((ROOT / name).read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [path for path in sorted(named) if not any(ROOT.glob(path))] == []


def test_the_index_of_strategies_leads_to_every_page_and_every_page_to_its_file() -> None:
    folder = ROOT / "docs" / "strategies"
    linked = set(re.findall(r"\]\((\w+)\.md\)", (folder / "index.md").read_text(encoding="utf-8")))
    pages = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.md") if path.stem != "index"}
    assert linked == set(pages)
    files = {name: _PATH.findall(text) for name, text in pages.items()}
    assert [name for name, named in files.items() if not any(path.endswith(f"/{name}.py") for path in named)] == []
    assert [path for named in files.values() for path in named if not any(ROOT.glob(path))] == []


def test_the_page_on_ci_tells_every_probe_with_its_question() -> None:
    page = (ROOT / "docs" / "ci" / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([\w-]+)` \| (.*?) \| ", page, re.MULTILINE))
    assert told == {probe.name: probe.question for probe in PROBES}

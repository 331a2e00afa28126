"""What the documents name is there."""

import re

import pytest

from loadtest import ROOT

_PATH = re.compile(r"(?:`|\()((?:app|loadtest|benchmarks|tests|grafana|bin|docs|requirements)/[\w*./-]*)(?:`|\))")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_is_there(name: str) -> None:
    named = set(_PATH.findall((ROOT / name).read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [path for path in sorted(named) if not any(ROOT.glob(path))] == []

"""A release says one version everywhere, and the project's workflow runs what a contributor runs."""

import re
import tomllib

import yaml

from loadtest import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
WORKFLOW = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")


def test_the_citation_and_the_changelog_have_the_version_of_the_package() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    released = re.findall(r"^## (\d\S*) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == (VERSION, str(citation["date-released"]))
    assert citation["version"] == VERSION


def test_the_workflow_runs_make_test_on_every_python_and_make_test_stack() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    jobs = workflow["jobs"]
    run = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    # the proxies, whose tests are skipped where they are not installed
    assert {one for one in run if not one.startswith("sudo apt-get install ")} == {"make test", "make test-stack"}
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] for job in jobs.values())
    assert "://" not in WORKFLOW, "a workflow names no host, of packages least of all"

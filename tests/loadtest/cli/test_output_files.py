"""What a user names to be written: the lab's own files are written anew, and nobody else's."""

from pathlib import Path

import pytest

from loadtest.cli.gate import OWN_JUNIT
from loadtest.cli.output_files import why_not_over
from tests.loadtest.cli.test_compare_and_gate import lab
from tests.run_directory import repeats, write_run

OPENINGS = {"--junit": "<testsuites", "--markdown": "### Gates: "}


@pytest.mark.parametrize("option", OPENINGS)
def test_a_report_is_written_anew_over_its_own_and_over_nothing_else(tmp_path: Path, option: str) -> None:
    run = write_run(tmp_path / "run", repeats("mine", 1))
    out = tmp_path / "out"

    def gate() -> str:
        result = lab("gate", run, "--max", "mine.errors <= 0", option, out)
        assert result.exit_code == 0, result.output
        return out.read_text()

    out.touch()
    first = gate()
    assert OPENINGS[option] in first
    assert gate() == first
    out.write_text("my diary")
    assert gate() == "my diary"
    out.unlink()
    (tmp_path / "diary").write_text("my diary")
    out.symlink_to("diary")
    assert gate() == "my diary"
    assert out.is_symlink()


def test_junit_of_somebody_else_is_not_the_labs(tmp_path: Path) -> None:
    path = tmp_path / "tests.xml"
    path.write_text('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pytest">')
    assert why_not_over(path, OWN_JUNIT) == "it is there, and nothing that this command has written"
    assert why_not_over(tmp_path, OWN_JUNIT) == "it is a folder; name a file"

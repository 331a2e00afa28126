"""The notes beside the figures: each once, with the names of all rows that it is about."""

from loadtest.report.notes import notes
from tests.loadtest.report.test_report import row

SILENT = "it knows no formula for this strategy"


def test_a_note_of_several_rows_stands_once_with_their_names() -> None:
    rows = [row("naive"), row("mine", notes=["a clock was late"]), row("early", notes=["a clock was late", "alone"])]
    assert notes(rows, {"naive": SILENT, "early": SILENT}) == [
        f"naive, early: theory: silent, because {SILENT}",
        "mine, early: a clock was late",
        "early: alone",
    ]


def test_a_note_of_every_row_names_them_all_unless_it_is_of_the_plan() -> None:
    late, planned = ["a clock was late"], [{"what": "cache-away 4.0 to 6.3 s"}]
    rows = [row(name, notes=late, planned_faults=planned) for name in ("naive", "mine")]
    assert notes(rows) == ["planned: cache-away 4.0 to 6.3 s", "naive, mine: a clock was late"]

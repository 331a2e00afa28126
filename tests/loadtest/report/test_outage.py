"""A run with a trigger, as its report tells it: who came back, in every form."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from loadtest.figures.repeats import Medians, medians
from loadtest.figures.run_summary import Attempted, Series
from loadtest.report.contents import Report
from loadtest.report.embedding import SCRIPT
from loadtest.report.html import write_html
from loadtest.report.markdown import write_markdown
from loadtest.report.notes import notes
from loadtest.report.outage import back_after, outage_in_words
from loadtest.report.terminal import print_table
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario
from tests.loadtest.report.test_report import TABLE, Page, markdown_table, numbers, row, run

AWAY = {"kind": "cache-away", "at_s": 4, "for_s": 2}
SCENARIO = Scenario.model_validate({**TABLE, "faults": [AWAY]})
MET = {"what": "cache-away 4.0 to 6.3 s", "began_s": 4.0, "ended_s": 6.3}


def hit(strategy: str, back_s: float | None, **other: Any) -> Medians:
    stated = {"failed_during": 120, "worst_second": 0.25, "origin_attempts_per_request": 0.5, "goodput": 380.5, **other}
    return row(strategy, recovers_after_s=back_s, **stated)


ROWS = [
    hit("naive", math.inf, planned_faults=[MET]),
    hit("mine", 1.5),
    hit("early", None, attempts=30_000, attempts_per_request=1.25, retries_peak_100ms=77, gave_up=9),
]


def course(in_100ms: Sequence[int] | None = None) -> Series:
    asked = np.full(20, 400.0)
    good = np.where((np.arange(20) >= 4) & (np.arange(20) < 6), 100.0, 400.0)
    waves = None if in_100ms is None else np.array(in_100ms, dtype=np.int64)
    line = run()
    return Series(line.bin_s, line.time_s, line.origin_reads, line.p50_ms, line.p99_ms, Attempted(asked, good, waves))


def test_a_sentence_says_who_came_back_and_a_scenario_without_a_trigger_has_none() -> None:
    (told,) = outage_in_words(ROWS, SCENARIO)
    assert told.startswith(
        "After the trigger (from 4 to 6 s): naive never came back in the 14 s after it; mine was back"
    )
    assert "mine was back after 1.5 s; early is not known to have come back" in told
    assert outage_in_words(ROWS, Scenario.model_validate(TABLE)) == []
    assert [back_after(one) for one in (*ROWS, row("steady"))] == ["never", "1.5", "–", ""]


def test_the_page_draws_goodput_over_the_trigger_and_the_waves_of_retries(tmp_path: Path) -> None:
    series = {"naive": course(), "mine": course(), "early": course([40] * 55 + [300] + [40] * 144)}
    report = Report(ROWS, outage=outage_in_words(ROWS, SCENARIO))
    write_html(tmp_path, report, series, {}, SCENARIO, "naive")
    page = Page((tmp_path / "report.html").read_text("utf-8"))
    drawn = [page.figures[f"outage-{number}"] for number in range(3)]
    names = [[one["name"] for one in traces] for traces, _ in drawn]
    assert names == [["goodput", "requests"]] * 2 + [["goodput", "requests", "attempts in 100 ms"]]
    assert numbers(drawn[0][0][0]["y"]).min() == 100
    waves = drawn[2][0][-1]
    assert waves["dx"] * numbers(waves["y"]).argmax() == 5.5
    bands = [{(shape["x0"], shape["x1"]) for shape in layout["shapes"]} for _, layout in drawn]
    assert bands == [{(4, 6.3)}, {(4, 6)}, {(4, 6)}], "the moment that was met, else the stated one"
    assert "never came back in the 14 s after it" in page.text
    in_outage = page.lines("attempts/request")
    assert [in_outage[one.strategy]["back after s"] for one in ROWS] == ["never", "1.5", "–"]
    assert page.script.count(SCRIPT.read_text("utf-8")[:500]) == 1, "both charts share it"


def test_a_run_without_a_trigger_and_with_patient_clients_says_nothing_of_an_outage(tmp_path: Path) -> None:
    write_html(tmp_path, Report([row("naive")]), {"naive": course()}, {}, Scenario.model_validate(TABLE), "naive")
    write_markdown(tmp_path, Report([row("naive")]), {}, Scenario.model_validate(TABLE), "naive")
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text("utf-8")
        assert not [word for word in ("Outage", "goodput", "back after") if word in text]


def test_markdown_and_terminal_tell_it_too(tmp_path: Path) -> None:
    report = Report(ROWS, outage=outage_in_words(ROWS, SCENARIO))
    write_markdown(tmp_path, report, {}, SCENARIO, "naive")
    lines = markdown_table((tmp_path / "report.md").read_text("utf-8"))
    (at,) = [number for number, line in enumerate(lines) if "back after s" in line]
    assert [dict(zip(lines[at], line, strict=True))["back after s"] for line in lines[at + 2 : at + 5]] == [
        "never",
        "1.5",
        "–",
    ]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_table(console, report, "naive")
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines()[:6])) <= 80
    assert "never" in printed.splitlines()[3]
    assert "After the trigger (from 4 to 6 s)" in printed


def test_a_planned_fault_is_told_as_such_once_where_all_met_it_at_the_same_moments() -> None:
    met = [hit(name, 0.0, planned_faults=[MET]) for name in ("naive", "mine")]
    assert notes(met) == ["planned: cache-away 4.0 to 6.3 s"]
    later = MET | {"what": "cache-away 4.1 to 6.4 s"}
    assert notes([met[0], hit("mine", 0.0, planned_faults=[later])]) == [
        "naive: planned: cache-away 4.0 to 6.3 s", "mine: planned: cache-away 4.1 to 6.4 s",
    ]  # fmt: skip
    (summed,) = medians([met[0], met[0]])
    assert summed.planned_faults == [MET]


def test_the_sentence_of_a_scenario_has_its_clients_its_nets_and_how_its_origin_slows() -> None:
    stated = {
        **TABLE,
        "client": {"timeout_s": 1, "retries": 3, "base_s": 0.5, "budget": 0.1},
        "nets": {"stale_if_error_s": 2, "breaker": {}, "limit": {"kind": "aimd", "most": 40}},
        "origin": {**TABLE["origin"], "slowdown": {"knee": 8, "per_read": 0.05}},
    }
    scenario = Scenario.model_validate(stated)
    told = sentence(scenario)
    assert "; clients give up after 1 s and retry 3 times (exponential back-off from 0.5 s, up to 20 s, jitter " in told
    assert "full, a budget of 0.1 per request); nets: stale_if_error_s 2, breaker, limit (kind aimd, most 40)." in told
    assert "ms (5 % slower for each read under way above 8, up to 10 times) over " in told
    assert sentence(Scenario.model_validate(scenario.model_dump())) == told, "also from a run's own scenario.json"
    once = Scenario.model_validate({**TABLE, "client": {"retries": 1, "backoff": "fixed", "jitter": "none"}})
    assert "; clients retry once (fixed back-off from 0.2 s, jitter none)." in sentence(once)

"""The report, read as its readers do: the page parsed, its chart decoded, the terminal at several widths."""

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from loadtest.figures.courses import courses
from loadtest.figures.records import Floats
from loadtest.figures.repeats import Medians, medians
from loadtest.figures.run_summary import ABOUT_ANSWERS, RepeatsBand, Series
from loadtest.report import columns as comparison
from loadtest.report.colours import PALETTE
from loadtest.report.contents import VIRTUAL, Report
from loadtest.report.html import write_html
from loadtest.report.markdown import write_markdown
from loadtest.report.notes import notes
from loadtest.report.terminal import print_table
from loadtest.report.workload_in_words import sentence
from loadtest.workload.scenario import Scenario

DURATION_S, BIN_S = 20.0, 0.5
NAMES = ("naive", "spread", "one_flight", "serve_old", "early", "lease_with_token", "adaptive_time_to_live", "mine")
ENVIRONMENT = {
    "started_at": "2026-01-02T03:04:05Z",
    "commit": "abc1234 (dirty)",
    "command": "lab bench --scenario one-key",
    "seed": 7,
    "machine": {"cpu": "Some CPU", "cores": 2, "memory_gib": 23.5, "system": "Linux-6"},
    "versions": {"python": "3.11.7", "fastapi": "0.115.0"},
    "redis": "valkey 9.1.2 (embedded)",
}
TABLE: dict[str, Any] = {
    "name": "one-key",
    "title": "One key",
    "source": "A paper",
    "duration_s": DURATION_S,
    "pods": 3,
    "load": {"loop": "closed", "users": 50, "think_s": 0.1},
    "keys": {"count": 10, "hot_share": 0.95},
    "cache": {"ttl_s": 5},
    "origin": {"latency": "fixed(200)", "connections": 32},
    "params": {"spread": {"width": 0.2}},
}
SCENARIO = Scenario.model_validate(TABLE)


def row(strategy: str, peak: int = 61, **other: Any) -> Medians:
    figures: dict[str, Any] = {
        "scenario": "one-key", "world": "native", "seed": 7, "pods": 3, "loop": "closed", "duration_s": DURATION_S,
        "requests": 24_123, "target_rate": None, "achieved_rate": 402.05, "hit_ratio": 0.97123, "origin_reads": 739,
        "p50_ms": 1.834, "p95_ms": 12.345, "p99_ms": 212.345, "age_p50_s": 2.5, "age_p99_s": 5.151,
        "statuses": {"hit": 20_000, "stale": 603, "collapsed": 622, "shed": 3}, "reads_by_reason": {"miss": 739},
        "errors": 3, "wrong_answers": 0, "origin_asked": 739, "origin_failed": 0, "origin_shed": 0, "cold_reads": 40,
        "cold_peak_1s": 40, "steady_peak_1s": peak, "p999_ms": 380.0, "slow_s": 0, "older_share": 0.0,
        "cold_requests": 60, "steady_p99_ms": 208.0,
    }  # fmt: skip
    return Medians(**{**figures, "strategy": strategy, "origin_peak_1s": peak, **other})


def run(herd: int = 60, slow_ms: float = 210.0) -> Series:
    """Every 5 s a herd within one bin, whose readers wait; else a read every other second and hits."""
    time_s = np.arange(0, DURATION_S, BIN_S)
    expiry = time_s % 5 == 0
    reads = np.where(expiry, herd / BIN_S, np.where(time_s % 2 == 1, 1 / BIN_S, 0.0))
    return Series(BIN_S, time_s, reads, np.full(len(time_s), 2.0), np.where(expiry, slow_ms, 4.0))


class Page(HTMLParser):
    """What a browser would make of report.html: its tags, its text without scripts and styles, tables and figures."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.script = ""
        self.tables: list[list[list[str]]] = []
        self.figures: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
        """The traces and the layout of each chart, as the page hands them to plotly."""
        self._open: list[str] = []
        self._chart: str | None = None
        self.feed(source)

    @property
    def table(self) -> list[list[str]]:
        """The lines of all tables, one after the other."""
        return [line for table in self.tables for line in table]

    def lines(self, heading: str) -> dict[str, dict[str, str]]:
        """The lines of the last table that has such a heading, by name: each cell by its heading."""
        headings, *lines = next(table for table in reversed(self.tables) if heading in table[0])
        return {line[0]: dict(zip(headings, line, strict=True)) for line in lines}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "wbr"}:
            self._open.append(tag)
        if tag == "script":
            self._chart = dict(attrs).get("data-chart")
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"th", "td"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._open and self._chart is not None:
            figure = json.loads(data)
            self.figures[self._chart] = figure["data"], figure["layout"]
        elif "script" in self._open:
            self.script += data
        elif "style" not in self._open:
            self.text += data
            if {"th", "td"} & set(self._open):
                between = " " if self._open[-1] == "small" else ""
                self.tables[-1][-1][-1] += between + data.replace("\u00a0", " ")

    def figure(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The traces and the layout of the page's only chart."""
        (only,) = self.figures.values()
        return only

    def courses(self) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
        """The traces and the layout of each strategy's course."""
        return [figure for name, figure in self.figures.items() if name.startswith("course-")]


def trace(figure: tuple[list[dict[str, Any]], dict[str, Any]], name: str) -> dict[str, Any]:
    """The last trace of that name."""
    return [one for one in figure[0] if one.get("name") == name][-1]


def numbers(values: Any) -> Floats:
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(np.float64)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def written(
    folder: Path,
    rows: Sequence[Medians],
    series: Mapping[str, Series] | None = None,
    environment: Mapping[str, Any] = ENVIRONMENT,
    scenario: Scenario = SCENARIO,
) -> tuple[Page, str]:
    """The page and the Markdown of these rows; the first is the baseline."""
    drawn = {one.strategy: run() for one in rows} if series is None else series
    baseline = rows[0].strategy if rows else None
    write_html(folder, Report(rows), drawn, environment, scenario, baseline)
    write_markdown(folder, Report(rows), environment, scenario, baseline)
    return Page((folder / "report.html").read_text("utf-8")), (folder / "report.md").read_text("utf-8")


def printed(rows: Sequence[Medians], width: int, baseline: str | None = None, wide: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_table(console, Report(rows), baseline, wide)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def markdown_table(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def axis(layout: dict[str, Any], of: dict[str, Any], letter: str) -> dict[str, Any]:
    found: dict[str, Any] = layout[letter + "axis" + of[letter + "axis"][1:]]
    return found


@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_strategy_has_a_chart_on_the_axes_of_all(tmp_path: Path, count: int) -> None:
    rows = [row(name, peak=9 + 13 * place) for place, name in enumerate(NAMES[:count])]
    series = {one.strategy: run(one.origin_peak_1s, 10.0 ** (place + 1)) for place, one in enumerate(rows)}
    courses_ = written(tmp_path, rows, series)[0].courses()
    assert len(courses_) == count
    for letter, name in ((letter, name) for letter in "xy" for name in ("origin reads", "p99")):
        ranges = [axis(one[1], trace(one, name), letter)["range"] for one in courses_]
        assert all(limits == ranges[0] for limits in ranges)
    assert {one[1]["meta"]["group"] for one in courses_} == {"course"}, "and they stay equal when one of them is zoomed"
    low, high = axis(courses_[0][1], trace(courses_[0], "p99"), "y")["range"]
    shown = np.concatenate([numbers(trace(one, "p99")["y"]) for one in courses_])
    assert 10.0**low <= shown.min() <= shown.max() <= 10.0**high
    top = axis(courses_[0][1], trace(courses_[0], "origin reads"), "y")["range"][1]
    assert top > max(one.origin_peak_1s for one in rows)


def test_more_than_six_strategies_wrap_into_rows_of_the_same_length(tmp_path: Path) -> None:
    page, _ = written(tmp_path, [row(name) for name in NAMES])
    assert "--columns:4" in [attributes.get("style") for tag, attributes in page.tags if tag == "div"]


def test_a_needle_is_as_high_as_its_herd_and_the_exact_peak_is_written_above_it(tmp_path: Path) -> None:
    page, _ = written(tmp_path, [row("naive", peak=61), row("mine", peak=3)], {"naive": run(60)})
    naive, mine = page.courses()
    assert numbers(trace(naive, "origin reads")["y"]).max() == 60, "reads in one second, not the rate of half a second"
    for figure, peaks in ((naive, [(40, "dot"), (61, "dash")]), (mine, [(3, "dash"), (40, "dot")])):
        assert sorted((shape["y0"], shape["line"]["dash"]) for shape in figure[1]["shapes"]) == peaks
    assert "steady peak 61, cold start 40" in " ".join(page.text.split())


def test_where_nothing_expired_no_steady_peak_is_drawn_and_the_heading_says_so(tmp_path: Path) -> None:
    page, _ = written(tmp_path, [row("naive", steady_peak_1s=None, cold_peak_1s=9)])
    assert [shape["y0"] for shape in page.courses()[0][1]["shapes"]] == [9]
    assert "nothing expired, cold start 9" in " ".join(page.text.split())


def test_faults_are_drawn_where_they_were_in_every_panel(tmp_path: Path) -> None:
    faults = [{"kind": "cache-away", "at_s": 4, "for_s": 2}, {"kind": "cache-flushed", "at_s": 9}]
    scenario = Scenario.model_validate({**TABLE, "faults": faults})
    page, _ = written(tmp_path, [row("naive"), row("mine")], scenario=scenario)
    for _, layout in page.courses():
        bands = [(shape["x0"], shape["x1"]) for shape in layout["shapes"] if "x domain" not in shape.get("xref", "")]
        assert bands.count((4, 6)) == bands.count((9, 9)) == 2
        assert [note["text"] for note in layout["annotations"]].count("cache-away") == 1
    assert "a fault of the scenario" in page.text
    assert "a fault of the scenario" not in written(tmp_path, [row("naive")])[0].text


def test_of_repeats_a_typical_one_is_drawn_within_the_band_of_all(tmp_path: Path) -> None:
    peaks = (60, 90, 62, 30, 61)
    measured = [
        (row("naive", peak, repeat=number, valid=number != 5, cold_peak_1s=peak), run(peak, 200.0 + number))
        for number, peak in enumerate(peaks, 1)
    ]
    drawn = courses(measured)
    assert drawn["naive"].repeat == 3, "62 is nearest to the median of those that are results; the 61 is none"
    page, _ = written(tmp_path, medians([one for one, _ in measured]), drawn)
    (figure,) = page.courses()
    assert numbers(trace(figure, "origin reads")["y"]).max() == 62
    bands = [numbers(one["y"]).max() for one in figure[0] if one["name"] == "all repeats"]
    assert bands == [30, 90, pytest.approx(201), pytest.approx(205)]
    assert "repeat 3 of 5" in page.text


def test_what_must_not_happen_is_told_with_the_repeats_in_which_it_did(tmp_path: Path) -> None:
    kinds = {0: {}, 5: {"older": 5}, 7: {"older": 7}}
    rows = [row("naive", repeat=number, errors=0, wrong_answers=wrong, wrong_answer_kinds=kinds[wrong])
            for number, wrong in enumerate((0, 7, 0, 5, 0), 1)]  # fmt: skip
    page, text = written(tmp_path, medians(rows))
    assert dict(zip(page.table[0], page.table[1], strict=True))["wrong answers"] == "7 (2 of 5)"
    assert "naive: wrong answers: 7 (2 of 5) older" in page.text
    assert "7 (2 of 5)" in text.replace("\\", "")


def test_a_run_that_ended_early_says_so_before_anything_else(tmp_path: Path) -> None:
    early = Report([row("naive")], {}, (), ("The run ended early: swr, swr-2 not run",))
    write_html(tmp_path, early, {"naive": run()}, ENVIRONMENT, SCENARIO, None)
    write_markdown(tmp_path, early, ENVIRONMENT, SCENARIO, None)
    page, text = (tmp_path / "report.html").read_text("utf-8"), (tmp_path / "report.md").read_text("utf-8")
    assert page.index("The run ended early: swr, swr-2 not run") < page.index("<h2")
    assert text.index("**The run ended early: swr, swr-2 not run**") < text.index("| strategy")


def test_empty_bins_are_gaps_and_a_bin_between_two_of_them_is_drawn(tmp_path: Path) -> None:
    p99_ms = run().p99_ms.copy()
    p99_ms[10:15], p99_ms[12], p99_ms[20] = np.nan, 7.0, 0.0
    (figure,) = written(tmp_path, [row("naive")], {"naive": replace(run(), p99_ms=p99_ms)})[0].courses()
    line = trace(figure, "p99")
    time_s, drawn = numbers(line["x"]), numbers(line["y"])
    assert not line.get("connectgaps")
    assert list(time_s[drawn == 7.0]) == [6.0, 6.5]
    assert np.isnan(drawn[(time_s > 5.0) & (time_s < 6.0)]).all()
    assert np.isnan(drawn[40:42]).all(), "a logarithm of 0 there is none"


def test_a_strategy_has_one_colour_in_chart_and_table(tmp_path: Path) -> None:
    page, _ = written(tmp_path, [row(name) for name in NAMES])
    chips = [
        attributes["style"] for tag, attributes in page.tags if tag == "span" and attributes.get("class") == "chip"
    ]
    for position, figure in enumerate(page.courses()):
        assert {one["line"]["color"] for one in figure[0]} == {PALETTE[position]}
        assert chips[position] == f"background:{PALETTE[position]}"
    assert len(set(chips)) == len(NAMES)


def test_long_names_may_break_wherever_they_are_shown(tmp_path: Path) -> None:
    name = "probabilistic_early_expiration_without_any_lock_at_all_and_then_some_more_of_it"
    page, _ = written(tmp_path, [row(name)])
    assert [tag for tag, _ in page.tags].count("wbr") == 3 * name.count("_"), "in two tables and above its chart"


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    rows = [row(name, repeats=5) for name in NAMES]
    band = RepeatsBand(run(30).in_last_second(), run(90).in_last_second())
    repeated = replace(run(), reads_band=band, p99_band=RepeatsBand(run().p99_ms, run().p99_ms))
    page, _ = written(tmp_path, rows, dict.fromkeys(NAMES, repeated))
    assert not [tag for tag, attributes in page.tags if tag == "link" or "src" in attributes]
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in page.tags)
    style = (tmp_path / "report.html").read_text("utf-8").partition("</style>")[0]
    assert not re.findall(r"url\(|@import", style)
    assert len(page.script) > 1_000_000, "plotly.js is inside"
    assert (tmp_path / "report.html").stat().st_size < 1_300_000, "as its basic bundle"


def test_a_table_wider_than_the_page_is_scrolled_in_its_own_box_beside_its_names(tmp_path: Path) -> None:
    page, _ = written(tmp_path, [row("naive")])
    around = [tag for tag, _ in page.tags].index("table") - 1
    tag, attributes = page.tags[around]
    assert (tag, attributes["class"], attributes["tabindex"]) == ("div", "wide", "0")
    style = (tmp_path / "report.html").read_text("utf-8")
    assert re.search(r"\.wide \{ overflow-x: auto;", style)
    assert re.search(r"\.wide th:first-child \{ position: sticky; left: 0;", style)


def test_no_text_of_a_run_becomes_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert('&')</script><b>"
    rows = [row(evil, incidents=[evil], wrong_answer_kinds={evil: 2}, valid=False, repeats=2)]
    scenario = Scenario.model_validate({**TABLE, "title": evil, "source": evil})
    harmless = row("naive", incidents=["!"], wrong_answer_kinds={"!": 2}, valid=False, repeats=2)
    plain, _ = written(tmp_path, [harmless])
    page, _ = written(tmp_path, rows, environment={**ENVIRONMENT, "commit": evil, evil: 1}, scenario=scenario)
    added = {"dt", "dd", "wbr"}
    assert [tag for tag, _ in page.tags if tag not in added] == [tag for tag, _ in plain.tags if tag not in added]
    assert page.text.count(evil) >= 12  # 2 titles, source, course, rows, 5 in the notes, commit, label
    tips = [one.get("hovertemplate", "") for traces, _ in page.figures.values() for one in traces]
    assert set(re.findall(r"<[^>]*>", "".join(tips))) == {"<b>", "</b>", "<extra>", "</extra>"}


def test_page_and_markdown_and_terminal_hold_the_same_table(tmp_path: Path) -> None:
    rows = [row("naive", target_rate=1000.0), row("mine", peak=9, target_rate=1000.0)]
    page, text = written(tmp_path, rows)
    first, everything = (
        dict(zip(lines[0], lines[3], strict=True))
        for lines in (markdown_table(part) for part in text.split("<details>"))
    )
    assert first == {
        "strategy": "mine", "origin reads": "739", "cold peak in 1 s": "40", "steady peak in 1 s": "9",
        "p50 ms": "1.83", "steady p99 ms": "208", "older than TTL %": "0.00", "errors": "3", "wrong answers": "0",
    }  # fmt: skip
    assert everything == first | {
        "requests": "24,123", "req/s": "402", "target req/s": "1,000", "hit %": "97.12",
        "steady peak vs naive": "1/6.8",
        "p95 ms": "12.3", "p99 ms": "212", "p99.9 ms": "380", "slow s": "0", "age p99 s": "5.15", "stale %": "2.50",
        "collapsed": "622", "shed": "3",
    }  # fmt: skip
    headings, rule, *lines = markdown_table(text.partition("<details>")[2])
    assert page.tables[1] == [headings, *lines]
    assert rule[0].startswith(":-")
    assert all(cell.endswith("-:") for cell in rule[1:]), "numbers stand on the right"
    for line, want in zip(printed(rows, 200, "naive", wide=True).splitlines()[-2:], lines, strict=True):
        assert line.split() == want
    assert printed(rows, 80, "naive").splitlines()[4].split() == list(first.values())


def test_the_interval_of_the_repeats_stands_behind_a_median_and_on_a_terminal_under_it(tmp_path: Path) -> None:
    repeats = [row("naive", peak, repeat=number, errors=0) for number, peak in enumerate((60, 66, 63), 1)]
    report = Report(medians(repeats), runs=repeats)
    write_markdown(tmp_path, report, ENVIRONMENT, SCENARIO, None)
    headings, _, line = markdown_table((tmp_path / "report.md").read_text("utf-8").partition("<details>")[0])
    cells = {name: cell.replace("\\", "") for name, cell in zip(headings, line, strict=True)}
    assert cells["steady peak in 1 s"] == "63 (56 to 71)"
    assert cells["origin reads"] == "739", "without scatter there is none"
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_table(console, report, None)
    assert isinstance(console.file, io.StringIO)
    told = console.file.getvalue()
    assert "56–71" in told
    assert "95 % interval" in told


def test_no_interval_is_folded_in_the_middle_of_a_number() -> None:
    repeats = [row("naive", repeat=at, origin_reads=reads) for at, reads in enumerate((45_102, 44_980, 45_230), 1)]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    print_table(console, Report(medians(repeats), runs=repeats), None)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r" 44,\d{3}–45,\d{3} ", console.file.getvalue())


@pytest.mark.parametrize(("peak", "ratio"), [(61, "1"), (62, "1"), (9, "1/6.8"), (122, "2.0x"), (0, "0")])
def test_a_peak_is_compared_with_the_baselines(peak: int, ratio: str) -> None:
    shown = comparison.comparison([row("mine", peak), row("naive", 61)], "naive")
    assert shown.lines[0][shown.headings.index("steady peak vs naive")] == ratio


@pytest.mark.parametrize(("baseline", "peak"), [(None, 61), ("elsewhere", 61), ("naive", 0)])
def test_without_a_baselines_peak_there_is_no_such_column(baseline: str | None, peak: int) -> None:
    assert not [name for name in comparison.comparison([row("naive", peak)], baseline).headings if "vs" in name]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_the_terminal_cuts_nothing_and_says_what_it_left_out(width: int) -> None:
    rows = [row(name, target_rate=1000.0) for name in NAMES]
    text = printed(rows, width, "naive", wide=True)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    table, _, rest = text.partition("Left out")
    head = table.partition("───")[0]
    assert all(word in head for word in ("reads", "steady", "p99", "errs", "wrong"))
    left_out = " ".join(rest.split())
    assert ("reqs" in head) != ("requests" in left_out)
    assert ("p95" in head) != ("p95 ms" in left_out)
    assert ("report.md" in left_out) == bool(left_out)


def test_every_column_fits_into_160_characters() -> None:
    assert "Left out" not in printed([row(name, target_rate=1000.0) for name in NAMES[:5]], 160, "naive", wide=True)


def test_a_run_that_is_no_result_is_marked_wherever_it_is_shown(tmp_path: Path) -> None:
    rows = [row("naive"), row("mine", valid=False, incidents=["Redis was killed at 12.1 s [bold]"])]
    page, text = written(tmp_path, rows)
    terminal = printed(rows, 120)
    assert page.table[2][0] == "mine not valid"
    assert markdown_table(text)[3][0] == "mine **(not valid)**"
    assert terminal.count("(not valid)") == 1
    for shown in (page.text, text.replace("\\", ""), terminal):
        assert "mine: not a valid result" in shown
        assert "mine: Redis was killed at 12.1 s [bold]" in shown


def test_a_row_says_how_many_of_its_runs_its_figures_stand_on(tmp_path: Path) -> None:
    late = {"valid": False, "incidents": ["late"]}
    runs = [
        *(row("naive", 281, repeat=1, **late), row("naive", 290, repeat=2)),
        *(row("spread", 6, repeat=1), row("spread", 7, repeat=2)),
        *(row("mine", 50, repeat=1, **late), row("mine", 52, repeat=2, **late)),
    ]
    rows = medians(runs)
    course = courses([(one, run()) for one in runs])
    page, markdown = written(tmp_path, rows, course)
    text = printed(rows, 160)
    table = {line[0]: line for line in page.tables[0]}
    assert [name for name in table if "valid" in name] == ["naive 1 of 2 runs valid", "mine none of 2 runs valid"]
    assert "290" in table["naive 1 of 2 runs valid"]
    assert "6.5" in table["spread"], "a median is not rounded below itself"
    for shown in (page.text, text, markdown):
        assert "of the valid ones alone; where none is valid, of all" in shown
        assert "1 of 2 runs valid" in shown
        assert "6.5" in shown
    over_charts = page.text[page.text.index("Over time") : page.text.index("Notes")]
    assert over_charts.count("not valid") == 1, "the valid repeat is drawn of naive, and of mine there is none"


def test_what_was_wrong_with_answers_is_said() -> None:
    assert notes([row("naive"), row("mine", wrong_answers=3, wrong_answer_kinds={"older": 2, "torn": 1})]) == [
        "mine: wrong answers: 2 older, 1 torn"
    ]


def test_names_and_notes_cannot_break_the_markdown(tmp_path: Path) -> None:
    _, text = written(tmp_path, [row("a|b_c"), row("mine", incidents=["two\nlines | *and* <b>"])])
    first = markdown_table(text.partition("<details>")[0])
    assert len({len(line) for line in first}) == 1
    assert first[2][0] == r"a\|b\_c"
    assert r"- mine: two lines \| \*and\* \<b\>" in text.splitlines()


def test_the_workload_is_told_in_one_sentence() -> None:
    assert sentence(SCENARIO) == (
        "one-key: closed loop, 50 users with 0.1 s think time; 10 keys (95 % of the requests to one); cold start; "
        "TTL 5 s; origin latency fixed(200) ms over 32 connections per pod; 3 pods; 20 s. Source: A paper."
    )
    load = {"loop": "closed", "users": 100, "rate_per_s": 1500}
    other = {"load": load, "keys": {"count": 1000}, "pods": 1, "warm": {"keys": "burst"}}
    assert sentence(Scenario.model_validate({**TABLE, **other, "source": ""})) == (
        "one-key: closed loop on a timetable, 1,500 requests/s from 100 users; 1,000 keys; "
        "all keys warmed in one burst; TTL 5 s; origin latency fixed(200) ms over 32 connections per pod; 1 pod; 20 s."
    )


def told(**changes: Any) -> str:
    return sentence(Scenario.model_validate({**TABLE, **changes}))


def test_the_workload_says_all_that_the_scenario_states() -> None:
    assert "10 keys (popularity by Zipf's law, exponent 1.1)" in told(keys={"count": 10, "zipf": 1.1})
    pace = {"loop": "open", "rate_per_s": 100}
    assert "a ramp from 0.5 to 3 times that in 9 s" in told(
        load={**pace, "shape": {"kind": "ramp", "from_share": 0.5, "to_share": 3, "for_s": 9}}
    )
    assert "a spike of 5 times that at 4 s for 2 s" in told(
        load={**pace, "arrivals": "constant", "shape": {"kind": "spike", "at_s": 4, "for_s": 2, "to_share": 5}}
    )
    assert "and 500 more every 5 s, within 0.05 s" in told(
        load={**pace, "shape": {"kind": "top-of-the-hour", "every_s": 5, "extra_requests": 500}}
    )
    assert "warmed in one burst, 2 s before the load" in told(warm={"keys": "burst", "lead_s": 2})
    faults = [
        {"kind": "cache-away", "at_s": 4, "for_s": 2},
        {"kind": "cache-flushed", "at_s": 9},
        {"kind": "pod-killed", "at_s": 10, "for_s": 1, "pod": 0},
        {"kind": "cache-slow", "at_s": 11, "for_s": 1, "ms": 500},
        {"kind": "origin-fails", "at_s": 12, "for_s": 1, "share": 0.5},
    ]
    assert (
        "faults: cache-away at 4 s for 2 s (empty), cache-flushed at 9 s, pod-killed at 10 s for 1 s (pod-1), "
        "cache-slow at 11 s for 1 s (500 ms), origin-fails at 12 s for 1 s (share 0.5)."
    ) in told(faults=faults)


def test_a_simulated_run_says_so_and_what_it_assumes(tmp_path: Path) -> None:
    _, text = written(tmp_path, [row("naive")], environment={**ENVIRONMENT, **VIRTUAL})
    assert "- redis: simulated" in text.splitlines()
    assert "network fixed(0.25) ms a way" in text
    assert "0 us of CPU a request" in text


def test_the_stamp_says_how_to_run_it_again(tmp_path: Path) -> None:
    page, text = written(tmp_path, [row("spread")])
    for known in (
        *("abc1234 (dirty)", "lab bench --scenario one-key", "Some CPU, 2 cores, 23.5 GiB, Linux-6"),
        *("python 3.11.7, fastapi 0.115.0", "valkey 9.1.2 (embedded)", "spread.width 0.2"),
    ):
        assert known in page.text
        assert known in text
    assert "- seed: 7" in text.splitlines()


def test_a_run_without_requests_claims_no_latency(tmp_path: Path) -> None:
    nothing = row(
        "mine", 0, requests=0, achieved_rate=0.0, statuses={}, valid=False, incidents=["no request was sent"],
        **dict.fromkeys(ABOUT_ANSWERS),
    )  # fmt: skip
    silent = replace(run(0), p50_ms=np.full(40, np.nan), p99_ms=np.full(40, np.nan))
    page, _ = written(tmp_path, [row("naive"), nothing], {"mine": silent})
    cells = page.lines("requests")["mine not valid"]
    assert {name: cells[name] for name in ("requests", "hit %", "p50 ms", "p99 ms", "stale %", "shed")} == {
        "requests": "0", "hit %": "–", "p50 ms": "–", "p99 ms": "–", "stale %": "–", "shed": "0",
    }  # fmt: skip


def test_nothing_measured_is_said_and_not_drawn(tmp_path: Path) -> None:
    page, text = written(tmp_path, [], environment={})
    for shown in (page.text, text, printed([], 80)):
        assert "No strategy was measured." in shown
    assert not page.figures
    assert len(page.script) < 20_000, "and what would draw it is left out"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = [row(name) for name in NAMES]
    written(tmp_path, rows)
    before = [(tmp_path / name).read_bytes() for name in ("report.md", "report.html")]
    written(tmp_path, rows)
    assert before == [(tmp_path / name).read_bytes() for name in ("report.md", "report.html")]

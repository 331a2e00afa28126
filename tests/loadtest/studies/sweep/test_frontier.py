"""What there is to choose from, and the page that shows it: parsed, its chart decoded."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.discovery import discover
from loadtest.figures.run_summary import ABOUT_ANSWERS
from loadtest.report.colours import colours
from loadtest.report.frontier import frontier_chart
from loadtest.report.frontier.choice import Value
from loadtest.report.frontier.frontier_chart import figure
from loadtest.studies.sweep.choice import Choice, choices, unbeaten
from loadtest.studies.sweep.frontier import write_frontier
from loadtest.studies.sweep.runs import SweepPlan, SweepRun
from tests.loadtest.report.test_report import ENVIRONMENT, SCENARIO, Page, axis, markdown_table, numbers, row

PLAN = SweepPlan(SCENARIO, ("naive", "mine"), ("mine.width=1,2", "cache.ttl_s=2,5"), 7, 1)


def run(strategy: str, settings: Mapping[str, Value] | None = None, repeat: int = 1, **figures: Any) -> SweepRun:
    """100 reads, a p99 of 10 ms and an age of 5 s, unless stated otherwise."""
    stated = {"origin_reads": 2_000, "p99_ms": 10.0, "age_p99_s": 5.0, "errors": 0, "repeat": repeat,
              "steady_p99_ms": None, "cold_reads": 0, **figures}  # fmt: skip
    return SweepRun(dict(settings or {}), row(strategy, **stated), 0.1, "abc1234")


def drawn(found: list[Choice]) -> Any:
    return figure(found, frontier_chart.inks(found))


def best(*runs: SweepRun) -> list[str]:
    return [choice.label for choice in unbeaten(choices(runs))]


def test_what_another_beats_in_everything_is_not_chosen() -> None:
    assert best(run("naive", p99_ms=20.0), run("mine", p99_ms=10.0)) == ["mine"]


def test_the_latency_that_counts_is_without_the_cold_start_where_that_is_known() -> None:
    cold = {"naive": 9.0, "mine": 5.0}
    assert best(*(run(name, p99_ms=200.0, steady_p99_ms=steady) for name, steady in cold.items())) == ["mine"]


@pytest.mark.parametrize("figure", [{"p99_ms": 5.0}, {"origin_reads": 1_000}, {"age_p99_s": 2.0}])
def test_to_be_best_in_one_figure_is_enough(figure: dict[str, Any]) -> None:
    other = run("naive", p99_ms=8.0, origin_reads=1_500, age_p99_s=4.0)
    assert set(best(other, run("mine", **figure))) == {"naive", "mine"}


def test_nobody_loses_by_less_than_a_step() -> None:
    assert set(best(run("naive", p99_ms=10.0), run("mine", p99_ms=9.98))) == {"naive", "mine"}
    assert best(run("naive", p99_ms=10.0), run("mine", p99_ms=10.4)) == ["naive"]


@pytest.mark.parametrize(
    "fault", [{"errors": 30, "requests": 24_000}, {"wrong_answers": 1}, {"valid": False}, {"requests": 0, "errors": 0}]
)
def test_who_answers_wrongly_is_no_choice_however_quick(fault: dict[str, Any]) -> None:
    assert best(run("naive"), run("mine", p99_ms=0.1, origin_reads=0, age_p99_s=0.0, **fault)) == ["naive"]


def test_wrong_answers_in_two_repeats_of_five_are_wrong_answers() -> None:
    wrong = [run("mine", repeat=number, wrong_answers=count) for number, count in enumerate([0, 7, 0, 5, 0], 1)]
    (choice,) = choices(wrong)
    assert choice.row.wrong_answers == 7
    assert not choice.is_eligible


def test_a_point_without_a_good_answer_is_no_choice_and_is_not_drawn(tmp_path: Path) -> None:
    without: dict[str, Any] = dict.fromkeys(ABOUT_ANSWERS)
    nothing = run("mine", valid=False, **without)
    found = choices([run("naive"), nothing])
    assert [one.is_eligible for one in found] == [True, False]
    assert best(nothing) == []
    for shown in (found, choices([nothing])):
        write_frontier(tmp_path, shown, ENVIRONMENT, PLAN)
        assert "| mine" in (tmp_path / "report.md").read_text()


def test_only_points_of_the_same_load_compete() -> None:
    heavy, light = {"pods": 9, "cache.ttl_s": 5.0}, {"pods": 3, "cache.ttl_s": 2.0}
    assert len(best(run("naive", heavy, p99_ms=20.0), run("naive", light))) == 2
    assert len(best(run("naive", {**heavy, "pods": 3}, p99_ms=20.0), run("naive", light))) == 1, "a TTL is chosen"


def test_repeats_are_one_point_at_their_medians() -> None:
    (only,) = choices([run("mine", {"pods": 3}, repeat, p99_ms=p99) for repeat, p99 in enumerate((9.0, 1.0, 5.0), 1)])
    assert only.row.p99_ms == 5.0
    assert only.label == "mine (pods 3)"


RUNS = [
    *(
        run("naive", {"cache.ttl_s": ttl}, p99_ms=200.0, age_p99_s=ttl, origin_reads=int(5_000 / ttl))
        for ttl in (2.0, 5.0)
    ),
    *(
        run("mine", {"cache.ttl_s": ttl, "mine.width": width}, p99_ms=width, age_p99_s=ttl, origin_reads=int(500 / ttl))
        for ttl in (2.0, 5.0)
        for width in (1.0, 2.0)
    ),
    run("shedder", {"cache.ttl_s": 2.0}, p99_ms=0.5, origin_reads=1, errors=9_000),
]


def written(folder: Path, runs: list[SweepRun] = RUNS) -> tuple[Page, str]:
    write_frontier(folder, choices(runs), ENVIRONMENT, PLAN)
    return Page((folder / "report.html").read_text("utf-8")), (folder / "report.md").read_text("utf-8")


def test_every_point_is_drawn_once_at_its_figures_with_its_age_as_colour(tmp_path: Path) -> None:
    traces, layout = written(tmp_path)[0].figure()
    for name in ("naive", "mine", "shedder"):
        (points,) = [trace for trace in traces if trace["name"] == name and "customdata" in trace]
        want = [choice for choice in choices(RUNS) if choice.strategy == name]
        assert list(numbers(points["x"])) == [choice.reads_per_s for choice in want]
        assert list(numbers(points["y"])) == [choice.row.p99_ms for choice in want]
        assert list(numbers(points["marker"]["color"])) == [choice.row.age_p99_s for choice in want]
        assert points["marker"]["coloraxis"] == "coloraxis"
        assert all(
            f"<b>{name}</b>" in tip and "cache.ttl_s = " in tip and "at most 61" in tip for tip in points["customdata"]
        )
        for letter in "xy":
            scale = axis(layout, {"xaxis": "x", "yaxis": "y"}, letter)
            low, high = scale["range"]
            assert scale["type"] == "log"
            assert all(low < math.log10(value) < high for value in numbers(points[letter]))


def test_strategies_are_told_apart_by_symbol_and_by_their_colour_the_baseline_first(tmp_path: Path) -> None:
    names = [*discover().strategies][:2]
    page, _ = written(tmp_path, [run(names[1]), run(names[0], p99_ms=1.0), run("shedder", errors=9_000)])
    traces, _ = page.figure()
    drawn = {trace["name"]: trace["marker"] for trace in traces if "customdata" in trace}
    keyed = {trace["name"]: trace["marker"] for trace in traces[1:-1] if "customdata" not in trace}
    assert [(name, marker["symbol"]) for name, marker in drawn.items()] == [
        (name, marker["symbol"]) for name, marker in keyed.items()
    ]
    assert len({marker["symbol"] for marker in drawn.values()}) == 3
    inks = colours(discover().strategies, [*names, "shedder"])
    assert list(drawn) == [*names, "shedder"]
    assert {name: marker["line"]["color"] for name, marker in drawn.items()} == inks
    assert {name: marker["color"] for name, marker in keyed.items()} == inks
    assert [line[0] for line in page.table[3:]] == [*names, "shedder"]


def test_what_is_no_choice_is_crossed_out(tmp_path: Path) -> None:
    crosses = written(tmp_path)[0].figure()[0][-1]
    (out,) = [choice for choice in choices(RUNS) if not choice.is_eligible]
    assert out.strategy == "shedder"
    assert (crosses["name"], crosses["marker"]["symbol"]) == ("nothing to choose", "x-thin")
    assert (list(numbers(crosses["x"])), list(numbers(crosses["y"]))) == ([out.reads_per_s], [out.latency_ms])


def test_what_nothing_beats_is_ringed_and_numbered_as_in_the_table(tmp_path: Path) -> None:
    page, text = written(tmp_path)
    ring = page.figure()[0][0]
    chosen = unbeaten(choices(RUNS))
    assert [choice.settings for choice in chosen] == [
        {"cache.ttl_s": 5.0, "mine.width": 1.0},
        {"cache.ttl_s": 2.0, "mine.width": 1.0},
    ]
    assert list(numbers(ring["x"])) == [choice.reads_per_s for choice in chosen]
    assert ring["text"] == ["1", "2"]
    assert [line[:4] for line in page.table[:3]] == [
        ["strategy", "cache.ttl_s", "mine.width", "origin reads/s"],
        ["1. mine", "5", "1", "5.0"],
        ["2. mine", "2", "1", "12.5"],
    ]
    assert len(page.table) == 3 + 1 + len(RUNS)
    assert [line[0] for line in markdown_table(text)[:4]] == ["strategy", "--------", "mine", "mine"]


def test_rings_that_touch_share_their_numbers() -> None:
    near = [choice._replace(is_best=True) for choice in choices([run("mine"), run("naive"), run("other", p99_ms=99.0)])]
    assert list(drawn(near).data[0].text) == ["", "1, 2", "3"]


def test_a_thicket_of_rings_has_no_numbers() -> None:
    many = [run("mine", {"mine.width": n}, p99_ms=2.0**n, origin_reads=2 ** (31 - n)) for n in range(30)]
    assert drawn(choices(many)).data[0].text is None


@pytest.mark.parametrize(
    "runs", [[run("mine", origin_reads=0, p99_ms=0.0)], [run("mine"), run("naive", origin_reads=0)]]
)
def test_nothing_at_all_still_has_its_place_on_a_logarithm(runs: list[SweepRun]) -> None:
    for trace in drawn(choices(runs)).data:
        assert all(value is None or value > 0 for value in (*trace.x, *trace.y))


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (1.0, 1.01), (0.5, 200.0), (1.0, 3e7)])
def test_an_axis_has_room_around_and_some_ticks(low: float, high: float) -> None:
    scale = frontier_chart._ticks([low, high])
    first, last = scale["range"]
    assert first < math.log10(low) <= math.log10(high) < last
    assert last - first >= 1
    inside = [tick for tick in scale["tickvals"] if first <= math.log10(tick) <= last]
    assert 2 <= len(inside) <= 14


def test_the_page_needs_nothing_but_itself_and_tells_all_there_is_to_know(tmp_path: Path) -> None:
    page, text = written(
        tmp_path, [*RUNS[:-1], run("shedder", {"cache.ttl_s": 2.0}, incidents=["a | b broke"], valid=False)]
    )
    assert not [tag for tag, attributes in page.tags if tag == "link" or {"src", "href"} & attributes.keys()]
    for shown in (page.text, text.replace("\\", "")):
        for known in (
            "7 points, one run each. Swept: mine.width=1,2; cache.ttl_s=2,5.",
            "abc1234 (dirty)",
            "a | b broke",
        ):
            assert known in shown
    assert "Crossed out: no result, wrong answers, or more than 0.1 % errors." in page.text
    assert "Crossed out" not in written(tmp_path, RUNS[:-1])[0].text


def test_no_text_of_a_sweep_becomes_markup(tmp_path: Path) -> None:
    evil = "</script><b>&"
    page, _ = written(tmp_path, [run(evil, {evil: evil}, incidents=[evil]), run("mine", {evil: "x"})])
    plain, _ = written(tmp_path, [run("naive", {"one": "one"}, incidents=["one"]), run("mine", {"one": "x"})])
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    (tip,) = next(trace for trace in page.figure()[0] if "customdata" in trace and trace["name"] == evil)["customdata"]
    assert set(re.findall(r"<[^>]*>", tip)) == {"<b>", "</b>", "<br>"}


def test_nothing_simulated_is_said_and_not_drawn(tmp_path: Path) -> None:
    page, text = written(tmp_path, [])
    assert "Nothing was simulated." in page.text
    assert not page.figures
    assert "0 points" in text


def test_the_same_sweep_gives_the_same_bytes(tmp_path: Path) -> None:
    written(tmp_path)
    before = [(tmp_path / name).read_bytes() for name in ("report.md", "report.html")]
    written(tmp_path)
    assert before == [(tmp_path / name).read_bytes() for name in ("report.md", "report.html")]


def test_a_choice_says_what_it_is() -> None:
    assert Choice("mine", {"mine.width": 0.5, "pods": 3}, row("mine")).label == "mine (mine.width 0.5, pods 3)"

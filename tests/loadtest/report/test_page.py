"""The page of a report as who cannot see it, or sees it in the dark, meets it; and its parts that charts are not."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.discovery import discover
from loadtest.figures.repeats import medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.sentence import Sentence
from loadtest.report.colours import THEMED
from loadtest.report.contents import Report
from loadtest.report.html import report_page
from loadtest.report.run_again import run_again
from loadtest.report.strategies_told import CHECKOUT, DOCS_URL, sections, strategy_told, way_to
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from tests.loadtest.report.test_report import ENVIRONMENT, SCENARIO, TABLE, Page, numbers, row, run, trace

STYLE = Path("loadtest/report/templates/style.css").read_text("utf-8")
VARIABLES = re.findall(r"(--[a-z]+): ([^;]+);", STYLE.partition("}")[0])
FOUND = discover()
KNOWN = list(FOUND.strategies)[:3]


def runs_of(name: str, reads: Sequence[int], **other: Any) -> list[RunSummary]:
    return [row(name, origin_reads=count, repeat=number, **other) for number, count in enumerate(reads, 1)]


def made(runs: Sequence[RunSummary], answer: Sequence[Sentence] = ()) -> Page:
    told = [
        strategy_told(PlannedRun(SCENARIO, name, 1), FOUND.strategies[name])
        for name in dict.fromkeys(one.strategy for one in runs)
        if name in FOUND.strategies
    ]
    rows = medians(runs)
    report = Report(rows, said=("one", "two", "three", "four"), answer=answer, runs=runs, strategies=told)
    drawn = {one.strategy: run() for one in rows}
    return Page(report_page(report, drawn, ENVIRONMENT, SCENARIO, rows[0].strategy, KNOWN, "results/now"))


@pytest.fixture(scope="module")
def page() -> Page:
    runs = [
        *runs_of(KNOWN[0], (700, 710, 690), p99_ms=200.0, steady_p99_ms=200.0),
        *runs_of(KNOWN[1], (70, 71, 69), p99_ms=150.0, steady_p99_ms=150.0),
        *runs_of(KNOWN[2], (80, 80, 80), p99_ms=0.5, steady_p99_ms=0.5, assumed=["p99_ms", "steady_p99_ms"]),
    ]
    return made(runs, [Sentence("One is best."), Sentence("Take it.", advises=True)])


def attributes_of(page: Page, wanted: str) -> list[dict[str, str | None]]:
    return [attributes for tag, attributes in page.tags if tag == wanted]


def test_headings_are_in_order_and_the_landmarks_are_there(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    tags = [tag for tag, _ in page.tags]
    assert [tags.count(one) for one in ("header", "main", "footer")] == [1, 1, 1]
    assert attributes_of(page, "html") == [{"lang": "en"}]


def test_every_id_is_one_of_a_kind_and_what_refers_to_one_finds_it(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby", "data-copies", "data-chart"):
            assert attributes.get(name, ids[0]) in ids
        assert (attributes.get("href") or f"#{ids[0]}").removeprefix("#") in ids


def test_every_chart_has_a_name_and_a_sentence_with_its_figures(page: Page) -> None:
    plots = [one for one in attributes_of(page, "div") if one.get("class") == "plot"]
    assert len(plots) == len(page.figures) >= 3 + 1 + 4
    assert all(one["role"] == "img" and one["aria-label"] for one in plots)
    for told in ("origin reads: " + KNOWN[0] + " 690 to 710", "Most origin reads in a second: 61 in the steady state"):
        assert told in page.text


def test_few_columns_come_first_with_their_intervals_and_all_others_behind_a_control(page: Page) -> None:
    first, every, *_ = page.tables
    assert len(first[0]) <= 10 < len(every[0])
    assert [one for one in first[0] if "peak" in one] == ["cold peak in 1 s", "steady peak in 1 s"]
    assert re.fullmatch(r"700 6\d\d to 7\d\d", first[1][first[0].index("origin reads")])
    tags = [tag for tag, _ in page.tags]
    assert tags.index("details", tags.index("table")) < [at for at, tag in enumerate(tags) if tag == "table"][1]
    assert tags.count("details") == tags.count("summary")
    assert tags.count("caption") == tags.count("table")
    assert {one.get("scope") for one in attributes_of(page, "th")} == {"row", "col"}


def test_the_answer_stands_before_the_figures_and_advice_stands_out(page: Page) -> None:
    assert page.text.index("One is best.") < page.text.index("origin reads")
    assert {"class": "advice"} in attributes_of(page, "p")


def test_each_repeat_is_a_point_beside_the_interval_and_a_hollow_one_is_assumed(page: Page) -> None:
    traces, _ = page.figures["dots-origin-reads"]
    points = [numbers(one["x"]) for one in traces if one["mode"] == "markers"]
    assert [list(one) for one in points] == [[700, 710, 690], [70, 71, 69], [80, 80, 80]]
    low, high = numbers(traces[0]["x"])
    assert (low < 690, high > 710) == (True, True)
    traces, _ = page.figures["dots-steady-p99-ms"]
    assert [set(one["marker"]["symbol"]) for one in traces if one["mode"] == "markers"][2] == {"diamond-open"}


def test_the_frontier_has_a_name_at_each_point_and_an_arrow_from_who_is_beaten(page: Page) -> None:
    figure = page.figures["tradeoff-chart"]
    assert figure[0][0]["name"] == "nothing beats it"
    assert len(numbers(figure[0][0]["x"])) == 2
    (names,) = [one for one in figure[0] if (one.get("meta") or {}).get("only") == "wide"]
    assert names["text"] == [KNOWN[0], KNOWN[1], f"~{KNOWN[2]}"]
    assert sum(note["showarrow"] for note in figure[1]["annotations"]) == 1
    assert "assumed, not simulated" in figure[1]["annotations"][-1]["text"]
    assert f"is beaten by {KNOWN[1]}" in page.text
    assert "tradeoff-chart" not in made([row(KNOWN[0]), row(KNOWN[1])]).figures, "two are compared, not traded"
    assert trace(figure, KNOWN[0])["marker"]["symbol"] != trace(figure, KNOWN[1])["marker"]["symbol"]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_stated_for_light_and_for_dark_and_text_can_be_read_in_both() -> None:
    themes = {name: re.fullmatch(r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", value) for name, value in VARIABLES}
    assert all(themes.values())
    used = set(re.findall(r"var\((--[a-z]+)\)", STYLE)) - {"--aspect", "--columns"}
    assert used | {*THEMED.values()} <= {*themes}
    colours = {name: found.groups() for name, found in themes.items() if found}
    for text in ("--head", "--ink", "--quiet", "--bad", "--link"):
        for ground in ("--paper", "--raised"):
            for theme in (0, 1):
                assert contrast(colours[text][theme], colours[ground][theme]) >= 4.5, (text, ground, theme)


CLEAN = {"command": "lab sim --scenario hot-key --seed 7", "commit": "abc1234", "world": "virtual time"}


def test_the_commands_run_the_same_again_and_say_what_they_cannot_promise() -> None:
    clean = run_again(CLEAN, "results/now")
    assert clean is not None
    assert clean.commands == ["git checkout abc1234", "lab sim --scenario hot-key --seed 7"]
    dirty = run_again(CLEAN | {"commit": "abc1234 (dirty)"}, "results/now")
    assert dirty is not None
    assert dirty.commands == ["lab sim --scenario hot-key --seed 7"]
    assert "changes beside commit abc1234 that no commit holds" in dirty.remark
    for command in ("lab bench --scenario my/load.toml", "lab bench --scenario=my/load.toml"):
        own = run_again(CLEAN | {"command": command, "world": ""}, "results/now")
        assert own is not None
        assert own.commands[-1].replace("=", " ") == "lab bench --scenario results/now/scenario.json"
        assert "and not the same" in own.remark
    assert run_again({"command": "make bench"}, "results/now") is None
    assert run_again({"command": "lab 'open quote"}, "results/now") is None


def test_a_strategy_is_told_by_its_docstring_with_its_parameters_as_they_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sections("The idea,\nin two lines.\n\nExpect:  much,\n         and more.\nReference: RFC 5861.\n") == (
        "The idea, in two lines.", [("Expect", "much, and more."), ("Reference", "RFC 5861.")],
    )  # fmt: skip
    name, strategy = next((name, one) for name, one in FOUND.strategies.items() if one.parameters())
    (parameter, stated), *_ = strategy.parameters().items()
    scenario = Scenario.model_validate({**TABLE, "params": {name: {parameter: stated.high}}})
    planned = PlannedRun(scenario, name, 1)
    monkeypatch.delenv(DOCS_URL, raising=False)
    told = strategy_told(planned, strategy)
    assert told.parameters[0][:2] == (parameter, f"{stated.high:g}")
    assert (told.page, told.is_link) == (f"docs/strategies/{name}.md", False)
    monkeypatch.setenv(DOCS_URL, "https://example.org/lab/")
    assert strategy_told(planned, strategy).page == f"https://example.org/lab/strategies/{name}/"
    assert strategy_told(planned, strategy).is_link
    monkeypatch.setenv(DOCS_URL, "javascript:alert(1)")
    assert not strategy_told(planned, strategy).is_link
    assert strategy_told(replace(planned, is_reference=True), strategy).page == ""


def test_the_page_of_a_strategy_is_a_link_from_a_results_folder_inside_the_checkout(tmp_path: Path) -> None:
    name, strategy = next(iter(FOUND.strategies.items()))
    planned = PlannedRun(SCENARIO, name, 1)
    inside = strategy_told(planned, strategy, CHECKOUT / "results" / "now")
    assert inside.link == f"../../docs/strategies/{name}.md"
    assert strategy_told(planned, strategy, tmp_path).link == ""
    assert way_to("docs/strategies/of-nobody.md", CHECKOUT / "results") == ""


def test_the_words_of_the_colour_bar_lie_below_the_axis_and_not_across_the_bar() -> None:
    _traces, layout = made([row(name) for name in KNOWN[:3]]).figures["tradeoff-chart"]
    assert "title" not in layout["coloraxis"]["colorbar"]
    assert any(note["text"].startswith("age p99") and note["yshift"] < 0 for note in layout["annotations"])

"""`lab league`: a table by name, each figure with the runs that made it; what is not known is a dash and its reason."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.discovery import discover
from loadtest.cli import app
from loadtest.contract.behaviour.finding import Behaviour, BehaviourFinding, FindingOutcome, Protection
from loadtest.figures.summarise import Finished, failed
from loadtest.studies.league import workloads as league_workloads
from loadtest.studies.league.behaviour_page import behaviour_page
from loadtest.studies.league.columns import READS
from loadtest.studies.league.entrant import LIBRARY, Entrant, entrant, parts_of
from loadtest.studies.league.league_html import league_html
from loadtest.studies.league.league_page import league_block
from loadtest.studies.league.league_records import LeagueRecords, ProbedBehaviour, read_records
from loadtest.studies.league.league_run import LeagueRun, league_run
from loadtest.studies.league.league_table import cell, shown_figure
from loadtest.studies.league.plan import league_parts
from loadtest.studies.league.runs_page import runs_page
from loadtest.studies.league.workloads import FAULTS, WORKLOADS, workload, workloads
from loadtest.workload.scenario import Scenario, read_scenario
from tests.loadtest.studies.league.pages import dead_links, linked_figures, resolved, tables, unlike_their_runs

FOUND = discover(wrong=True, contenders=True)
PLACE = "# Mine\n<!-- measured: league -->\nof yesterday\n<!-- end: league -->\nmine too\n"
ASKED = ("league", "hot-key,loader-fails-half", "--world", "virtual", "--seeds", "2", "--workers", "1")


def lab(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], env={"COLUMNS": "200"})


ENTRANTS = "swr,static,cashews_lock,dogpile_cache"
SMALL = """
schema = 2
title = "A small load"
duration_s = 5
pods = 2
load = { loop = "open", rate_per_s = 60 }
keys = { count = 2, hot_share = 0.9 }
cache = { ttl_s = 1 }
origin = { latency = "fixed(50)" , connections = 8 }
"""
BROKEN = """
duration_s = 9
faults = [{ kind = "origin-fails", at_s = 2, for_s = 2, share = 0.5 }]
"""


@pytest.fixture(scope="module", autouse=True)
def small_workloads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The workloads of this file in a small form; a whole one over the wire takes seconds."""
    folder = tmp_path_factory.mktemp("workloads")
    for name in WORKLOADS:
        faulty = SMALL.replace("duration_s = 5\n", "") + BROKEN
        (folder / f"{name}.toml").write_text(faulty if name in FAULTS else SMALL)

    def read(name: str, **_: float) -> Scenario:
        return read_scenario(str(folder / f"{Path(name).stem}.toml"))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(league_workloads, "read_scenario", read)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a league in virtual time, its page beside it: two of the lab's own, a library, and one refused."""
    folder = tmp_path_factory.mktemp("league")
    (folder / "league.md").write_text(PLACE)
    words = (*ASKED, "--strategies", ENTRANTS, "--results", folder / "results", "--page", folder / "league.md")
    result = lab(*words)
    assert result.exit_code == 0, result.output
    return folder


def results(made: Path) -> Path:
    (found,) = (made / "results").glob("*-league")
    return found


def test_a_table_is_by_name_and_every_figure_is_that_of_the_run_it_leads_to(made: Path) -> None:
    page = (made / "league.md").read_text()
    assert page.startswith("# Mine\n<!-- measured: league -->\n\n4 entrants, 0 native and 12 virtual runs")
    assert page.endswith("<!-- end: league -->\nmine too\n")
    for _, lines in tables(page):
        names = [line[0] for line in lines]
        assert names == sorted(names)
    assert len(linked_figures(page)) > 30
    assert [where for where in dead_links(made / "league.md") if not where.startswith("strategies/")] == []
    assert unlike_their_runs(made / "league.md") == []
    for name in ("hot-key", "loader-fails-half"):
        assert dead_links(made / "league" / f"{name}.md") == []


def test_a_page_that_was_changed_by_hand_is_noticed(made: Path, tmp_path: Path) -> None:
    page = (made / "league.md").read_text()
    figure = next(one for one in linked_figures(page) if one.heading == "origin reads" and "#static" in one.where)
    (tmp_path / "league").symlink_to(made / "league")
    changed = resolved(page).replace(f"[{figure.text}]({figure.where})", f"[12]({figure.where})", 1)
    (tmp_path / "league.md").write_text(changed)
    assert [one.text for one in unlike_their_runs(tmp_path / "league.md")] == ["12"]


def test_what_is_there_is_not_run_again_and_the_pages_are_made_of_records_alone(made: Path, tmp_path: Path) -> None:
    folder, page = results(made), (made / "league.md").read_text()
    before = read_records(folder)
    again = lab(*ASKED, "--strategies", ENTRANTS, "--resume", folder)
    assert again.exit_code == 0, again.output
    assert [run for run in read_records(folder).runs.values() if run.figures] == [
        run for run in before.runs.values() if run.figures
    ]
    assert (folder / "league.md").read_text().strip() == page.partition("-->\n")[2].partition("\n<!-- end")[0].strip()
    (made / "league.md").write_text(PLACE)
    rendered = lab("league", "--render", "--page", made / "league.md", "--results", tmp_path)
    assert rendered.exit_code == 0, rendered.output
    assert (made / "league.md").read_text() == page


def test_an_entrant_that_runs_again_takes_the_place_of_its_own_runs_and_of_no_others(
    made: Path, tmp_path: Path
) -> None:
    records, other = read_records(results(made)), LeagueRecords()
    (old, *_) = records.runs_of("virtual", "hot-key", "static")
    other.add(replace(old, session="later", figures={"origin_reads": 7.0}))
    other.sessions["later"] = {}
    other.entrants["static"] = records.entrants["static"]
    count = len(records.runs)
    records.merge(other)
    assert [one.figures["origin_reads"] for one in records.runs_of("virtual", "hot-key", "static")] == [7.0]
    assert len(records.runs) == count - 1
    records.write(tmp_path)
    assert read_records(tmp_path) == records


def run_of(world: str, value: float | None, **more: Any) -> LeagueRun:
    return LeagueRun(
        "static", world, "hot-key", 1, 1, "s", figures={} if value is None else {"origin_reads": value}, **more
    )


@pytest.mark.parametrize(("simulated", "sign"), [(105.0, "·"), (130.0, "≠")])
def test_figures_that_are_further_apart_than_calibrate_allows_are_marked_and_both_are_shown(
    simulated: float, sign: str
) -> None:
    records = LeagueRecords(sessions={"s": {}}, entrants={"static": entrant("static", FOUND)})
    records.add(run_of("native", 100.0))
    records.add(run_of("virtual", simulated))
    (line,) = [
        line
        for line in resolved(league_block(records, workloads(["hot-key"]))).splitlines()
        if line.startswith("| static ")
    ]
    places = ("league/hot-key.md#static-native", "league/hot-key.md#static-virtual-time")
    assert f"[100]({places[0]}) {sign} [{simulated:.0f}]({places[1]})" in line


def test_worlds_are_compared_by_the_seeds_that_both_have_run() -> None:
    records = LeagueRecords(sessions={"s": {}}, entrants={"static": entrant("static", FOUND)})
    records.add(run_of("native", 100.0))
    records.add(run_of("virtual", 104.0))
    for repeat in (2, 3):  # of other arrivals
        records.add(replace(run_of("virtual", 150.0), repeat=repeat, seed=repeat))
    found = cell(records, "hot-key", "static", READS)
    assert ([one.text for one in found.shown], found.is_apart) == (["100", "150"], False)
    records.add(run_of("virtual", 140.0))
    assert cell(records, "hot-key", "static", READS).is_apart


def test_a_run_that_failed_has_its_reason_and_no_figure_that_looks_like_one() -> None:
    planned = list(
        next(iter(league_parts(workloads(["hot-key"]), "native", [entrant("swr", FOUND)], FOUND, 1, 1))).runs
    )
    error = OSError("no pod came up")
    run = league_run(Finished(planned[0], *failed(planned[0], "native", str(error)), error=error), "s", "f")
    shown = shown_figure("native", READS, [run])
    assert (shown.text, shown.value, shown.why_none, run.is_valid) == ("-", None, "no pod came up", False)
    records = LeagueRecords(sessions={"s": {}}, entrants={"swr": entrant("swr", FOUND)})
    records.add(run)
    assert "no pod came up" in league_block(records, workloads(["hot-key"]))
    assert "## swr, native\n\nnative: no pod came up." in runs_page(records, workload("hot-key"))


def test_a_run_of_a_workload_that_has_changed_since_is_run_again_and_shown_no_more(made: Path) -> None:
    records, today = read_records(results(made)), {one.name: one.fingerprint for one in workloads(())}
    assert records.without_outdated(today).runs == records.runs
    left = records.without_outdated(today | {"hot-key": "another"}).runs
    assert {key[1] for key in left} == {"loader-fails-half"}


def test_one_that_virtual_time_refuses_shows_its_reason_there_and_runs_natively() -> None:
    threads = Entrant("threads", LIBRARY, "Locks in threads.", "lib", not_virtual="it waits in threads")
    parts = {
        world: next(iter(league_parts(workloads(["hot-key"]), world, [replace(threads, name="swr")], FOUND, 1, 1)))
        for world in ("native", "virtual")
    }
    assert [run.strategy for run in parts["native"].runs] == ["swr"]
    assert parts["virtual"].runs == []
    assert parts["virtual"].refused == {"swr": "it waits in threads"}


def test_a_library_runs_over_the_wire_and_one_that_blocks_has_a_dash_that_leads_to_the_reason(made: Path) -> None:
    (records, page) = read_records(results(made)), (made / "league.md").read_text()
    (run, *_) = records.runs_of("virtual", "hot-key", "cashews_lock")
    assert (run.value("errors"), run.value("stampedes.hot.mean")) == (0, 1.0)
    assert (run.value("commands_per_request") or 0) > 1
    refused = FOUND.contenders["dogpile_cache"].not_virtual
    assert refused in page
    assert refused in (made / "league" / "hot-key.md").read_text()
    assert "> " in page.partition("#### cashews")[2].partition("####")[0], "its setting is quoted"


def test_the_setting_of_a_contender_is_quoted_from_its_docstring() -> None:
    class Library:
        """Caches what a function returns.

        More of it.

        Setting:   `@cache(ttl="3h")`
                   `cache.setup(url)`
        Reference: the README, "Simple cache".
        """

    told = parts_of(Library)
    assert told[""] == "Caches what a function returns."
    assert told["Setting"].split() == ['`@cache(ttl="3h")`', "`cache.setup(url)`"]
    assert told["Reference"] == 'the README, "Simple cache".'


def test_a_finding_stands_in_a_few_words_in_the_table_and_leads_to_its_sentence(tmp_path: Path) -> None:
    names = [name for name in FOUND.contenders if name.startswith("cashews")][:2]
    records = LeagueRecords(sessions={"s": {}}, entrants={name: entrant(name, FOUND) for name in (*names, "static")})
    large = BehaviourFinding(
        "large-values", FindingOutcome.HELD, "Of 6 requests 6 got it, with 1 load.", "right, 1 load"
    )
    loads = BehaviourFinding("loads-per-expiry", FindingOutcome.FIGURE, "At each expiry 3 loaded.", "one per pod")
    found = Behaviour(names[0], "cashews", "7", "virtual", Protection.ONE_PER_POD, (loads, large))
    records.add_probed(ProbedBehaviour("s", found))
    records.add(run_of("native", 100.0))
    records.add(replace(run_of("native", 1.0), workload="redis-restart"))
    records.write(tmp_path / "league")
    assert read_records(tmp_path / "league") == records
    (tmp_path / "league.md").write_text(league_block(records, workloads(())))
    (tmp_path / "league" / "behaviour.md").write_text(behaviour_page(records))
    for name in ("hot-key", "redis-restart"):
        (tmp_path / "league" / f"{name}.md").write_text(runs_page(records, workload(name)))
    assert [where for where in dead_links(tmp_path / "league.md") if not where.startswith("strategies/")] == []
    assert unlike_their_runs(tmp_path / "league.md") == []
    page = resolved((tmp_path / "league.md").read_text())
    leads = f"(league/behaviour.md#{names[0]})"
    assert page.count(f"[right, 1 load]{leads}") == 2, "beside the faults, and among the findings"
    assert f"[one per pod]{leads}" in page
    (line,) = [line for line in page.splitlines() if line.startswith("| [static]")]
    assert "[one per pod]" not in line
    assert "the probes are of contenders" in page
    text = league_html(records, workloads(()), tmp_path)
    assert _Page(text).inner <= set(_Page(text).ids)
    assert 'data-class="one per pod"' in text


class _Page(HTMLParser):
    """The ids and the inner links of a page, and the headings of its columns that sort."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.inner: set[str] = set()
        self.sorts: list[str] = []
        self._heading: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if known.get("id"):
            self.ids.append(str(known["id"]))
        if tag == "a" and str(known.get("href", "")).startswith("#"):
            self.inner.add(str(known["href"])[1:])
        if tag == "th":
            self._heading = known.get("aria-sort")
        if tag == "button" and self._heading is not None:
            self.sorts.append(self._heading)


def test_the_page_in_html_leads_to_its_own_runs_and_each_heading_is_a_button_that_sorts(made: Path) -> None:
    text = (results(made) / "league.html").read_text()
    page = _Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert page.inner <= set(page.ids)
    assert len(page.inner) >= 4
    assert {"ascending", "none"} == set(page.sorts)
    assert text.count("<button") == len(page.sorts) + 1, "and one for the theme"
    assert "http" not in re.sub(r'href="https?://[^"]+"', "", text), "it works from a file"


def test_records_of_runs_are_linked_where_they_are(tmp_path: Path) -> None:
    records = LeagueRecords(sessions={"s": {}}, entrants={"static": entrant("static", FOUND)})
    records.add(run_of("native", 100.0, folder="part/raw/static"))
    assert "part/raw/static" not in league_html(records, workloads(["hot-key"]), tmp_path)
    (tmp_path / "part" / "raw" / "static").mkdir(parents=True)
    assert 'href="part/raw/static/"' in league_html(records, workloads(["hot-key"]), tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "in the league there is no workload 'nothing': name one of hot-key, "),
        (["--world", "stack"], "--world: there is no world 'stack'"),
        (["--strategies", "nobody"], "there is no strategy 'nobody'"),
        (["--render"], "--render: name what there is to show"),
        (["--page", "{folder}/plain.md"], "has no block between <!-- measured: league -->"),
        (["--page", "{folder}/mine/page.md"], "nothing that this command has written"),
        (["--resume", "{folder}/old"], "this lab reads 2"),
        (["--resume", "{folder}/misspelt"], "no folder of this command"),
        (["--resume", "{folder}/mine"], "no folder of this command"),
    ],
)
def test_bad_input_exits_2_before_anything_runs(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("# Mine\n")
    (tmp_path / "mine" / "league").mkdir(parents=True)
    (tmp_path / "mine" / "page.md").write_text(PLACE)
    (tmp_path / "mine" / "league" / "hot-key.md").write_text("my diary")
    (tmp_path / "old" / "records").mkdir(parents=True)
    (tmp_path / "old" / "records" / "sessions.json").write_text('{"schema": 1, "sessions": {}}')
    result = lab("league", *(word.format(folder=tmp_path) for word in words), "--results", tmp_path / "results")
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "misspelt").exists()

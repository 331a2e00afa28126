"""docs/league.md is what its records say, its links lead somewhere, and its records are what virtual time does now."""

from app.discovery import discover
from loadtest import ROOT
from loadtest.figures.summarise import Finished, summarise
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.studies.league.league_page import BLOCK, league_block
from loadtest.studies.league.league_records import read_records
from loadtest.studies.league.league_run import league_run
from loadtest.studies.league.plan import league_parts
from loadtest.studies.league.runs_page import runs_page
from loadtest.studies.league.workloads import FAULTS, FOLDER, WORKLOADS, workloads
from tests.loadtest.studies.league.pages import dead_links, unlike_their_runs

FOUND = discover(wrong=True, contenders=True)


def test_every_workload_of_the_league_can_be_run_in_both_worlds() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(FAULTS)
    assert [one.scenario.why_not_in(world) for one in workloads(()) for world in ("native", "virtual")] == [
        ""
    ] * 2 * len(WORKLOADS)
    assert all(one.scenario.trigger is not None for one in workloads(FAULTS))


def test_the_records_of_virtual_time_are_what_it_does_now() -> None:
    """The figures of one of the lab's own, as a sample; the whole league would take minutes."""
    records = read_records(ROOT / "docs" / "league")
    (kept, *_) = records.runs_of("virtual", "hot-key", "singleflight")
    own = [records.entrants["singleflight"]]
    (part,) = league_parts(workloads(["hot-key"]), "virtual", own, FOUND, 1, kept.seed)
    (run,) = part.runs
    found = league_run(Finished(run, *summarise(SimulatedHistory(run))), kept.session, kept.fingerprint)
    assert found.as_dict() == kept.as_dict(), "make league WORLD=virtual PAGE=docs/league.md"


def test_the_page_of_the_league_is_what_its_records_say() -> None:
    page, home = ROOT / "docs" / "league.md", ROOT / "docs" / "league"
    records = read_records(home)
    today = {one.name: one.fingerprint for one in workloads(())}
    assert records.without_outdated(today) == records, "a workload has changed since: run it again"
    written = page.read_text(encoding="utf-8").partition(f"<!-- measured: {BLOCK} -->\n")[2].partition("<!-- end")[0]
    assert written == (league_block(records, workloads(())) if records.runs else "")
    assert dead_links(page) == []
    assert unlike_their_runs(page) == []
    for one in workloads(()):
        if records.has(one.name):
            beside = home / f"{one.name}.md"
            assert beside.read_text(encoding="utf-8") == f"{runs_page(records, one)}\n", "lab league --render --page"
            assert dead_links(beside) == []

"""The reports of an advice: what an engineer sends to a team is all in one file, with code and gates."""

import html
import re
import tomllib
from typing import Any

import pytest

from app.discovery import discover
from loadtest.studies.advise.advice import Advice, AdviceLevel, Costs, Ranked
from loadtest.studies.advise.advice_html import advice_html
from loadtest.studies.advise.gates_of_service import ServiceGates
from loadtest.studies.advise.own_files import OwnFiles
from loadtest.studies.advise.page import as_markdown, table
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.service_code import code_for
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.small_service import small
from tests.loadtest.report.test_report import row
from tests.loadtest.studies.advise.test_native_check import check, checked

SERVICE = Service(keys=500, rate_per_s=3000, ttl_s=60, origin="fixed(350)", zipf=1.0, pool=20, pods=8, max_age_s=90)
COSTS = Costs(507, 0.003, 47, 60, 0, None, None, None, 0.005, 90, None, 0.1, {})


def ranked(name: str, **parameters: float | str) -> Ranked:
    return Ranked(name, dict(parameters), {Situation.STEADY: [row(name)] * 2}, COSTS, True)


ADVICE = Advice(
    SERVICE, SERVICE, (ranked("swr", stale_s=30.0), ranked("lease"), ranked("static")), ("Use <swr>.", "It is so."),
    (), (), AdviceLevel.HIGH, ("Five seeds.",), commands=("lab sim --scenario scenarios/a.toml",),
)  # fmt: skip


def files_for(strategy: str, **parameters: Any) -> OwnFiles:
    made = small(SERVICE)
    scenario = made.with_strategy(discover().strategies[strategy], parameters)
    gates = ServiceGates(scenario.model_copy(update={"gates": ["each.errors <= 0"]}), ("errors <= 0",), True)
    code = code_for(SERVICE, discover().strategies[strategy].stated(SERVICE.ttl_s, parameters), "static")
    return OwnFiles(code, gates, strategy, made.changes)


FILES = files_for("swr", stale_s=30.0)


def fenced(text: str) -> list[str]:
    return re.findall(r"^```(?:python|toml|sh)\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)


def test_report_md_has_code_and_gates_as_they_are_in_the_files() -> None:
    text = as_markdown(ADVICE, FILES, check(checked("swr"), None))
    blocks = fenced(text)
    for one in (*FILES.of_code, *FILES.of_gate):
        assert f"### {one.name}" in text
        assert one.text in blocks
    assert tomllib.loads(FILES.of_gate[0].text)["gates"] == ["each.errors <= 0"]
    assert "## Checked by real processes" in text
    assert fenced(as_markdown(ADVICE)) == ["lab sim --scenario scenarios/a.toml"]


def test_report_html_has_the_same_files_to_the_last_space_and_the_answer_escaped() -> None:
    page = advice_html(ADVICE, {"command": "lab advise"}, FILES, check(checked("swr"), None))
    shown = [html.unescape(one) for one in re.findall(r'<pre class="file"[^>]*>(.*?)</pre>', page, re.DOTALL)]
    assert shown == [one.text for one in (*FILES.of_code, *FILES.of_gate)]
    assert "Use &lt;swr&gt;." in page
    assert 'data-chart="tradeoff-chart"' in page
    assert "In your CI" not in advice_html(ADVICE, {})


def test_a_column_that_no_strategy_has_a_figure_for_is_left_out() -> None:
    headings, lines = table(ADVICE)
    assert "Redis/request" not in headings
    assert {len(line) for line in lines} == {len(headings)}


@pytest.mark.parametrize(
    ("strategy", "parameters", "requires", "constants"),
    [
        ("swr", {"stale_s": 30.0}, "'dogpile.cache[redis]==", {"TTL_S": 60.0, "STALE_S": 30.0}),
        ("singleflight", {}, "relaycache==", {"TTL_S": 60.0, "WAIT_S": 5.0}),
        ("xfetch", {"beta": 2.0}, "'xtr-cache[redis]==", {"BETA": 2.0}),
        ("early", {}, "'cashews[redis]==", {"AHEAD": 0.2}),
        ("jitter", {"spread": 0.5, "form": "longer"}, "redis", {"TTL_S": 75.0, "SPREAD": 0.4}),
        ("layered", {}, "redis", {"STALE_S": 5.0, "BETA": 0.5}),
    ],
)
def test_the_code_runs_as_it_stands_with_the_advised_settings_and_pip_gets_the_client_of_redis(
    strategy: str, parameters: dict[str, Any], requires: str, constants: dict[str, float]
) -> None:
    code = files_for(strategy, **parameters).code
    assert code.requires.startswith(requires)
    own: dict[str, Any] = {"__name__": "example"}
    exec(compile(code.code, "cache.py", "exec"), own)
    assert {name: own[name] for name in constants} == constants


def test_the_code_says_what_it_does_not_have_of_its_strategy() -> None:
    assert "copies in the pods" in " ".join(files_for("tiered").about_code())
    assert len(files_for("jitter").code.code.splitlines()) < 50

"""The script inside a page: the bundle as published, of the version that figures are made for."""

import json
import re
from hashlib import sha256

import plotly.graph_objects as go  # type: ignore[import-untyped]
import pytest
from plotly.offline import get_plotlyjs_version  # type: ignore[import-untyped]

from loadtest.report.embedding import SCRIPT, TRACES, Chart, chart
from loadtest.report.rendering import render


def test_the_bundle_is_of_the_version_that_the_python_package_makes_figures_for() -> None:
    head = SCRIPT.read_text("utf-8")[:300]
    assert f"plotly.js (basic - minified) v{get_plotlyjs_version()}\n" in head
    assert "MIT license" in head
    assert f"version {get_plotlyjs_version()}," in SCRIPT.with_name("README.md").read_text("utf-8")


def test_the_bundle_and_its_licence_are_as_they_were_published() -> None:
    lines = [line.split() for line in SCRIPT.with_name("SHA256SUMS").read_text("utf-8").splitlines()]
    assert {name for _, name in lines} == {SCRIPT.name, "LICENSE"}
    for known, name in lines:
        assert sha256(SCRIPT.with_name(name).read_bytes()).hexdigest() == known, name


def drawn(*traces: go.Scatter) -> Chart:
    return chart("one", "One", "", go.Figure([*traces], {"height": 100}))


@pytest.mark.parametrize("kind", sorted(TRACES))
def test_the_bundle_has_every_kind_of_trace_that_is_let_through(kind: str) -> None:
    assert re.search(rf'moduleType:"trace",name:"{kind}"', SCRIPT.read_text("utf-8"))


def test_a_trace_that_the_bundle_cannot_draw_is_refused_before_a_page_is_left_blank() -> None:
    with pytest.raises(ValueError, match=r"traces of scattergl: plotly\.js's basic bundle draws bar, pie, scatter"):
        chart("one", "One", "", go.Figure([go.Scatter(y=[1]), go.Scattergl(y=[1])]))


def test_a_chart_has_the_same_bytes_whichever_encoders_of_json_are_installed() -> None:
    assert "mine \\u2717" in drawn(go.Scatter(y=[1], name="mine ✗")).data


def test_no_name_in_a_chart_ends_the_element_that_holds_it() -> None:
    evil = "</script><!--&"
    assert not set("<>&") & set(drawn(go.Scatter(y=[1], name=evil)).data)
    assert json.loads(drawn(go.Scatter(y=[1], name=evil)).data)["data"][0]["name"] == evil


def test_a_page_has_the_bundle_once_where_it_has_charts_and_not_the_full_one() -> None:
    stated = {"title": "One", "sentence": "", "legend": "", "said": (), "notes": (), "stamp": ()}
    one = drawn(go.Scatter(y=[1]))
    page = render("page.html", [one, one], **stated)
    assert page.count(SCRIPT.read_text("utf-8")) == 1
    assert len(page) < 1_210_000
    assert "<script src" not in page
    assert SCRIPT.read_text("utf-8") not in render("page.html", [None], **stated)

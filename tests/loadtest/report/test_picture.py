"""The pictures of the docs: SVG that needs no browser."""

from xml.etree import ElementTree

import numpy as np
import pytest

from loadtest.report.picture import PANELS, Band, Course, picture

INKS = {"static": "#D55E00", "swr": "#009E73"}


def course(strategy: str, height: float) -> Course:
    reads = np.zeros(80)
    reads[20:24] = height
    return Course(
        strategy, 0.25, reads, np.where(reads > 0, 201.0, np.nan), {"waited": reads, "failed": reads / 2},
        asked=np.full(80, 50.0), good=50.0 - reads / 10, said=f"worst second {height:g} & more",
    )  # fmt: skip


def drawn(*courses: Course, **options: object) -> str:
    return picture("Two <strategies>", courses, INKS, [*PANELS], bands=[Band("trigger", 5, 9)], **options)  # type: ignore[arg-type]


def test_a_picture_is_small_well_formed_and_the_same_each_time() -> None:
    text = drawn(course("static", 100), course("swr", 7))
    assert text == drawn(course("static", 100), course("swr", 7))
    assert len(text) < 12_000
    root = ElementTree.fromstring(text)
    spoken = {one.tag.rpartition("}")[2]: one.text for one in root}
    assert (root.get("role"), spoken["title"]) == ("img", "Two <strategies>")
    assert "static: worst second 100 & more" in (spoken["desc"] or "")
    assert "nan" not in text


def test_all_strategies_of_a_picture_have_the_same_scale() -> None:
    alone, beside = drawn(course("swr", 7)), drawn(course("static", 100), course("swr", 7))
    assert ">8<" in alone
    assert ">8<" not in beside
    assert beside.count(">100<") >= 2


def test_what_lies_outside_the_time_that_is_drawn_moves_no_scale() -> None:
    assert ">1<" in drawn(course("static", 100), from_s=10, to_s=20)


def test_a_panel_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError, match="weather"):
        picture("none", [course("static", 1)], INKS, ["weather"])

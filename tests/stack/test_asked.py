"""What was asked of a running stack is what runs afterwards; what cannot be changes nothing."""

import pytest

from tests.stack.asked import RATE, REFUSED, Asked


@pytest.mark.parametrize("variable", REFUSED)
def test_a_knob_that_cannot_be_is_one_line(asked: Asked, variable: str) -> None:
    said = asked.refused[variable]
    assert (said.code, said.errors.count("\n")) == (2, 1), said.errors
    name, value = variable.split("=")
    assert name in said.errors
    assert value in said.errors


def test_what_is_refused_touches_no_container(asked: Asked) -> None:
    assert asked.before == asked.after


def test_a_scenario_gives_pods_its_settings_and_the_load_its_strategies(asked: Asked) -> None:
    assert asked.scenario.code == 0, asked.scenario.errors
    assert (asked.settings["LAB_TTL_S"], asked.settings["LAB_ORIGIN_LATENCY"]) == ("10.0", "uniform(20, 50)")
    assert asked.sent_to == {"static", "jitter"}


def test_the_end_is_the_measured_rate(asked: Asked) -> None:
    assert asked.scenario.measured == pytest.approx(RATE, rel=0.4)


def test_a_locust_file_of_ones_own_drives_the_pods_through_the_front(asked: Asked) -> None:
    assert asked.own.code == 0, asked.own.errors
    assert 0 < asked.own.measured <= 5 / 0.2 * 1.2
    assert " 0 errors" in asked.own.out


def test_without_it_the_labs_own_load_is_back_at_the_rate_that_was_given(asked: Asked) -> None:
    assert asked.again.code == 0, asked.again.errors
    assert asked.again.measured == pytest.approx(RATE, rel=0.4)
    assert f"RATE={RATE} (given before)" in asked.again.out
    assert (asked.kept["RATE"], asked.kept["SCENARIO"]) == (str(RATE), "many-keys")
    assert "LOCUSTFILE" not in asked.kept


def test_whoever_comes_by_with_bin_compose_finds_it_as_it_was_asked_for(asked: Asked) -> None:
    assert asked.at_the_end == asked.by_hand

"""A strategy's colour is its own, whichever others are shown."""

from app.discovery import discover
from loadtest.report.colours import PALETTE, colours

KNOWN = list(discover().strategies)


def test_a_colour_goes_by_the_place_among_those_discovered_with_the_baselines_first() -> None:
    shown = colours(KNOWN, [*reversed(KNOWN), "mine"])
    assert list(shown) == [*KNOWN, "mine"]
    assert list(shown.values()) == [*PALETTE, *PALETTE][: len(shown)]
    assert shown[discover().baseline or ""] == PALETTE[0]


def test_leaving_strategies_out_changes_no_colour() -> None:
    assert colours(KNOWN, KNOWN[2:]).items() <= colours(KNOWN, KNOWN).items()

from pathlib import Path

import pytest

import app.strategies
from app.discovery import check_name, discover

BODY = """
from app.strategy import Loader, Lookup, Strategy

class Mine(Strategy):
    async def get_or_load(self, key: str, load: Loader) -> Lookup: ...
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(tmp_path)])
    return tmp_path


def test_the_file_names_the_strategy(folder: Path) -> None:
    (folder / "brand_new.py").write_text(BODY)
    assert discover().strategies["brand_new"].name == "brand_new"


def test_the_baseline_comes_first_and_there_is_one() -> None:
    found = discover()
    assert next(iter(found.strategies)) == found.baseline
    assert sum(strategy.is_baseline for strategy in found.strategies.values()) == 1


def test_files_with_an_underscore_are_left_alone(folder: Path) -> None:
    (folder / "_draft.py").write_text("raise SystemExit")
    assert not discover().broken


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no_strategy", "x = 1", "one Strategy per file, not 0"),
        ("two", BODY + BODY.replace("Mine", "Yours"), "one Strategy per file, not 2"),
        ("abstract", "from app.strategy import Strategy\nclass A(Strategy): ...", "does not define get_or_load"),
        ("exits", "raise SystemExit(3)", "SystemExit"),
        ("no_module", "import nowhere_to_be_found", "ModuleNotFoundError"),
        ("metrics", BODY, "a route of the service itself"),
        ("Upper", BODY, "lower case"),
        (
            "out_of_bounds",
            BODY.replace("Strategy\n\n", "Strategy, tunable\n\n").replace(
                "Strategy):\n", 'Strategy):\n    x: float = tunable(5, "why", high=1)\n'
            ),
            "out_of_bounds.x",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_reason_and_the_others_stay(
    folder: Path, name: str, text: str, why: str
) -> None:
    (folder / f"{name}.py").write_text(text)
    found = discover()
    assert why in found.broken[name]
    assert len(found.strategies) >= 5


@pytest.mark.parametrize("name", ["", "a b", "../x", "class", "readyz", "X", "ä", "a" * 41, "1a"])
def test_a_name_that_cannot_be_a_route_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"route|lower case"):
        check_name(name)

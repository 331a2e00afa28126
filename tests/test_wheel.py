"""The wheel: all of `app` and `loadtest`, with their scenarios, templates and contract, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from loadtest import ROOT

PACKAGES = ("app", "loadtest")
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", ".*")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy to build from, since setuptools leaves its work beside what it builds."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=LEFT_BEHIND)
    return copy


@pytest.fixture(scope="module")
def wheel(sources: Path) -> Path:
    """The wheel as pip would build it, without a network: `setuptools.build_meta` is all that pip asks for it."""
    build = "import setuptools.build_meta, sys; setuptools.build_meta.build_wheel(sys.argv[1])"
    ended = subprocess.run(
        [sys.executable, "-c", build, "dist"], cwd=sources, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return next((sources / "dist").glob("*.whl"))


def test_it_has_every_file_of_the_packages_and_nothing_else(sources: Path, wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {path.relative_to(sources).as_posix() for name in PACKAGES for path in (sources / name).rglob("*")}
    assert packed == {name for name in wanted if (sources / name).is_file()}
    assert {
        "app/strategies/_template.py",
        "loadtest/contract/promises.py",
        "loadtest/report/plotly_js/LICENSE",
        "loadtest/report/plotly_js/plotly-basic.min.js",
        "loadtest/report/templates/style.css",
        "loadtest/scenarios/hot-key.toml",
        "loadtest/scenarios/claims/primer.toml",
    } <= packed


def test_a_strategy_is_held_to_the_contract_from_an_installed_wheel_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    site, folder = tmp_path / "site", tmp_path / "a project of another kind"
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    folder.mkdir()
    (folder / "conftest.py").write_text("raise SystemExit('a conftest of the project')\n")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (folder / "app").mkdir()
    (folder / "app" / "__init__.py").write_text("raise SystemExit('an app of the project')\n")
    (site / "app" / "strategies" / "mine.py").write_text(
        "from app.strategy import Loader, Lookup, Strategy\n\n\nclass Mine(Strategy):\n"
        "    async def get_or_load(self, key: str, load: Loader) -> Lookup:\n        return None\n"
    )
    for name, says in (("static", "22 promises"), ("mine", "breaks a promise: it answers a request")):
        held = (
            "from pathlib import Path; from loadtest.studies.trial.trial import check_contract; import app.strategies\n"
            f"source = Path(app.strategies.__path__[0]) / '{name}.py'; held = check_contract(source)['{name}']\n"
            f"print(f'{{held}} promises' if isinstance(held, int) else held.screen('{name}', source))"
        )
        ended = subprocess.run(
            [sys.executable, "-P", "-c", held],
            cwd=folder, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert says in ended.stdout, ended.stdout + ended.stderr

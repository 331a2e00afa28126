"""`lab try`: the contract in virtual time, then a short comparison with the baseline, ending in one sentence."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from loadtest import ROOT
from loadtest.contract import PROMISES
from loadtest.figures.run_summary import RunSummary
from loadtest.report.cells import shown
from loadtest.studies.trial.breach import Breach, read_verdict
from loadtest.worlds.ambient import child_environment

CONTRACT_S_MAX = 300.0
"""The limit for all promises together, seconds; each has one of its own."""


def check_contract(*sources: Path) -> dict[str, Breach | int]:
    """The first promise that each strategy breaks, or else the number of promises it holds; by name.

    The contract runs in a process of its own, with its output in a file: a mistake may print without end, or never
    return. It takes no configuration, conftest or plugin of the project that it is called in. Raises ValueError where
    it leaves no verdict.
    """
    with TemporaryDirectory(prefix="stampede-lab-try-") as name, TemporaryFile() as output:
        folder = Path(name)
        config = folder / "pytest.ini"
        config.write_text("[pytest]\nfilterwarnings = error\n")
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-c", config, "--noconftest", "--import-mode=importlib"),
                *("-q", "--tb=line", "--show-capture=no", "--no-header"),
                *(f"-pno:{plugin}" for plugin in ("cacheprovider", "faulthandler", "logging")),
                *("-ploadtest.contract.plugin", "--verdict", folder),
                *(ROOT / "loadtest" / "contract" / file for file in PROMISES),
                *(option for source in sources for option in ("--strategy", source.stem)),
            ],
            cwd=folder,
            env=child_environment({"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, name),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=CONTRACT_S_MAX,
            check=False,
        )
        try:
            return {source.stem: read_verdict(folder, source) for source in sources}
        except ValueError as error:
            output.seek(0)
            words = output.read(1 << 20).decode(errors="replace").strip().splitlines()[-5:]
            raise ValueError("\n".join([f"{error} (exit code {ended.returncode})", *words])) from error


def verdict(rows: Sequence[RunSummary], name: str) -> str:
    """One sentence on the strategy, with the baseline's figures in brackets."""
    mine = next(row for row in rows if row.strategy == name)
    stale = None if mine.hit_ratio is None else 100 * mine.statuses.get("stale", 0) / mine.requests
    other = next((row for row in rows if row.strategy != name), None)
    peak, p99 = f"steady peak {_whole(mine.steady_peak_1s)} origin reads/s", f"p99 {_whole(mine.steady_p99_ms)} ms"
    cold = f"cold start {mine.cold_peak_1s}"
    if other is not None:
        peak = f"{peak} ({other.strategy} {_whole(other.steady_peak_1s)})"
        cold, p99 = f"{cold} ({other.cold_peak_1s})", f"{p99} ({_whole(other.steady_p99_ms)})"
    return f"{name}: {peak}, {cold}, {p99}, {shown(stale, '{:.1f}'.format)}% stale, 1 run"


def _whole(value: float | None) -> str:
    return shown(value, "{:.0f}".format)

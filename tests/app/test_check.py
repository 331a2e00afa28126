"""Code that would make no pod is told with its file, its line and why, whatever it does; it never runs for long."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app
from app.fingerprint import fingerprint

HANG_S = 3
"""Files that hang here come first of all, and import nothing."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the service."""
    source = Path(app.__file__).parent
    shutil.copytree(source, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "app"


def checked(folder: Path, *options: str, **settings: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-P", "app/check.py", *options],
        cwd=folder.parent, env=os.environ | settings, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout.strip()


def test_sound_code_is_told_by_its_fingerprint_whatever_it_prints_and_starts(folder: Path) -> None:
    with (folder / "strategies" / "swr.py").open("a") as file:
        file.write(
            "\nimport threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()\nprint('code 0')\n"
        )
    assert checked(folder) == (0, f"code {fingerprint(folder)}")


def test_a_contender_whose_library_is_not_installed_is_no_fault(folder: Path) -> None:
    (folder / "contenders" / "mine.py").write_text("import a_library_that_nobody_has\n")
    assert checked(folder) == (0, f"code {fingerprint(folder)}")


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("cache.py", "def x(", "app/cache.py, line 1: SyntaxError: '(' was never closed"),
        ("cache.py", "\nraise ValueError('no\\nway')", "app/cache.py, line 2: ValueError: no way"),
        ("__init__.py", "x = (", "app/__init__.py, line 1: SyntaxError: '(' was never closed"),
        ("__main__.py", "x = 1 / 0", "app/__main__.py, line 1: ZeroDivisionError: division by zero"),
        ("nobody_imports_it.py", "import nowhere", "app/nobody_imports_it.py, line 1: ModuleNotFoundError: No module"),
        ("strategies/swr.py", "x = (", "app/strategies/swr.py: SyntaxError: '(' was never closed (swr.py, line 1)"),
        ("contenders/mine.py", "x = 1", "app/contenders/mine.py: ValueError: it has no Contender"),
        ("strategies/mine.py", "x = 1", "app/strategies/mine.py: ValueError: one Strategy per file, not 0"),
        ("alarm.py", "import sys\nsys.exit('bye')", "app/alarm.py, line 2: SystemExit: bye"),
        ("alarm.py", "import os\nos._exit(0)", "app/alarm.py, line 2: it ends its process (exit 0)"),
        ("alarm.py", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "app/alarm.py, line 2: Segmentation"),
    ],
)
def test_a_fault_is_told_with_its_file_its_line_and_why(folder: Path, file: str, text: str, told: str) -> None:
    (folder / file).write_text(text)
    code, said = checked(folder)
    assert code == 1
    first, *_ = said.splitlines()
    assert first.startswith(told)


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.sleep(1e9)",
        "import socket\nsocket.create_server(('127.0.0.1', 0)).accept()",
        "\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "\nx = 10 ** 10 ** 9",
    ],
    ids=["asleep", "at a socket", "swallows what would end it", "in C"],
)
def test_a_hang_is_ended_and_told_with_its_file_and_its_line(folder: Path, text: str) -> None:
    (folder / "__init__.py").write_text(text)
    code, said = checked(folder, "--within", str(HANG_S))
    line = 4 if "try" in text else 2
    assert (code, said) == (1, f"app/__init__.py, line {line}: not imported after {HANG_S} s: it hangs")


def test_what_goes_on_does_not_hang_though_all_of_it_takes_longer(folder: Path) -> None:
    slow = "import time\ntime.sleep(2.5)\nimport tabnanny\ntime.sleep(2.5)\nimport pyclbr\n"
    (folder / "alarm.py").write_text(slow + (folder / "alarm.py").read_text())
    assert checked(folder, "--within", "4") == (0, f"code {fingerprint(folder)}")


def test_what_fits_the_settings_of_the_pods_no_more_is_told(folder: Path) -> None:
    code, said = checked(folder, LAB_PARAMS='{"xfetch": {"beta": 2, "gone": 1}}')
    assert code == 1
    assert "ValueError: LAB_PARAMS: xfetch.gone: no such parameter" in said

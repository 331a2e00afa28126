"""A check whether this code would make a pod: `python -P app/check.py`, in the environment of a pod.

It prints `code <fingerprint>` and exits 0, or prints the file, the line and the reason of each fault, and exits 1. A
pod itself is kinder: it leaves a broken strategy out and goes on.

The code is imported in a child process, because broken code may do anything. It may hang in C, end the process, crash
it, or fill its output. The parent imports nothing of the lab.
"""

import argparse
import importlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

WITHIN_S = 15.0
"""How long the child may look for no further module before it counts as hanging; `--within`.

On a busy machine all imports together take longer than this, but no single one does.
"""
TIMES_MAX = 6
"""The most that all imports together may take, in multiples of `--within`."""
DUMP_S = 2.0
"""How long a hanging child has to write its stack."""
FAULTS_MAX = 5
"""Faults that are printed; further ones are counted."""
WHY_CHARS_MAX = 300
_APP = Path(__file__).resolve().parent
_CHILD = "--child"
_GOES_ON = b"\0"
"""The byte that the child writes whenever a module is looked for."""
LOOK_EVERY_S = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="S", help="seconds that an import may take")
    within_s = parser.parse_args().within
    faults, code = _judged_by_a_child(within_s)
    for fault in faults[:FAULTS_MAX]:
        print(fault)
    if len(faults) > FAULTS_MAX:
        print(f"and {len(faults) - FAULTS_MAX} more")
    if not faults:
        print(f"code {code}")
    return 1 if faults else 0


def _judged_by_a_child(within_s: float) -> tuple[list[str], str]:
    """The faults, or no fault and the fingerprint of the code."""
    command = [sys.executable, "-X", "faulthandler", "-m", "app.check", _CHILD]
    # files and no pipes: a grandchild that lives on would keep a pipe open
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, cwd=_APP.parent, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, start_new_session=True
        )
        try:
            if is_late := _hangs(child, said, within_s):
                child.send_signal(signal.SIGABRT)  # faulthandler then writes down where it is, whatever it is doing
                _wait(child, DUMP_S)
        finally:
            _kill_all_of(child)
        lines, trace = _text(said).replace(_GOES_ON.decode(), "").splitlines(), _text(errors)
    if is_late:
        return [f"{_place(trace)}not imported after {within_s:g} s: it hangs"], ""
    if child.returncode == 0 and lines[-1:] and lines[-1].startswith("code "):
        return [], lines[-1].removeprefix("code ")
    return lines or [f"{_place(trace)}{_last_words(trace) or f'it ends its process (exit {child.returncode})'}"], ""


def _hangs(child: "subprocess.Popen[bytes]", said: IO[bytes], within_s: float) -> bool:
    """Wait for the child's end; True when it has looked for no module for `within_s`."""
    size, now_s = 0, time.monotonic()
    went_on_s, give_up_s = now_s, now_s + TIMES_MAX * within_s
    while child.poll() is None:
        now_s, size_before, size = time.monotonic(), size, os.fstat(said.fileno()).st_size
        if size != size_before:
            went_on_s = now_s
        if now_s > min(went_on_s + within_s, give_up_s):
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def _wait(child: "subprocess.Popen[bytes]", within_s: float) -> None:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        pass  # it catches the signal; it is killed next


def _kill_all_of(child: "subprocess.Popen[bytes]") -> None:
    """Kill the child and every process that it has started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # none is left
    child.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(1_000_000).decode(errors="replace")


def _place(trace: str) -> str:
    """The innermost line of the lab in a trace, as `file, line N: `; empty where there is none.

    A traceback ends with it, a dump of faulthandler's begins with it.
    """
    _, is_dump, dump = trace.rpartition("Current thread ")
    found = re.findall(rf'File "{re.escape(str(_APP.parent))}/(app/[^"]+)", line (\d+)', dump if is_dump else trace)
    found = [place for place in found if place[0] != "app/check.py"]
    if not found:
        return ""
    file, line = found[0] if is_dump else found[-1]
    return f"{file}, line {line}: "


def _last_words(trace: str) -> str:
    """The error in a trace: faulthandler's first line, or a traceback's last; empty where there is none."""
    if crash := re.search(r"^Fatal Python error: (.+)$", trace, re.MULTILINE):
        return crash[1]
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[-1][:WHY_CHARS_MAX] if lines and re.match(r"[\w.]+(: |$)", lines[-1]) else ""


def _judge() -> None:
    """Import the code, write the verdict and end the process, whatever threads it has; the child's part."""
    verdict = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the code prints is no verdict
    end = os._exit

    def say_where_and_end(status: int) -> NoReturn:
        traceback.print_stack()
        sys.stderr.flush()
        end(status)

    os._exit = say_where_and_end
    out = verdict.fileno()

    def go_on(event: str, _: object) -> None:
        if event == "import":
            os.write(out, _GOES_ON)

    sys.addaudithook(go_on)
    faults = list(dict.fromkeys(_faults()))
    if faults:
        verdict.write("\n".join(faults))
    else:
        from app.fingerprint import fingerprint

        verdict.write(f"code {fingerprint()}")
    verdict.flush()
    end(1 if faults else 0)


def _faults() -> Iterator[str]:
    """Each fault with its file and line; the pod itself is tried only where every module could be imported."""
    is_sound = True
    for name in _modules():
        try:
            importlib.import_module(name)
        except BaseException as error:  # SystemExit too
            is_sound = False
            yield _told(error)
    if is_sound:
        try:
            yield from _faults_of_the_pod()
        except BaseException as error:
            yield _told(error)


def _modules() -> Iterator[str]:
    """The modules of the service but strategies and contenders, which are found as a pod finds them."""
    for path in sorted(_APP.rglob("*.py")):
        parts = path.relative_to(_APP.parent).with_suffix("").parts
        is_ours = not {"strategies", "contenders"} & {*parts[:-1]} and path.stem not in {"__init__", "check"}
        if is_ours and path.is_file() and all(part.isidentifier() for part in parts):
            yield ".".join(parts)


def _faults_of_the_pod() -> Iterator[str]:
    from app.contender_names import place_of
    from app.discovery import discover
    from app.main import create_app
    from app.settings import Settings

    found = discover(references=True, wrong=True, contenders=True)  # those whose library is missing are not broken
    for name, why in found.broken.items():
        files = [_APP / "strategies" / place / f"{name}.py" for place in ("", "references", "wrong")]
        file = next((file for file in files if file.exists()), _APP / "strategies" / name)
        yield f"{file.relative_to(_APP.parent)}: {_one_line(why)}"
    for name, why in found.broken_contenders.items():
        yield f"{place_of(name)}: {_one_line(why)}"
    if found.broken:
        return  # a pod would try those again, and wait again for what hangs
    with tempfile.TemporaryDirectory() as folder:
        create_app(Settings(origin_path=Path(folder) / "origin.sqlite", items=1))


def _told(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    places = [(frame.filename, frame.lineno) for frame in frames]
    why = str(error)
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
        why = error.msg
    for file, line in reversed(places):
        path = Path(file)
        if path.is_relative_to(_APP) and path != _APP / "check.py":
            return f"{path.relative_to(_APP.parent)}, line {line}: {type(error).__name__}: {_one_line(why)}"
    return f"{type(error).__name__}: {_one_line(why)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:WHY_CHARS_MAX]


if __name__ == "__main__":
    if sys.argv[1:] == [_CHILD]:
        _judge()
    sys.exit(main())

"""The bench's image has another Python and other libraries than this process: virtual time must not care."""

import subprocess
from pathlib import Path

from tests.stack.stages import Stack
from tests.traces import traces

SCRIPT = Path(__file__).parents[1] / "traces.py"


def test_the_traces_are_the_same_in_another_python(stack: Stack) -> None:
    command = [
        "docker",
        "run",
        "--rm",
        "--interactive",
        "--network",
        "none",
        "--entrypoint",
        "python",
        f"{stack.project.name}/bench",
        "-",
    ]
    ended = subprocess.run(command, input=SCRIPT.read_text(), capture_output=True, text=True, timeout=120, check=True)
    print(ended.stderr)
    assert ended.stdout.splitlines() == [f"{run}: {trace}" for run, trace in traces().items()]

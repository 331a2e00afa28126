import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.figures import redis_info
from loadtest.figures.redis_commands import pods_cpu_s, reads_asked, redis_commands

TEXT = """# TYPE lab_cache_commands_total counter
lab_cache_commands_total{{command="mget"}} {mget}
lab_cache_commands_total{{command="set"}} {set}
# TYPE lab_cache_commands_created gauge
lab_cache_commands_created{{command="mget"}} 1.7e9
"""


def test_what_was_sent_before_the_load_does_not_count(tmp_path: Path) -> None:
    for pod in (1, 2):
        (tmp_path / f"metrics-before-pod-{pod}.prom").write_text(TEXT.format(mget=10, set=1))
        (tmp_path / f"metrics-pod-{pod}.prom").write_text(TEXT.format(mget=110, set=6))
    assert redis_commands(tmp_path) == 210


def test_a_pod_that_fell_leaves_no_figure(tmp_path: Path) -> None:
    (tmp_path / "metrics-before-pod-1.prom").write_text(TEXT.format(mget=10, set=1))
    assert redis_commands(tmp_path) is None


ASKED = """# TYPE lab_origin_asked_total counter
lab_origin_asked_total{{reason="miss",strategy="mine"}} {mine}
lab_origin_asked_total{{reason="early",strategy="mine"}} 1
lab_origin_asked_total{{reason="miss",strategy="other"}} {other}
# TYPE lab_origin_asked_again_total counter
lab_origin_asked_again_total{{strategy="mine"}} 99
"""


def test_the_reads_that_were_asked_for_are_those_of_the_strategy(tmp_path: Path) -> None:
    cpu(tmp_path, 1, ASKED.format(mine=5, other=0), ASKED.format(mine=25, other=700))
    cpu(tmp_path, 2, ASKED.format(mine=0, other=0), ASKED.format(mine=3, other=700))
    assert reads_asked(tmp_path, "mine") == 23
    assert reads_asked(tmp_path, "neither") is None


CPU = """# TYPE lab_cpu_seconds gauge
lab_cpu_seconds {}
"""


def cpu(raw: Path, pod: int, before: str, after: str) -> None:
    (raw / f"metrics-before-pod-{pod}.prom").write_text(before)
    (raw / f"metrics-pod-{pod}.prom").write_text(after)


def test_the_cpu_time_of_the_start_does_not_count(tmp_path: Path) -> None:
    cpu(tmp_path, 1, CPU.format(1.5), CPU.format(4.0))
    cpu(tmp_path, 2, CPU.format(0.5), CPU.format(1.0))
    assert pods_cpu_s(tmp_path) == 3.0


@pytest.mark.parametrize(("before", "after"), [(CPU.format(9.0), CPU.format(2.0)), ("", "")])
def test_of_a_pod_that_began_anew_or_does_not_tell_there_is_no_cpu_time(
    tmp_path: Path, before: str, after: str
) -> None:
    cpu(tmp_path, 1, CPU.format(1.5), CPU.format(4.0))
    cpu(tmp_path, 2, before, after)
    assert pods_cpu_s(tmp_path) is None


def test_a_pod_that_was_asked_only_afterwards_leaves_no_figure(tmp_path: Path) -> None:
    cpu(tmp_path, 1, CPU.format(1.5), CPU.format(4.0))
    (tmp_path / "metrics-pod-2.prom").write_text(CPU.format(4.0))
    assert pods_cpu_s(tmp_path) is None


def test_what_a_library_sends_by_its_own_client_is_counted_by_redis_without_what_the_pods_sent(tmp_path: Path) -> None:
    cpu(tmp_path, 1, TEXT.format(mget=100, set=10), TEXT.format(mget=140, set=10))
    assert redis_commands(tmp_path, has_own_client=True) is None, "Redis did not say, and 40 is not what was sent"
    keep(tmp_path, redis_info.AT_LOAD, run_id="one", commands=1_000)
    keep(tmp_path, redis_info.AFTER, run_id="one", commands=1_540)
    assert redis_commands(tmp_path, has_own_client=True) == 500
    keep(tmp_path, redis_info.AFTER, run_id="another", commands=5_000)
    assert redis_commands(tmp_path, has_own_client=True) is None, "what the first process executed is not known"


def keep(raw: Path, name: str, **said: Any) -> None:
    (raw / name).write_text(json.dumps(said))

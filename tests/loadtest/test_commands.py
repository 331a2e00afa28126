from pathlib import Path

from loadtest.commands import redis_commands

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

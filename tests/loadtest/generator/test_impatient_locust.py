"""Locust with a scenario's `[client]`: what the records, its own table and the metrics say of the same attempts."""

import itertools
import json
import re
import signal
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from loadtest.figures.generator_record import read_generator
from loadtest.figures.records import read_retries
from loadtest.generator.answer_recorder import RETRIED
from loadtest.worlds.python_server import free_port
from tests.loadtest.generator.liar import OPEN, Honest, lines_of, locust, scenario, serving
from tests.loadtest.generator.test_workers import waited

CLIENT = "\n[client]\nretries = 8\nbase_s = 0.01\ncap_s = 0.05\ntimeout_s = 5"
CLOSED = 'loop = "closed"\nusers = 4\nthink_s = 0.1'


class Shaky(Honest):
    """A pod that answers every third request for an item, and sheds the others."""

    turn = itertools.count(1)

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        if self.path.startswith("/mine") and next(self.turn) % 3:
            self.send(503, {"error": "shed"})
        else:
            super().do_GET()


@pytest.mark.parametrize("load", [OPEN.format(rate=40), CLOSED], ids=["open", "closed"])
def test_records_locust_and_metrics_tell_of_the_same_attempts(load: str, tmp_path: Path) -> None:
    port = free_port()
    options = ("--headless", "--users", "4", "--spawn-rate", "4", "--json-file", str(tmp_path / "locust"))
    with serving(Shaky) as url:
        told = ("--targets", url, "--metrics-port", str(port), "--answers", str(tmp_path))
        with locust(scenario(tmp_path, load + CLIENT), *options, *told) as process:
            assert waited(lambda: _metrics(port)["lab_load_retries_total"] >= 20, 40)
            seen = _metrics(port)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    lines = lines_of(tmp_path)
    attempts = Counter(int(line["attempts"]) for line in lines)
    assert len(attempts) > 1
    retries = sum(count * (attempt - 1) for attempt, count in attempts.items())
    generator = read_generator(tmp_path)
    assert generator is not None
    assert (generator.sent, generator.retries, generator.retries_not_sent) == (len(lines), retries, 0)
    assert sum(len(chunk.attempt) for chunk in read_retries(sorted(tmp_path.glob("retries-*.csv")))) == retries
    rows = {row["name"]: row["num_requests"] for row in json.loads((tmp_path / "locust.json").read_text())}
    assert rows == {"/mine/data": len(lines), RETRIED: retries + generator.retries_unsent}
    assert 20 <= seen["lab_load_retries_total"] <= retries
    assert seen["lab_load_failed_attempts_total"] >= seen["lab_load_retries_total"] * 0.5
    assert (seen["lab_load_gave_up_total"], seen["lab_load_retries_not_sent"]) == (0, 0)


def _metrics(port: int) -> Counter[str]:
    """The samples of a load's metrics, over all labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        samples = re.findall(r"^(\w+)(?:\{.*\})? (\S+)$", answer.read().decode(), re.MULTILINE)
    found: Counter[str] = Counter()
    for name, value in samples:
        found[name] += float(value)  # type: ignore[assignment]
    return found

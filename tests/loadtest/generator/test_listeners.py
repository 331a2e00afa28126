"""Listeners of Locust's events, beside the open loop."""

import json
from collections import Counter
from pathlib import Path

from loadtest import ROOT
from loadtest.figures.generator_record import read_generator
from tests.loadtest.generator.liar import OPEN, lines_of, run_locust, scenario, serving

STOPS_MS, EVERY = 200, 15
# A listener that stops Locust's greenlets for 200 ms at every fifteenth request, and tells at the end what it heard.
LISTENER = f"""
import json
from gevent.monkey import get_original
from locust import events

heard = []


@events.request.add_listener
def listen(**about):
    response, failed = about.pop("response"), about.pop("exception")
    heard.append(about | {{"code": response.code, "pod": response.headers.get("X-Served-By"), "failed": str(failed)}})
    if len(heard) % {EVERY} == 0:
        get_original("time", "sleep")({STOPS_MS / 1000})


@events.quit.add_listener
def write(**_):
    with open("HEARD", "w") as file:
        json.dump(heard, file)
"""


def test_listeners_hear_of_every_request_and_do_not_make_any_late(tmp_path: Path) -> None:
    (tmp_path / "listener.py").write_text(LISTENER.replace("HEARD", str(tmp_path / "heard.json")))
    with serving() as url:
        ended = run_locust(
            scenario(tmp_path, OPEN.format(rate=40), duration_s=4), "--host", url, "--run-time", "4s",
            "--duration", "4", "--answers", str(tmp_path), "--json-file", str(tmp_path / "locust"),
            "--locustfile", f"{ROOT / 'loadtest' / 'locustfile.py'},{tmp_path / 'listener.py'}",
        )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    lines, heard = lines_of(tmp_path), json.loads((tmp_path / "heard.json").read_text())
    assert Counter(one["url"].rpartition("=")[2] for one in heard) == Counter(line["key"] for line in lines)
    assert {(one["request_type"], one["name"], one["code"], one["pod"], one["failed"]) for one in heard} == {
        ("GET", "/mine/data", 200, "honest", "None")
    }
    assert set(heard[0]) == {
        "request_type", "name", "url", "response_time", "response_length", "context", "start_time",
        "code", "pod", "failed",
    }  # fmt: skip
    sent_s = sorted(float(line["sent_s"]) for line in lines)
    began_s = sorted(one["start_time"] for one in heard)
    assert all(abs(one_s - other_s) < 0.05 for one_s, other_s in zip(began_s, sent_s, strict=True))
    (own,) = json.loads((tmp_path / "locust.json").read_text())
    assert (own["name"], own["num_requests"], own["num_failures"]) == ("/mine/data", len(lines), 0)
    generator = read_generator(tmp_path)
    assert generator is not None
    assert generator.sent == len(lines)
    assert generator.lateness_p99_ms < STOPS_MS / 2, "Locust stood still for half of the time, and the load did not"

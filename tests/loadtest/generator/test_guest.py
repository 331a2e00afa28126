"""A Locust file of somebody's own is seen by the stack like the lab's: in the same metrics, behind the same door."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from loadtest.worlds.python_server import free_port
from loadtest.worlds.stack_settings import GUEST
from tests.stack.waiting import wait_until

pytestmark = pytest.mark.alone

MINE = """
from locust import HttpUser, constant, task

class Mine(HttpUser):
    wait_time = constant(0.1)

    @task
    def ask(self):
        self.client.get("/swr/data?id=7")
        self.client.get("/elsewhere")
        with self.client.get("/static", catch_response=True) as answer:
            answer.failure("not what I want")
"""


class _Pod(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(500 if self.path == "/elsewhere" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pod() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pod) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_its_requests_are_in_the_loads_metrics_and_its_ui_is_behind_the_labs_door(pod: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    metrics, ui = free_port(), free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "LOCUST_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "locust", "--locustfile", f"{tmp_path / 'mine.py'},{GUEST}", "--host", pod,
         "--users", "2", "--autostart", "--web-host", "127.0.0.1", "--web-port", str(ui)],
        env=environment | {"LAB_METRICS_PORT": str(metrics)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def seen() -> str:
        try:
            text = httpx.get(f"http://127.0.0.1:{metrics}/metrics", trust_env=False).text
        except httpx.HTTPError:
            return ""
        return text if 'code="500"' in text and 'wrong_answers_total{strategy="static"}' in text else ""

    try:
        text = wait_until("its requests are in the metrics", seen, within_s=60)
        refused = httpx.get(f"http://127.0.0.1:{ui}/", headers={"Host": "elsewhere.example"}, trust_env=False)
    finally:
        process.kill()
        process.wait()
    counted = {line.rpartition(" ")[0] for line in text.splitlines()}
    assert 'lab_load_requests_total{code="200",strategy="swr"}' in counted
    assert 'lab_load_requests_total{code="500",strategy="other"}' in counted
    assert "lab_load_lateness_seconds_count 0.0" in text, "nobody knows when it was meant to ask"
    assert refused.status_code == 421

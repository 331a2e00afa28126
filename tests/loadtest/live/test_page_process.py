"""The process of a live page ends with its bench, however that ends."""

import signal
import socket
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from loadtest.live.page_process import PortTaken, page_process

BENCH = """
import sys, time
from loadtest.live.page_process import page_process
with page_process() as page:
    print(page.url, page.pid, flush=True)
    time.sleep(60)
"""


def test_a_port_that_is_taken_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} of 127.0.0.1 cannot be had"), page_process(port):
            pass


def test_a_page_of_its_own_ends_with_the_context_and_its_port_is_free_again() -> None:
    with page_process() as page:
        assert "live.js" not in httpx.get(page.url, trust_env=False, timeout=60).text
        port = int(page.url.rsplit(":", 1)[1].strip("/"))
        found = psutil.Process(page.pid)
        assert found.nice() == 19
        assert {one.laddr.ip for one in found.net_connections() if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert not psutil.pid_exists(page.pid)
    with page_process(port) as again:
        assert again.url == page.url
        psutil.Process(again.pid).kill()
        psutil.Process(again.pid).wait(10)
        assert again.why_ended()  # the bench goes on, and tells at its end


def test_a_page_goes_with_a_bench_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", BENCH], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        url, pid = bench.stdout.readline().split()
        page = psutil.Process(int(pid))
        httpx.get(url, trust_env=False, timeout=60)
        bench.send_signal(signal.SIGKILL)
        began_s = time.monotonic()
        psutil.wait_procs([page], timeout=10)
    assert not page.is_running()
    assert time.monotonic() - began_s < 5

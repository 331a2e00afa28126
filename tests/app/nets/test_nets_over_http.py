"""The refusals of the nets on the wire: codes, Retry-After, and whose request it is that is too much."""

import json
from pathlib import Path

import httpx

from tests.pod_process import pod_process


def refused(answer: httpx.Response) -> tuple[int, int, int]:
    """The code, whole seconds and milliseconds of a refusal."""
    return answer.status_code, int(answer.headers["retry-after"]), int(answer.headers["x-retry-after-ms"])


def test_a_client_beyond_its_rate_is_answered_429_by_whichever_way_it_asks(tmp_path: Path) -> None:
    nets = json.dumps({"rate_limit_per_client_per_s": 0.1, "burst_s": 10, "client_header": "x-client"})
    with pod_process(tmp_path, nets=nets) as pod, httpx.Client(base_url=pod.url, timeout=10) as client:
        for path in ("/static?id=1", "/static?i%64=1"):  # the second one by way of the framework
            for name in ("one", "another"):
                headers = {"X-Client": f"{name} {path}"}
                assert client.get(path, headers=headers).status_code == 200
                code, seconds, milliseconds = refused(client.get(path, headers=headers))
                assert code == 429
                assert seconds - 1 <= milliseconds / 1000 <= seconds <= 10
        assert client.get("/static?id=1").status_code == 200, "without the header it is the peer's address"
        assert client.get("/static?id=1").status_code == 429
        acts = client.get("/metrics").text
        assert 'lab_net_acts_total{net="client-rate-limit",strategy="static"} 5.0' in acts


def test_a_pod_limits_all_its_clients_together(tmp_path: Path) -> None:
    nets = json.dumps({"rate_limit_per_s": 0.1, "burst_s": 30})
    with pod_process(tmp_path, nets=nets) as pod, httpx.Client(base_url=pod.url, timeout=10) as client:
        answers = [client.get(f"/static?id={number}") for number in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert client.get("/swr?id=1").status_code == 200, "each strategy has limits of its own"

"""The tuner reads what VictoriaMetrics or the pods say, and anything else is `MetricsAway` within a bound."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from app.metrics import Metrics
from app.prefixes import prefixes_of
from app.tuner import http
from app.tuner.rates import MetricsAway
from app.tuner.sources import QUERY, MetricsStore, PodsThemselves
from tests.app.tuner.endpoint import Endpoint, endpoint

HOT, COLD = prefixes_of("any")[:2]


def test_the_rates_of_the_metrics_store_are_those_of_one_query_without_what_is_no_number() -> None:
    async def story() -> None:
        async with endpoint() as store:
            store.tell({HOT: 12.5, COLD: float("nan")})
            assert await MetricsStore(f"{store.url}/")() == {HOT: 12.5}
            assert parse_qs(urlsplit(store.asked[0]).query) == {"query": [QUERY]}

    asyncio.run(story())


def test_the_rates_of_pods_are_those_of_their_own_metrics_and_one_that_is_away_is_left_out() -> None:
    async def story() -> None:
        metrics = Metrics()
        metrics.watch_prefixes("any", 5.0, lambda prefix: None)
        async with endpoint() as pod, endpoint() as other:
            rates = PodsThemselves([pod.url, other.url])
            for _ in range(2):
                pod.say(metrics.text().decode())
                other.say("no metrics here", "503 Service Unavailable")
                found = await rates()
                metrics.runner("any").prefix_asked(HOT)
            assert found.keys() == {*prefixes_of("any")}
            pod.say(metrics.text().decode())
            later = await rates()
            assert later[HOT] > 0
            assert later[COLD] == 0

    asyncio.run(story())


def hangs(store: Endpoint) -> None:
    store.answer = None


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (hangs, "did not answer within"),
        (lambda store: store.say("{}"), "no vector of rates"),
        (lambda store: store.say("not JSON"), "no vector of rates"),
        (lambda store: store.say('{"data": {"result": [{"metric": {}, "value": [1, "2"]}]}}'), "no vector of rates"),
        (lambda store: store.say(json.dumps({"data": {"result": [7]}})), "no vector of rates"),
        (lambda store: store.say("", "422 Unprocessable"), "422"),
        (lambda store: store.say("x" * 2_000), "more than"),
        (lambda store: setattr(store, "answer", b""), "answered b''"),
        (lambda store: setattr(store, "answer", b"HTTP/1.1 200 OK\r\n\r\n\xff\xff"), "can't decode"),
    ],
)
def test_a_metrics_store_that_hangs_refuses_or_talks_nonsense_is_away(
    breaks: Callable[[Endpoint], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WITHIN_S", 0.2)
    monkeypatch.setattr(http, "BYTES_MAX", 1_000)

    async def story() -> None:
        async with endpoint() as store:
            breaks(store)
            sources: list[Callable[[], Awaitable[object]]] = [MetricsStore(store.url)]
            if "vector" not in said:
                sources.append(PodsThemselves([store.url]))
            for source in sources:
                with pytest.raises(MetricsAway, match=said):
                    await source()
        with pytest.raises(MetricsAway):  # nobody listens any more
            await MetricsStore(store.url)()

    asyncio.run(story())

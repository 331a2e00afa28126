"""The sources of request rates: VictoriaMetrics, or without one the pods themselves."""

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from app.tuner.http import get
from app.tuner.rates import CounterRates, MetricsAway

COUNTER = "lab_prefix_requests"
"""The counter of a pod's requests, with the label `prefix`."""
RATE_OVER_S = 10
"""Seconds over which VictoriaMetrics computes a rate."""
QUERY = f"sum by (prefix) (rate({COUNTER}_total[{RATE_OVER_S}s]))"


class MetricsStore:
    """A VictoriaMetrics, or whatever else answers PromQL at `/api/v1/query`. Implements `app.tuner.rates.Rates`."""

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query?{urlencode({'query': QUERY})}"

    async def __call__(self) -> Mapping[str, float]:
        answer = await get(self._url)
        try:
            told = json.loads(answer)
            found = {str(one["metric"]["prefix"]): float(one["value"][1]) for one in told["data"]["result"]}
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise MetricsAway(f"{self._url} answered no vector of rates: {answer!r:.80}") from error
        return {prefix: rate for prefix, rate in found.items() if math.isfinite(rate)}


class PodsThemselves:
    """The `/metrics` of pods at these URLs; those that do not answer are left out. Implements `Rates`."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls, self._rates = [url.rstrip("/") for url in urls], CounterRates()

    async def __call__(self) -> Mapping[str, float]:
        answers = await asyncio.gather(*map(_counts, self._urls), return_exceptions=True)
        counts = {url: told for url, told in zip(self._urls, answers, strict=True) if isinstance(told, dict)}
        failures = [told for told in answers if isinstance(told, BaseException)]
        for failure in failures:
            if not isinstance(failure, MetricsAway):
                raise failure
        if failures and not counts:
            raise failures[0]
        return self._rates.look(counts, time.monotonic())


async def _counts(url: str) -> dict[str, float]:
    """The counts of one pod by prefix. Raises `MetricsAway`."""
    lines = [line for line in (await get(f"{url}/metrics")).splitlines() if line.startswith(f"{COUNTER}_total{{")]
    try:
        families = text_string_to_metric_families("\n".join([*lines, ""]))
        return {sample.labels["prefix"]: sample.value for family in families for sample in family.samples}
    except (ValueError, KeyError) as error:
        raise MetricsAway(f"{url}/metrics holds no counters by prefix: {error}") from error
